//! Runs, their journal, and the audit.

use jiff::Timestamp;
use planwright::store::{
    AuditEntry, Child, Fenced, JournalEntry, LockAnswer, PullRequestId, RunId, RunKind, RunState,
    Store,
};
use serde_json::json;

use super::{Database, LEASE, PR, at, on_both, pull_request, stack};

/// Starts a run of a change under the lock of a stack of its own.
async fn start(store: &Store, kind: RunKind, id: PullRequestId, now: Timestamp) -> RunId {
    let stacks = [stack(&format!("website-{}", id.number))];
    store.queue_for_locks(id, &stacks, 1, now).await.unwrap();
    let answer = store.take_locks(id, &stacks, now, LEASE).await.unwrap();
    let LockAnswer::Held(lock) = answer else { panic!("{answer:?}") };
    store.start_run(kind, &lock, now).await.unwrap().unwrap()
}

async fn what_a_crash_leaves_behind_is_found(database: &Database) {
    let store = database.store().await;
    let finished = start(&store, RunKind::Apply, PR, at(1)).await;
    let left = start(&store, RunKind::Apply, pull_request(8), at(2)).await;
    start(&store, RunKind::Plan, PR, at(3)).await;
    let end = store.finish_run(finished, RunState::Partial, at(4)).await.unwrap();
    assert_eq!(end, Fenced::Written);

    let again = database.store().await;
    let unfinished = again.unfinished_runs(RunKind::Apply).await.unwrap();
    assert_eq!(unfinished.iter().map(|run| run.id).collect::<Vec<_>>(), [left]);
    let late = again.finish_run(finished, RunState::Succeeded, at(5)).await.unwrap();
    assert_eq!(late, Fenced::Lost, "a run ends once");
    let run = again.run(finished).await.unwrap().unwrap();
    assert_eq!((run.state, run.finished_at), (RunState::Partial, Some(at(4))));
    assert_eq!(again.runs(PR).await.unwrap().len(), 2);
}

async fn the_journal_keeps_the_order_of_writing(database: &Database) {
    let store = database.store().await;
    let run = start(&store, RunKind::Apply, PR, at(1)).await;
    let entry = |step: &str, child| JournalEntry {
        stack: Some(stack("website/prod")),
        step: step.into(),
        detail: json!({"digest": "v1:00"}),
        child,
        at: at(1),
    };
    let entries = [
        entry("starting", None),
        entry("started", Some(Child { pid: 4711, started: 99 })),
        JournalEntry { stack: None, ..entry("ended", None) },
    ];
    for entry in &entries {
        store.journal(run, entry).await.unwrap();
    }
    assert_eq!(store.steps(run).await.unwrap(), entries);
    let unknown = RunId::new(at(1));
    assert!(store.journal(unknown, &entries[0]).await.is_err(), "a step belongs to a run");
}

async fn the_audit_gives_the_newest_first(database: &Database) {
    let store = database.store().await;
    let entry = |action: &str| AuditEntry {
        at: at(1),
        actor: "carol".into(),
        action: action.into(),
        detail: json!({}),
    };
    for action in ["one", "two", "three"] {
        store.audit(&entry(action)).await.unwrap();
    }
    assert_eq!(store.audit_entries(2).await.unwrap(), [entry("three"), entry("two")]);
}

on_both!(
    what_a_crash_leaves_behind_is_found,
    the_journal_keeps_the_order_of_writing,
    the_audit_gives_the_newest_first,
);
