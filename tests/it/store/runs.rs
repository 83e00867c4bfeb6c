//! Runs of the engine, their journal, and the audit.

use jiff::Timestamp;
use serde_json::json;

use planwright_store::{
    AuditEntry, Child, JournalEntry, LockAnswer, PullRequestId, RunId, RunKind, RunLines, RunState,
    RunStep, Stage, StepState, Store, Subject, WriteOutcome,
};

use super::{Database, LEASE, PR, at, on_both, pull_request, sha, stack};

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
    assert_eq!(end, WriteOutcome::Written);

    let again = database.store().await;
    let unfinished = again.unfinished_runs(RunKind::Apply).await.unwrap();
    assert_eq!(unfinished.iter().map(|run| run.id).collect::<Vec<_>>(), [left]);
    let late = again.finish_run(finished, RunState::Succeeded, at(5)).await.unwrap();
    assert_eq!(late, WriteOutcome::Lost, "a run ends once");
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

fn subject(title: &str) -> Subject {
    let repository = serde_json::json!({"id": 7, "name": "acme/infra", "installation": 1});
    Subject {
        repository: serde_json::from_value(repository).unwrap(),
        title: title.into(),
        head: sha('a'),
        asked_by: None,
    }
}

async fn a_planning_takes_the_place_of_one_that_was_lost(database: &Database) {
    let store = database.store().await;
    let lost = store.start_planning(PR, &subject("first"), at(1)).await.unwrap();
    let elsewhere = store.start_planning(pull_request(8), &subject("other"), at(1)).await.unwrap();
    let apply = start(&store, RunKind::Apply, PR, at(2)).await;
    assert_eq!(store.newest_noted_run(PR).await.unwrap(), Some(lost), "the other has no page");
    let next = store.start_planning(PR, &subject("second"), at(3)).await.unwrap();
    let state = async |run| store.run(run).await.unwrap().unwrap().state;
    assert_eq!(state(lost).await, RunState::Cancelled);
    for run in [elsewhere, apply, next] {
        assert_eq!(state(run).await, RunState::Running);
    }
    assert_eq!(store.newest_noted_run(PR).await.unwrap(), Some(next));
    assert_eq!(store.noted_run(apply).await.unwrap(), None);
    store.note_subject(apply, &subject("third")).await.unwrap();
    let noted = store.noted_run(apply).await.unwrap().unwrap();
    assert_eq!((noted.subject, noted.plan_set, noted.change), (subject("third"), None, None));
}

async fn notes_are_written_as_they_come_and_forgotten_with_time(database: &Database) {
    let store = database.store().await;
    let run = store.start_planning(PR, &subject("first"), at(1)).await.unwrap();
    let later = store.start_planning(pull_request(8), &subject("other"), at(100)).await.unwrap();
    assert_eq!(store.next_note(run).await.unwrap(), 0);
    let step = |seq, state, ended_at| RunStep {
        seq,
        stack: Some(stack("website/prod")),
        stage: Stage::Plan,
        state,
        began_at: at(1),
        ended_at,
    };
    let lines = |seq, body: &str| RunLines { seq, stack: stack("website"), body: body.into() };
    let running = step(0, StepState::Running, None);
    store.note(run, &[running], &[lines(1, "one\n")]).await.unwrap();
    let done = step(0, StepState::Done, Some(at(2)));
    let left = step(2, StepState::Running, None);
    store.note(run, &[done.clone(), left], &[lines(3, "two\n")]).await.unwrap();
    assert_eq!(store.next_note(run).await.unwrap(), 4);
    // Another process goes on: what the first has left running was stopped.
    store.note_subject(run, &subject("first")).await.unwrap();
    let stopped = step(2, StepState::Stopped, None);
    assert_eq!(store.run_steps(run).await.unwrap(), [done, stopped]);
    let all = [lines(1, "one\n"), lines(3, "two\n")];
    assert_eq!(store.run_lines(run).await.unwrap(), all);
    store.note(later, &[], &[lines(0, "three\n")]).await.unwrap();
    store.delete_before(at(1)).await.unwrap();
    assert_eq!(store.run_lines(run).await.unwrap(), all);
    store.delete_before(at(100)).await.unwrap();
    assert_eq!(
        (store.run_steps(run).await.unwrap(), store.run_lines(run).await.unwrap()),
        (vec![], vec![])
    );
    assert_eq!(store.run_lines(later).await.unwrap().len(), 1);
    assert!(store.noted_run(run).await.unwrap().is_some());
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
    a_planning_takes_the_place_of_one_that_was_lost,
    notes_are_written_as_they_come_and_forgotten_with_time,
    the_audit_gives_the_newest_first,
);
