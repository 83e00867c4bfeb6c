//! Deliveries, pushes and pull requests.

use std::collections::BTreeMap;

use planwright_core::{
    names::{BranchName, DeliveryId, RepositoryId, UserId},
    pull_request::PullRequestState,
};
use planwright_store::{Delivery, Effects, NewJob, Push, Receipt};

use super::{Database, PR, at, job, login, on_both, sha};

fn delivery(id: &str) -> Delivery {
    Delivery {
        id: DeliveryId::parse(id).unwrap(),
        event: "pull_request".into(),
        action: Some("synchronize".into()),
        repository: Some(PR.repository),
        number: Some(PR.number),
        body: r#"{"emoji":"👀","escaped":"\u0000"}"#.into(),
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
        at: at(50),
    }
}

fn effects() -> Effects {
    Effects {
        raise_generation: Some(PR),
        push: Some(push("topic", 'a', 1)),
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

async fn whoever_pushed_the_branch_or_its_head_is_known(database: &Database) {
    let store = database.store().await;
    let pushes = [
        push("topic", 'a', 1),
        push("topic", 'b', 2),
        push("elsewhere", 'b', 3),
        push("elsewhere", 'c', 4),
        push("topic-2", 'd', 5),
        Push { repository: RepositoryId(2), ..push("topic", 'b', 6) },
    ];
    for (i, push) in pushes.into_iter().enumerate() {
        let effects = Effects { push: Some(push), ..Effects::default() };
        let _ = store.receive(&delivery(&format!("push-{i}")), &effects).await.unwrap();
    }
    let branch = BranchName::parse("topic").unwrap();
    let pushers = store.pushers(PR.repository, &branch, &[sha('b'), sha('e')]).await.unwrap();
    let expected: BTreeMap<_, _> =
        [1, 2, 3].map(|user| (UserId(user), login(&format!("user-{user}")))).into();
    assert_eq!(pushers, expected);
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

on_both!(
    a_delivery_is_taken_once_with_all_that_follows,
    of_two_equal_deliveries_at_once_one_is_taken,
    a_delivery_cut_off_at_any_point_is_all_there_or_not_at_all,
    what_never_arrived_is_known,
    whoever_pushed_the_branch_or_its_head_is_known,
    a_pull_request_keeps_its_generation_when_its_head_is_recorded,
);
