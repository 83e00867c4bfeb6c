//! Deliveries, pushes and pull requests.

use planwright_core::{
    names::{BranchName, CommentId, DeliveryId, PrNumber, RepositoryId, UserId},
    people::PushKind,
    proposal::OwnBranch,
    pull_request::PullRequestState,
};
use planwright_store::{
    Delivery, Effects, HeadBranch, NewJob, PullRequestId, Push, PushedTo, Receipt, Store,
};

use super::{Database, PR, at, job, login, on_both, sha};

fn delivery(id: &str) -> Delivery {
    Delivery {
        id: DeliveryId::parse(id).unwrap(),
        event: "pull_request".into(),
        action: Some("synchronize".into()),
        repository: Some(PR.repository),
        number: Some(PR.number),
        body: format!(r#"{{"id":"{id}","emoji":"👀","escaped":"\u0000"}}"#),
        received_at: at(100),
    }
}

fn push(branch: &str, after: char, user: i64) -> Push {
    Push {
        repository: PR.repository,
        git_ref: format!("refs/heads/{branch}"),
        before: sha('0'),
        after: sha(after),
        user: UserId(user),
        login: login(&format!("user-{user}")),
        kind: PushKind::Push,
        at: at(50),
    }
}

fn effects() -> Effects {
    Effects {
        raise_generation: Some(PR),
        push: Some(push("topic", 'a', 1)),
        carries_out: None,
        jobs: vec![NewJob { pull_request: Some(PR), ..job("pr/1/7") }, job("ack/one")],
    }
}

async fn a_delivery_is_taken_once_with_all_that_follows(database: &Database) {
    let store = database.store().await;
    assert_eq!(store.receive(&delivery("one"), &effects()).await.unwrap(), Receipt::Received);
    assert_eq!(store.receive(&delivery("one"), &effects()).await.unwrap(), Receipt::Duplicate);

    assert_eq!(store.generation(PR).await.unwrap(), 1);
    let jobs = store.open_jobs().await.unwrap();
    assert_eq!(jobs.iter().map(|job| job.key.as_str()).collect::<Vec<_>>(), ["pr/1/7", "ack/one"]);
    assert_eq!(jobs[0].generation, Some(1), "the job belongs to the generation just raised");
    let stored = store.delivery(&delivery("one").id).await.unwrap();
    assert_eq!(stored, Some(delivery("one")));
}

/// The GUID is not signed, and GitHub's list of deliveries spells the same body otherwise.
async fn a_body_is_received_once_under_whatever_guid_and_event(database: &Database) {
    let store = database.store().await;
    assert_eq!(store.receive(&delivery("one"), &effects()).await.unwrap(), Receipt::Received);
    let spelt = "{ \"escaped\": \"\\u0000\", \"emoji\": \"👀\",\n\"id\": \"one\" }".to_owned();
    for (id, body) in [("two", delivery("one").body), ("three", spelt)] {
        let captured = Delivery { event: "issues".into(), body, ..delivery(id) };
        assert_eq!(store.receive(&captured, &effects()).await.unwrap(), Receipt::Duplicate, "{id}");
        let kept = store.delivery(&captured.id).await.unwrap().expect("GitHub is not asked again");
        assert_eq!(kept.body, "", "it takes no room");
    }
    assert_eq!(store.generation(PR).await.unwrap(), 1);
    assert_eq!(store.open_jobs().await.unwrap().len(), 2);
    // Under a GUID that is taken, another body leaves no trace.
    let taken = Delivery { body: delivery("four").body, ..delivery("two") };
    assert_eq!(store.receive(&taken, &effects()).await.unwrap(), Receipt::Duplicate);
    assert_eq!(store.receive(&delivery("four"), &effects()).await.unwrap(), Receipt::Received);
}

async fn a_comment_is_carried_out_once_however_often_it_is_delivered(database: &Database) {
    let store = database.store().await;
    let of = |comment| Effects { carries_out: Some(CommentId(comment)), ..effects() };
    for (id, comment, jobs) in [("one", 9, 2), ("two", 9, 2), ("three", 8, 4)] {
        let receipt = store.receive(&delivery(id), &of(comment)).await.unwrap();
        assert_eq!(receipt, Receipt::Received, "{id}: the body is new");
        assert_eq!(store.open_jobs().await.unwrap().len(), jobs, "{id}");
    }
    let elsewhere = Delivery { repository: Some(RepositoryId(2)), ..delivery("four") };
    let _ = store.receive(&elsewhere, &of(9)).await.unwrap();
    assert_eq!(store.open_jobs().await.unwrap().len(), 6, "a comment of another repository");
}

async fn of_two_equal_deliveries_at_once_one_is_taken(database: &Database) {
    let (one, other) = (database.store().await, database.store().await);
    for round in 0..20 {
        let delivery = delivery(&format!("round-{round}"));
        let effects = effects();
        let (first, second) =
            tokio::join!(one.receive(&delivery, &effects), other.receive(&delivery, &effects));
        let receipts = [first.unwrap(), second.unwrap()];
        assert!(receipts.contains(&Receipt::Received) && receipts.contains(&Receipt::Duplicate));
    }
    assert_eq!(one.generation(PR).await.unwrap(), 20);
    assert_eq!(one.open_jobs().await.unwrap().len(), 40);
}

/// Wherever the process stops, all of a delivery is there or nothing, and GitHub's redelivery mends it.
async fn a_delivery_cut_off_at_any_point_is_all_there_or_not_at_all(database: &Database) {
    let store = database.store().await;
    let mut cut_off = 0;
    for patience in 0..40 {
        let delivery = delivery(&format!("cut-{patience}"));
        let effects = effects();
        let before = store.generation(PR).await.unwrap();
        let yields = async {
            for _ in 0..patience {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            receipt = store.receive(&delivery, &effects) => assert!(receipt.is_ok()),
            () = yields => cut_off += 1,
        }
        let is_stored = store.delivery(&delivery.id).await.unwrap().is_some();
        let receipt = store.receive(&delivery, &effects).await.unwrap();
        if is_stored {
            assert_eq!(receipt, Receipt::Duplicate);
        }
        assert_eq!(store.generation(PR).await.unwrap(), before + 1, "cut off after {patience}");
    }
    assert!(cut_off > 0, "no delivery was cut off: this shows nothing");
    assert_eq!(store.open_jobs().await.unwrap().len(), 80);
}

async fn what_never_arrived_is_known(database: &Database) {
    let store = database.store().await;
    assert_eq!(store.last_delivery_at().await.unwrap(), None);
    let later = Delivery { received_at: at(200), ..delivery("two") };
    for delivery in [later, delivery("one")] {
        let _ = store.receive(&delivery, &Effects::default()).await.unwrap();
    }
    let ids = ["two", "three", "one"].map(|id| DeliveryId::parse(id).unwrap());
    assert_eq!(store.missing_deliveries(&ids).await.unwrap(), ids[1..2]);
    assert_eq!(store.last_delivery_at().await.unwrap(), Some(at(200)));
}

/// The users of the pushes to `topic` and of the commit `b`, in order.
async fn pushers(store: &Store, head_repository: i64) -> Vec<i64> {
    let pushed_to = PushedTo {
        pull_request: PR,
        repository: Some(RepositoryId(head_repository)),
        branch: &BranchName::parse("topic").unwrap(),
        opened_at: at(10_000),
        commits: &[sha('b'), sha('e')],
    };
    let pushes = store.pushes_to(&pushed_to).await.unwrap();
    let mut users: Vec<i64> = pushes.into_iter().map(|push| push.by.0).collect();
    users.sort_unstable();
    users
}

async fn whoever_pushed_the_branch_or_its_commits_is_known(database: &Database) {
    let store = database.store().await;
    let of_pull = format!("refs/pull/{}/head", PR.number);
    let pushes = [
        push("topic", 'a', 1),
        push("topic", 'b', 2),
        push("elsewhere", 'b', 3),
        push("elsewhere", 'c', 4),
        push("topic-2", 'd', 5),
        Push { repository: RepositoryId(2), ..push("topic", 'b', 6) },
        Push { git_ref: of_pull, ..push("", 'f', 7) },
    ];
    for (i, push) in pushes.into_iter().enumerate() {
        let effects = Effects { push: Some(push), ..Effects::default() };
        let _ = store.receive(&delivery(&format!("push-{i}")), &effects).await.unwrap();
    }
    assert_eq!(pushers(&store, PR.repository.0).await, [1, 2, 3, 7]);
    // The branch `topic` of a fork is another one.
    assert_eq!(pushers(&store, 2).await, [2, 3, 6, 7]);
    assert_eq!(pushers(&store, 3).await, [2, 3, 7]);
}

async fn what_was_pushed_before_an_earlier_merge_belongs_to_that(database: &Database) {
    let store = database.store().await;
    for (user, second) in [(1, 1_000), (2, 1_701), (3, 2_500)] {
        store.record_push(&Push { at: at(second), ..push("topic", 'a', user) }).await.unwrap();
    }
    assert_eq!(pushers(&store, PR.repository.0).await, [1, 2, 3]);
    let merged = |repository, second| HeadBranch {
        repository: Some(repository),
        name: BranchName::parse("topic").unwrap(),
        merged_at: Some(at(second)),
    };
    let other = PullRequestId { number: PrNumber(PR.number.0 + 1), ..PR };
    for id in [PR, other] {
        store.record_pull_request(id, &sha('a'), PullRequestState::Open).await.unwrap();
    }
    // Its own merge, one of another repository, and one after it was opened change nothing.
    for (id, branch) in [
        (PR, merged(PR.repository, 2_000)),
        (other, merged(RepositoryId(2), 2_000)),
        (other, merged(PR.repository, 20_000)),
    ] {
        store.record_head_branch(id, &branch).await.unwrap();
        assert_eq!(pushers(&store, PR.repository.0).await, [1, 2, 3], "{id} {branch:?}");
    }
    // Five minutes are left for clocks that differ.
    store.record_head_branch(other, &merged(PR.repository, 2_000)).await.unwrap();
    assert_eq!(pushers(&store, PR.repository.0).await, [2, 3]);
}

async fn a_pull_request_keeps_its_generation_when_its_head_is_recorded(database: &Database) {
    let store = database.store().await;
    assert_eq!(store.pull_request(PR).await.unwrap(), None);
    assert_eq!(store.raise_generation(PR).await.unwrap(), 1);
    assert_eq!(store.raise_generation(PR).await.unwrap(), 2);
    store.record_pull_request(PR, &sha('a'), PullRequestState::Open).await.unwrap();
    store.record_pull_request(PR, &sha('b'), PullRequestState::Merged).await.unwrap();
    store.request_cancel(PR, 2).await.unwrap();
    store.request_cancel(PR, 1).await.unwrap();

    let known = store.pull_request(PR).await.unwrap().unwrap();
    assert_eq!((known.generation, known.cancel_requested), (2, Some(2)));
    assert_eq!(
        (known.head.as_ref(), known.state),
        (Some(&sha('b')), Some(PullRequestState::Merged))
    );
    // Whoever looked before the merge is late with what was seen then.
    store.record_pull_request(PR, &sha('a'), PullRequestState::Open).await.unwrap();
    assert_eq!(store.pull_request(PR).await.unwrap().as_ref(), Some(&known));
    let merged = store.pull_requests_in(PR.repository, PullRequestState::Merged).await.unwrap();
    assert_eq!(merged, [known]);
    let open = store.pull_requests_in(PR.repository, PullRequestState::Open).await.unwrap();
    assert_eq!(open, []);
}

async fn a_branch_of_the_bot_is_remembered_until_it_is_made_anew(database: &Database) {
    let store = database.store().await;
    let branch = BranchName::parse("planwright/1-logs").unwrap();
    let own = || async { store.own_branch(PR.repository, &branch).await.unwrap() };
    // What nobody made cannot be moved.
    store.record_own_head(PR.repository, &branch, &sha('b')).await.unwrap();
    assert_eq!(own().await, None);
    let fresh = OwnBranch { base: sha('a'), head: None, pull_request: None };
    store.record_own_branch(PR.repository, &branch, &sha('a'), at(1)).await.unwrap();
    assert_eq!(own().await.as_ref(), Some(&fresh));
    store.record_own_head(PR.repository, &branch, &sha('b')).await.unwrap();
    store.record_own_pull_request(PR.repository, &branch, PR.number).await.unwrap();
    let opened = OwnBranch { head: Some(sha('b')), pull_request: Some(PR.number), ..fresh.clone() };
    assert_eq!(own().await, Some(opened));
    assert_eq!(store.own_branch(RepositoryId(2), &branch).await.unwrap(), None);
    store.record_own_branch(PR.repository, &branch, &sha('a'), at(2)).await.unwrap();
    assert_eq!(own().await, Some(fresh));
    store.forget_own_branch(PR.repository, &branch).await.unwrap();
    assert_eq!(own().await, None);
}

on_both!(
    a_branch_of_the_bot_is_remembered_until_it_is_made_anew,
    a_delivery_is_taken_once_with_all_that_follows,
    a_body_is_received_once_under_whatever_guid_and_event,
    a_comment_is_carried_out_once_however_often_it_is_delivered,
    of_two_equal_deliveries_at_once_one_is_taken,
    a_delivery_cut_off_at_any_point_is_all_there_or_not_at_all,
    what_never_arrived_is_known,
    whoever_pushed_the_branch_or_its_commits_is_known,
    what_was_pushed_before_an_earlier_merge_belongs_to_that,
    a_pull_request_keeps_its_generation_when_its_head_is_recorded,
);
