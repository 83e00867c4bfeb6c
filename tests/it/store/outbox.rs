//! Requests to GitHub, each under its key: none is lost, and none is sent twice.

use serde_json::json;

use planwright_store::{Request, RequestState, Sending, Stamp, Store, WriteOutcome};

use super::{Database, at, on_both};

const KEY: &str = "comment/1/7";

/// One process, at a time.
fn by(second: i64) -> Stamp<'static> {
    Stamp { by: "one", at: at(second) }
}

async fn begin(store: &Store) -> Sending {
    store.begin_sending(KEY, by(1)).await.unwrap().unwrap()
}

async fn request(store: &Store) -> Request {
    store.request(KEY).await.unwrap().unwrap()
}

async fn a_request_that_is_done_is_not_sent_again(database: &Database) {
    let store = database.store().await;
    store.put_request(KEY, &json!({"b": 1, "a": 2}), by(1)).await.unwrap();
    let sending = begin(&store).await;
    assert!(!sending.look_first);
    let done = store.finish_sending(&sending.request, "77", Some(at(5))).await.unwrap();
    assert_eq!(done, WriteOutcome::Written);

    store.put_request(KEY, &json!({"a": 2, "b": 1}), by(2)).await.unwrap();
    assert_eq!(store.begin_sending(KEY, by(1)).await.unwrap(), None);
    assert_eq!(store.unfinished_requests(at(9)).await.unwrap(), []);

    store.put_request(KEY, &json!({"a": 3}), by(2)).await.unwrap();
    let edit = begin(&store).await;
    assert!(!edit.look_first, "the last one surely arrived");
    assert_eq!(edit.request.remote_id.as_deref(), Some("77"), "so that it is edited in place");
    assert_eq!(edit.request.body, json!({"a": 3}));
}

async fn after_a_lost_answer_one_looks_first(database: &Database) {
    let store = database.store().await;
    store.put_request(KEY, &json!(1), by(1)).await.unwrap();
    begin(&store).await;
    let unfinished = store.unfinished_requests(at(9)).await.unwrap();
    assert_eq!(unfinished[0].state, RequestState::Sending);
    let again = begin(&store).await;
    assert!(again.look_first);
    assert_eq!(again.request.attempts, 2);

    // What is put in its place does not know either whether the first one arrived.
    store.put_request(KEY, &json!(2), by(2)).await.unwrap();
    assert!(begin(&store).await.look_first);
}

async fn what_surely_did_not_arrive_is_sent_without_a_look(database: &Database) {
    let store = database.store().await;
    store.put_request(KEY, &json!(1), by(1)).await.unwrap();
    let sending = begin(&store).await;
    store.record_not_sent(&sending.request).await.unwrap();
    assert!(!begin(&store).await.look_first);
}

async fn an_answer_to_what_was_replaced_meanwhile_leaves_the_new_one_to_send(database: &Database) {
    let store = database.store().await;
    store.put_request(KEY, &json!("old"), by(1)).await.unwrap();
    let old = begin(&store).await;
    store.put_request(KEY, &json!("new"), by(2)).await.unwrap();
    let answer = store.finish_sending(&old.request, "77", Some(at(3))).await.unwrap();
    assert_eq!(answer, WriteOutcome::Lost);
    let new = begin(&store).await;
    assert_eq!((new.request.body, new.look_first), (json!("new"), false));
    assert_eq!(new.request.remote_id.as_deref(), Some("77"));
}

async fn of_two_that_are_under_way_at_once_the_newer_is_sent_last(database: &Database) {
    let store = database.store().await;
    store.put_request(KEY, &json!("old"), by(1)).await.unwrap();
    let old = begin(&store).await;
    store.put_request(KEY, &json!("new"), by(2)).await.unwrap();
    let new = begin(&store).await;
    let done = store.finish_sending(&new.request, "77", Some(at(3))).await.unwrap();
    assert_eq!(done, WriteOutcome::Written);
    // GitHub may have taken the old one after the new one.
    let late = store.finish_sending(&old.request, "77", Some(at(4))).await.unwrap();
    assert_eq!(late, WriteOutcome::Lost);
    assert_eq!(begin(&store).await.request.body, json!("new"));
}

async fn what_may_be_under_way_is_nobody_elses_to_send(database: &Database) {
    let store = database.store().await;
    let keys = async |then| {
        let requests = store.unfinished_requests(at(then)).await.unwrap();
        requests.into_iter().map(|request| request.key).collect::<Vec<_>>()
    };
    store.put_request(KEY, &json!(1), by(10)).await.unwrap();
    assert_eq!(keys(10).await, [""; 0], "it was only just put down");
    assert_eq!(keys(11).await, [KEY]);
    store.begin_sending(KEY, by(20)).await.unwrap().unwrap();
    assert_eq!(keys(20).await, [""; 0], "it was begun since");
    assert_eq!(keys(21).await, [KEY]);
    store.put_request(KEY, &json!(2), by(30)).await.unwrap();
    assert_eq!(keys(30).await, [""; 0], "another was put in its place");
    store.abandon_requests("two").await.unwrap();
    assert_eq!(keys(30).await, [""; 0]);
    store.abandon_requests("one").await.unwrap();
    assert_eq!(keys(30).await, [KEY], "whoever had it is dead");
}

async fn what_github_refuses_is_not_tried_for_ever(database: &Database) {
    let store = database.store().await;
    store.put_request(KEY, &json!(1), by(1)).await.unwrap();
    let sending = begin(&store).await;
    store.record_refused(&sending.request, "403: the conversation is locked").await.unwrap();
    assert_eq!(store.unfinished_requests(at(9)).await.unwrap(), []);
    assert_eq!(store.begin_sending(KEY, by(1)).await.unwrap(), None);
    let refused = request(&store).await;
    assert_eq!(refused.error.as_deref(), Some("403: the conversation is locked"));

    store.put_request(KEY, &json!(2), by(2)).await.unwrap();
    assert_eq!((request(&store).await.error, request(&store).await.attempts), (None, 0));
    assert_eq!(begin(&store).await.request.body, json!(2), "something else may be welcome");
}

on_both!(
    a_request_that_is_done_is_not_sent_again,
    after_a_lost_answer_one_looks_first,
    what_surely_did_not_arrive_is_sent_without_a_look,
    an_answer_to_what_was_replaced_meanwhile_leaves_the_new_one_to_send,
    of_two_that_are_under_way_at_once_the_newer_is_sent_last,
    what_may_be_under_way_is_nobody_elses_to_send,
    what_github_refuses_is_not_tried_for_ever,
);
