//! What is deleted after the retention time, and what stays.

use serde_json::json;

use planwright_core::{
    names::{DeliveryId, StackId},
    pull_request::PullRequestState,
};
use planwright_store::{
    Delivery, Effects, NewJob, Outcome, Receipt, RunLines, RunStep, Stage, Stamp, StepState,
    Subject,
};

use super::{Database, LEASE, PR, at, job, kind, on_both, pull_request};

fn delivery(id: &str, second: i64) -> Delivery {
    Delivery {
        id: DeliveryId::parse(id).unwrap(),
        event: "push".into(),
        action: None,
        repository: Some(PR.repository),
        number: None,
        body: format!("the body of {id}"),
        received_at: at(second),
    }
}

async fn the_body_of_a_delivery_goes_and_its_id_stays(database: &Database) {
    let store = database.store().await;
    // More than one batch, and one that is not old enough.
    for nth in 0..250 {
        let old = delivery(&format!("old-{nth}"), 100);
        let _ = store.receive(&old, &Effects::default()).await.unwrap();
    }
    let young = delivery("young", 200);
    let _ = store.receive(&young, &Effects::default()).await.unwrap();

    assert_eq!(store.delete_before(at(200)).await.unwrap().bodies, 250);
    let kept = store.delivery(&delivery("old-249", 0).id).await.unwrap().unwrap();
    assert_eq!((kept.body.as_str(), kept.received_at), ("", at(100)));
    assert_eq!(store.delivery(&young.id).await.unwrap().unwrap(), young);
    // Whatever GitHub sends again is known.
    let effects = Effects { jobs: vec![job("a")], ..Effects::default() };
    let again = store.receive(&delivery("old-0", 300), &effects).await.unwrap();
    assert_eq!(again, Receipt::Duplicate);
    assert_eq!(store.open_jobs().await.unwrap(), []);
    assert_eq!(store.missing_deliveries(&[delivery("old-1", 0).id]).await.unwrap(), []);
    assert_eq!(store.delete_before(at(200)).await.unwrap().bodies, 0, "once is enough");
}

async fn jobs_go_once_they_have_ended(database: &Database) {
    let store = database.store().await;
    for (key, run_at) in [("ended", 0), ("failed", 0), ("running", 0), ("waiting", 900)] {
        store.enqueue(&NewJob { run_at: at(run_at), ..job(key) }, at(0)).await.unwrap();
    }
    let mut ids = Vec::new();
    for outcome in [Some(Outcome::Done), Some(Outcome::Failed { error: "no".into() }), None] {
        let claimed = store.claim("worker", &[kind("plan")], at(10), LEASE).await.unwrap().unwrap();
        ids.push(claimed.job.id);
        if let Some(outcome) = outcome {
            let _ = store.finish(claimed.lease, &outcome, &[], at(10)).await.unwrap();
        }
    }
    assert_eq!(store.delete_before(at(10)).await.unwrap().jobs, 0, "they have just ended");
    assert_eq!(store.delete_before(at(800)).await.unwrap().jobs, 2);
    assert_eq!(store.job(ids[0]).await.unwrap(), None);
    assert_eq!(store.job(ids[1]).await.unwrap(), None);
    let keys: Vec<String> =
        store.open_jobs().await.unwrap().into_iter().map(|job| job.key).collect();
    assert_eq!(keys, ["running", "waiting"]);
}

async fn requests_go_when_nothing_is_compared_with_them_any_more(database: &Database) {
    let store = database.store().await;
    let head = super::sha('a');
    let (open, closed) = (PR, pull_request(8));
    for (id, state) in [(open, PullRequestState::Open), (closed, PullRequestState::Merged)] {
        store.record_pull_request(id, &head, state).await.unwrap();
    }
    const REPORT: &str = "<!-- planwright:report -->";
    let sent = [
        "reaction/1/99/Seen".to_owned(),
        format!("comment/1/7/{REPORT}"),
        "check/1/7/abc".into(),
        format!("comment/1/8/{REPORT}"),
        "comment/1/8/<!-- planwright:reply:5:0 -->".into(),
        "check/1/8/abc".into(),
        "comment/1/9/<!-- planwright:request -->".into(),
    ];
    for key in &sent {
        store.put_request(key, &json!(key), Stamp { by: "p", at: at(1) }).await.unwrap();
        let sending =
            store.begin_sending(key, Stamp { by: "p", at: at(1) }).await.unwrap().unwrap();
        let _ = store.finish_sending(&sending.request, "5", None).await.unwrap();
    }
    let pending = "check/1/8/def";
    store.put_request(pending, &json!(1), Stamp { by: "p", at: at(1) }).await.unwrap();

    assert_eq!(store.delete_before(at(1)).await.unwrap().requests, 0, "not old enough");
    assert_eq!(store.delete_before(at(2)).await.unwrap().requests, 3);
    for (key, is_there) in sent.iter().zip([false, true, true, true, false, false, true]) {
        assert_eq!(store.request(key).await.unwrap().is_some(), is_there, "{key}");
    }
    assert!(store.request(pending).await.unwrap().is_some(), "it has to be sent yet");
}

async fn steps_and_lines_go_and_the_run_stays(database: &Database) {
    let store = database.store().await;
    let repository = json!({"id": 7, "name": "acme/infra", "installation": 1});
    let subject = Subject {
        repository: serde_json::from_value(repository).unwrap(),
        title: "one".into(),
        head: super::sha('a'),
        asked_by: None,
    };
    let run = store.start_planning(PR, &subject, at(10)).await.unwrap();
    let step = |seq| RunStep {
        seq,
        stack: None,
        stage: Stage::Plan,
        state: StepState::Done,
        began_at: at(10),
        ended_at: Some(at(11)),
    };
    let stack = StackId::parse("website").unwrap();
    let lines = |seq| RunLines { seq, stack: stack.clone(), body: "said\n".into() };
    let (steps, lines): (Vec<_>, Vec<_>) =
        ((0..3).map(step).collect(), (3..300).map(lines).collect());
    store.note(run, &steps, &lines).await.unwrap();
    let deleted = store.delete_before(at(11)).await.unwrap();
    assert_eq!((deleted.run_steps, deleted.run_lines), (3, 297));
    assert!(store.noted_run(run).await.unwrap().is_some());
}

async fn several_may_delete_at_once(database: &Database) {
    let store = database.store().await;
    for nth in 0..300 {
        let _ = store
            .receive(&delivery(&format!("old-{nth}"), 100), &Effects::default())
            .await
            .unwrap();
    }
    let others = [database.store().await, database.store().await];
    let (one, other) =
        tokio::join!(others[0].delete_before(at(200)), others[1].delete_before(at(200)));
    let all = [one.unwrap().bodies, other.unwrap().bodies];
    assert!(all.iter().sum::<u64>() >= 300, "{all:?}");
    assert_eq!(store.delete_before(at(200)).await.unwrap().bodies, 0);
}

on_both!(
    the_body_of_a_delivery_goes_and_its_id_stays,
    jobs_go_once_they_have_ended,
    requests_go_when_nothing_is_compared_with_them_any_more,
    steps_and_lines_go_and_the_run_stays,
    several_may_delete_at_once,
);
