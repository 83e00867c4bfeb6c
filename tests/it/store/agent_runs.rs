//! Runs of the agent and their logs.

use planwright_core::{
    agent::event::{End, Entry, Event},
    names::PrNumber,
    verdict,
};
use planwright_store::{AgentFacts, Unfinished, WriteOutcome, records::v1};

use super::{Database, PR, at, on_both, pull_request, sha};

fn garbled(previous: Option<&Entry>, why: &str, second: i64) -> Entry {
    let event = Event::Garbled { why: why.into() };
    let text = v1::event_to_text(&event);
    Entry::after(previous, event, text, at(second))
}

async fn a_wish_begins_one_run_however_often_it_is_made(database: &Database) {
    let store = database.store().await;
    let first = garbled(None, "first", 1);
    let run = store.start_agent_run("issue/a", PR, &first).await.unwrap();
    let other = database.store().await;
    let again = other.start_agent_run("issue/a", PR, &garbled(None, "again", 2)).await.unwrap();
    assert_eq!(again, run);
    assert_eq!(store.agent_log(run.id).await.unwrap(), [first]);
    let more = store.start_agent_run("issue/b", PR, &garbled(None, "more", 3)).await.unwrap();
    let runs = store.agent_runs(PR).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.id).collect::<Vec<_>>(), [run.id, more.id]);
    assert_eq!(store.agent_runs(pull_request(8)).await.unwrap(), []);
}

async fn of_two_that_append_at_once_one_is_lost(database: &Database) {
    let (one, other) = (database.store().await, database.store().await);
    let first = garbled(None, "first", 1);
    let run = one.start_agent_run("issue/a", PR, &first).await.unwrap().id;
    let second = garbled(Some(&first), "one", 2);
    let facts = AgentFacts { spent: 5, ..AgentFacts::default() };
    assert_eq!(one.append_agent_event(run, &second, &facts).await.unwrap(), WriteOutcome::Written);
    let late = garbled(Some(&first), "other", 2);
    let worse = AgentFacts { spent: 500, is_over: true, ..AgentFacts::default() };
    assert_eq!(other.append_agent_event(run, &late, &worse).await.unwrap(), WriteOutcome::Lost);
    let log = other.agent_log(run).await.unwrap();
    assert_eq!(log, [first, second]);
    Entry::verify(&log).unwrap();
    assert_eq!(one.agent_run(run).await.unwrap().unwrap().facts, facts);
}

async fn a_run_is_found_by_its_pull_request_and_its_cost_by_the_day(database: &Database) {
    let store = database.store().await;
    let first = garbled(None, "first", 1);
    let run = store.start_agent_run("issue/a", PR, &first).await.unwrap().id;
    let why = verdict::Unfinished::Ended { how: End::Cancelled, is_planned: true };
    let facts = AgentFacts {
        pull_request: Some(PrNumber(9)),
        is_over: true,
        is_complete: true,
        unfinished: Some(Unfinished { head: sha('a'), why }),
        spent: 120,
    };
    let end = garbled(Some(&first), "end", 50);
    assert_eq!(store.append_agent_event(run, &end, &facts).await.unwrap(), WriteOutcome::Written);
    let found = store.agent_run_of_pull_request(pull_request(9)).await.unwrap().unwrap();
    assert_eq!((found.id, found.asked_in, found.facts), (run, PR, facts));
    assert_eq!(store.agent_run_of_pull_request(PR).await.unwrap(), None);
    let spent = async |second| store.agent_spending(PR.repository, at(second)).await.unwrap();
    assert_eq!((spent(50).await, spent(51).await), (120, 0));
}

on_both!(
    a_wish_begins_one_run_however_often_it_is_made,
    of_two_that_append_at_once_one_is_lost,
    a_run_is_found_by_its_pull_request_and_its_cost_by_the_day,
);
