//! Single jobs: claiming, extending, losing and ending them.

use planwright_store::{
    Claim, Error, HeartbeatReply, JobState, Lease, NewJob, Outcome, RetryPolicy, Store,
    WriteOutcome,
};

use super::{Database, LEASE, PR, at, job, kind, on_both};

async fn claim(store: &Store, second: i64) -> Option<Claim> {
    store.claim("worker", &[kind("plan")], at(second), LEASE).await.unwrap()
}

async fn finish(store: &Store, lease: Lease, outcome: Outcome) -> WriteOutcome {
    store.finish(lease, &outcome, &[], at(50)).await.unwrap()
}

async fn jobs_of_a_key_run_in_order_one_at_a_time(database: &Database) {
    let store = database.store().await;
    let mut ids = Vec::new();
    for key in ["a", "a", "b"] {
        ids.push(store.enqueue(&job(key), at(0)).await.unwrap().unwrap());
    }
    let first = claim(&store, 1).await.unwrap();
    let other_key = claim(&store, 1).await.unwrap();
    assert_eq!([first.job.id, other_key.job.id], [ids[0], ids[2]]);
    assert_eq!(claim(&store, 1).await, None, "the second of a key waits");

    // Also a job that is only waiting for its next attempt holds back the later ones.
    let _ = finish(&store, other_key.lease, Outcome::Done).await;
    let retry = Outcome::Retry { at: at(90), error: "no answer".into() };
    assert_eq!(finish(&store, first.lease, retry).await, WriteOutcome::Written);
    assert_eq!(claim(&store, 60).await, None);
    let again = claim(&store, 90).await.unwrap();
    assert_eq!((again.job.id, again.job.attempts), (ids[0], 2));
    assert_eq!(again.job.error.as_deref(), Some("no answer"));
    let _ = finish(&store, again.lease, Outcome::Done).await;
    assert_eq!(claim(&store, 90).await.unwrap().job.id, ids[1]);
}

async fn a_worker_takes_only_its_kinds_and_only_what_is_due(database: &Database) {
    let store = database.store().await;
    let later = NewJob { run_at: at(10), ..job("a") };
    store.enqueue(&later, at(0)).await.unwrap();
    assert_eq!(claim(&store, 9).await, None);
    for others in [vec![], vec![kind("pla")], vec![kind("plan-group"), kind("an")]] {
        assert_eq!(store.claim("worker", &others, at(10), LEASE).await.unwrap(), None);
        assert_eq!(store.next_due(&others).await.unwrap(), None);
    }
    let mine = [kind("ack"), kind("plan")];
    assert_eq!(store.next_due(&mine).await.unwrap(), Some(at(10)));
    assert!(store.claim("worker", &mine, at(10), LEASE).await.unwrap().is_some());
    assert_eq!(store.next_due(&mine).await.unwrap(), Some(at(40)), "then the lease runs out");
}

async fn a_dedupe_key_lets_one_job_in_until_it_is_forgotten(database: &Database) {
    let store = database.store().await;
    let unique = NewJob { dedupe: Some("scan/1".into()), ..job("a") };
    assert!(store.enqueue(&unique, at(0)).await.unwrap().is_some());
    assert_eq!(store.enqueue(&unique, at(0)).await.unwrap(), None);
    let claimed = claim(&store, 1).await.unwrap();
    let _ = finish(&store, claimed.lease, Outcome::Done).await;
    assert_eq!(store.enqueue(&unique, at(51)).await.unwrap(), None);
    assert_eq!(store.delete_before(at(51)).await.unwrap().jobs, 1);
    assert!(store.enqueue(&unique, at(52)).await.unwrap().is_some());
}

async fn a_zombie_changes_nothing_and_is_told_so(database: &Database) {
    let store = database.store().await;
    store.enqueue(&job("a"), at(0)).await.unwrap();
    let zombie = claim(&store, 0).await.unwrap();
    assert_eq!(claim(&store, 29).await, None, "the lease still holds");
    let heir = claim(&store, 30).await.unwrap();
    assert!(!heir.recovered, "a job that may be repeated is simply run again");
    assert_eq!(heir.job.lost_leases, 1);

    let outcomes = [
        Outcome::Done,
        Outcome::Retry { at: at(0), error: "late".into() },
        Outcome::Requeue { at: at(0) },
        Outcome::Failed { error: "late".into() },
    ];
    for outcome in outcomes {
        let follow_up = [job("follow-up")];
        let fenced = store.finish(zombie.lease, &outcome, &follow_up, at(31)).await.unwrap();
        assert_eq!(fenced, WriteOutcome::Lost);
    }
    assert_eq!(store.heartbeat(zombie.lease, at(31), LEASE).await.unwrap(), HeartbeatReply::Lost);
    assert_eq!(store.open_jobs().await.unwrap().len(), 1, "nor does what would follow come in");
    assert_eq!(finish(&store, heir.lease, Outcome::Done).await, WriteOutcome::Written);
    assert_eq!(finish(&store, heir.lease, Outcome::Done).await, WriteOutcome::Lost, "once");
}

async fn a_heartbeat_keeps_the_job(database: &Database) {
    let store = database.store().await;
    store.enqueue(&job("a"), at(0)).await.unwrap();
    let kept = claim(&store, 0).await.unwrap();
    assert_eq!(store.heartbeat(kept.lease, at(20), LEASE).await.unwrap(), HeartbeatReply::Going);
    assert_eq!(claim(&store, 49).await, None);
    assert!(claim(&store, 50).await.is_some());
}

async fn a_running_job_hears_that_it_is_superseded_or_cancelled(database: &Database) {
    let store = database.store().await;
    let about =
        |key: &str, retry_policy| NewJob { pull_request: Some(PR), retry_policy, ..job(key) };
    store.raise_generation(PR).await.unwrap();
    store.enqueue(&about("pr", RetryPolicy::Freely), at(0)).await.unwrap();
    store.enqueue(&about("apply", RetryPolicy::Never), at(0)).await.unwrap();
    let (plan, apply) = (claim(&store, 0).await.unwrap(), claim(&store, 0).await.unwrap());
    let beats = async || {
        let plan = store.heartbeat(plan.lease, at(1), LEASE).await.unwrap();
        [plan, store.heartbeat(apply.lease, at(1), LEASE).await.unwrap()]
    };
    assert_eq!(beats().await, [HeartbeatReply::Going, HeartbeatReply::Going]);
    store.raise_generation(PR).await.unwrap();
    assert_eq!(
        beats().await,
        [HeartbeatReply::Superseded, HeartbeatReply::Going],
        "an apply is not superseded"
    );
    store.request_cancel(PR, 0).await.unwrap();
    assert_eq!(
        beats().await,
        [HeartbeatReply::Superseded, HeartbeatReply::Going],
        "that cancel was for earlier ones"
    );
    store.request_cancel(PR, 1).await.unwrap();
    assert_eq!(beats().await, [HeartbeatReply::Cancelled, HeartbeatReply::Cancelled]);

    store.enqueue(&about("new", RetryPolicy::Freely), at(0)).await.unwrap();
    let new = claim(&store, 0).await.unwrap();
    assert_eq!(store.heartbeat(new.lease, at(1), LEASE).await.unwrap(), HeartbeatReply::Going);
}

async fn an_apply_whose_worker_was_lost_comes_back_marked_and_is_never_retried(
    database: &Database,
) {
    let store = database.store().await;
    let apply = NewJob { retry_policy: RetryPolicy::Never, ..job("apply/1/7") };
    store.enqueue(&apply, at(0)).await.unwrap();
    let first = claim(&store, 0).await.unwrap();
    assert!(!first.recovered);
    let waiting = Outcome::Requeue { at: at(1) };
    assert_eq!(finish(&store, first.lease, waiting.clone()).await, WriteOutcome::Written);
    let second = claim(&store, 1).await.unwrap();
    assert!(!second.recovered, "waiting for a lock is no loss");
    assert_eq!(second.job.attempts, 1, "and no attempt");

    let retry = Outcome::Retry { at: at(2), error: "no answer".into() };
    let refused = store.finish(second.lease, &retry, &[], at(2)).await;
    assert!(matches!(refused, Err(Error::NeverRepeated(_))), "{refused:?}");
    assert_eq!(store.open_jobs().await.unwrap()[0].state, JobState::Running, "nothing was written");

    let recovered = claim(&store, 31).await.unwrap();
    assert!(recovered.recovered);
    assert_eq!(finish(&store, recovered.lease, waiting).await, WriteOutcome::Written);
    assert!(claim(&store, 60).await.unwrap().recovered, "it stays so");
}

async fn what_follows_a_job_is_enqueued_with_its_end(database: &Database) {
    let store = database.store().await;
    let mut wakes = store.wakes();
    store.enqueue(&job("a"), at(0)).await.unwrap();
    wakes.changed().await.unwrap();
    let claimed = claim(&store, 0).await.unwrap();
    assert!(!wakes.has_changed().unwrap());
    let next = [job("b"), job("c")];
    let fenced = store.finish(claimed.lease, &Outcome::Done, &next, at(1)).await.unwrap();
    assert_eq!(fenced, WriteOutcome::Written);
    assert!(wakes.has_changed().unwrap());
    let keys: Vec<_> = store.open_jobs().await.unwrap().into_iter().map(|job| job.key).collect();
    assert_eq!(keys, ["b", "c"]);
    assert_eq!(store.job(claimed.job.id).await.unwrap().unwrap().state, JobState::Done);
}

async fn a_failure_is_kept_for_people(database: &Database) {
    let store = database.store().await;
    store.enqueue(&job("a"), at(0)).await.unwrap();
    let claimed = claim(&store, 0).await.unwrap();
    let error = "the child printed \0".to_owned();
    let _ = finish(&store, claimed.lease, Outcome::Failed { error }).await;
    let failed = store.failed_jobs(10).await.unwrap();
    assert_eq!(failed[0].error.as_deref(), Some("the child printed \u{fffd}"));
    assert_eq!(store.open_jobs().await.unwrap(), []);
}

async fn a_worker_that_starts_anew_ends_its_old_leases_only(database: &Database) {
    let store = database.store().await;
    for key in ["a", "b"] {
        store.enqueue(&job(key), at(0)).await.unwrap();
    }
    let mine = claim(&store, 0).await.unwrap();
    store.claim("another", &[kind("plan")], at(0), LEASE).await.unwrap().unwrap();
    assert_eq!(store.abandon_leases("worker", at(1)).await.unwrap(), 1);
    assert_eq!(claim(&store, 1).await.unwrap().job.id, mine.job.id);
    assert_eq!(claim(&store, 1).await, None);
}

on_both!(
    jobs_of_a_key_run_in_order_one_at_a_time,
    a_worker_takes_only_its_kinds_and_only_what_is_due,
    a_dedupe_key_lets_one_job_in_until_it_is_forgotten,
    a_zombie_changes_nothing_and_is_told_so,
    a_heartbeat_keeps_the_job,
    a_running_job_hears_that_it_is_superseded_or_cancelled,
    an_apply_whose_worker_was_lost_comes_back_marked_and_is_never_retried,
    what_follows_a_job_is_enqueued_with_its_end,
    a_failure_is_kept_for_people,
    a_worker_that_starts_anew_ends_its_old_leases_only,
);
