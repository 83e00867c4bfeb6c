//! Bots of several versions on one database: what one does not know is left to the others.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;

use planwright::worker;
use planwright_store::{JobKind, JobState, NewJob, Outcome, RetryPolicy, Store, WriteOutcome};

use crate::support::bot::{Setup, Story};

/// A job of a newer version, under a word that workers of this one look for or not.
fn dream(story: &Story, kind: &str) -> NewJob {
    NewJob {
        key: format!("dream/{kind}"),
        kind: JobKind::parse(kind).unwrap(),
        payload: json!({ "v": 1, "job": "dream" }),
        dedupe: None,
        pull_request: Some(story.id(1)),
        retry_policy: RetryPolicy::Freely,
        run_at: story.app().now(),
        trace_parent: None,
    }
}

/// A handle of its own, as a process of a newer version has.
async fn newer(story: &Story) -> Store {
    let storage = story.settings().storage;
    let file = || format!("sqlite:{}", storage.data.join("planwright.db").display());
    Store::connect(&storage.database_url.clone().unwrap_or_else(file)).await.unwrap()
}

async fn an_unknown_job_is_left_to_a_process_that_knows_it(on_postgres: bool) {
    let story = Story::with(Setup { on_postgres, ..Setup::default() }).await;
    let (store, now) = (story.store(), story.app().now());
    let payload = store.enqueue(&dream(&story, "keep"), now).await.unwrap().unwrap();
    let kind = store.enqueue(&dream(&story, "dream"), now).await.unwrap().unwrap();
    for _ in 0..2 {
        worker::run_until_idle(story.app()).await.unwrap();
        for id in [payload, kind] {
            let job = store.job(id).await.unwrap().unwrap();
            assert_eq!((job.state, job.attempts, job.error), (JobState::Open, 0, None));
        }
        story.pass(SignedDuration::from_mins(1));
    }
    let newer = newer(&story).await;
    let kinds = ["keep", "dream"].map(|kind| JobKind::parse(kind).unwrap());
    for id in [payload, kind] {
        let (now, lease) = (story.app().now(), Duration::from_secs(30));
        let claim = newer.claim("newer", &kinds, now, lease).await.unwrap().unwrap();
        assert_eq!((claim.job.id, &claim.job.payload["job"]), (id, &json!("dream")));
        // While that one works on it, it is nobody else's.
        worker::run_until_idle(story.app()).await.unwrap();
        let done = newer.finish(claim.lease, &Outcome::Done, &[], now).await.unwrap();
        assert_eq!(done, WriteOutcome::Written);
    }
    story.finish().await;
}

#[tokio::test]
async fn an_unknown_job_is_left_to_a_process_that_knows_it_on_sqlite() {
    an_unknown_job_is_left_to_a_process_that_knows_it(false).await;
}

#[tokio::test]
async fn an_unknown_job_is_left_to_a_process_that_knows_it_on_postgres() {
    an_unknown_job_is_left_to_a_process_that_knows_it(true).await;
}

#[tokio::test]
async fn an_unknown_job_that_is_not_wanted_any_more_keeps_nothing_behind_it() {
    let story = Story::start().await;
    let (store, now) = (story.store(), story.app().now());
    let id = store.enqueue(&dream(&story, "keep"), now).await.unwrap().unwrap();
    worker::run_until_idle(story.app()).await.unwrap();
    assert_eq!(store.job(id).await.unwrap().unwrap().state, JobState::Open);
    // The pull request moves on.
    store.raise_generation(story.id(1)).await.unwrap();
    story.pass(SignedDuration::from_mins(1));
    worker::run_until_idle(story.app()).await.unwrap();
    assert_eq!(store.job(id).await.unwrap().unwrap().state, JobState::Done);
    story.finish().await;
}
