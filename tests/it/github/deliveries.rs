//! Finds webhooks that were not delivered, and asks GitHub to send them again.

use jiff::Timestamp;
use serde_json::{Value, json};

use planwright_github::DeliveryAttempt;

use super::stub::{Answer, Stub, ok};

fn attempt(id: i64, guid: &str, code: u16) -> Value {
    json!({
        "id": id,
        "guid": guid,
        "delivered_at": Timestamp::from_second(id).unwrap(),
        "redelivery": false,
        "duration": 0.1,
        "status": "…",
        "status_code": code,
        "event": "push",
        "action": null,
        "installation_id": 9,
        "repository_id": 7,
    })
}

#[tokio::test]
async fn missed_deliveries_are_looked_for_page_by_page_until_the_given_time() {
    let stub = Stub::start(|n, seen| {
        let next = format!("<{}?per_page=100&cursor=v1_{n}>; rel=\"next\"", "http://h/x");
        let page = match n {
            1 => vec![attempt(50, "a", 202), attempt(49, "b", 502)],
            2 => vec![attempt(48, "a", 500), attempt(47, "c", 0)],
            _ => vec![attempt(30, "d", 500), attempt(9, "e", 500)],
        };
        assert!(seen.bearer().starts_with("eyJ"), "asked as the App");
        Some(Answer(200, vec![("link", next)], Value::from(page)))
    })
    .await;
    let since = Timestamp::from_second(10).unwrap();
    let missed = stub.github.missed_deliveries(since).await.unwrap();
    let missed: Vec<i64> = missed.iter().map(|delivery| delivery.attempt.0).collect();
    assert_eq!(missed, [30, 47, 49]);
    let paths: Vec<String> = stub.seen().into_iter().map(|seen| seen.path).collect();
    let path = "/api/v3/app/hook/deliveries?per_page=100";
    assert_eq!(paths, [path.into(), format!("{path}&cursor=v1_1"), format!("{path}&cursor=v1_2")]);
}

#[tokio::test]
async fn a_list_that_cannot_be_continued_is_an_error_not_the_end() {
    let link = "<http://h/x?per_page=100>; rel=\"next\"";
    let page = move || Answer(200, vec![("link", link.into())], json!([attempt(50, "a", 500)]));
    let stub = Stub::answering(page).await;
    assert!(stub.github.missed_deliveries(Timestamp::UNIX_EPOCH).await.is_err());
}

#[tokio::test]
async fn a_payload_is_fetched_and_a_delivery_asked_for_again() {
    let stub = Stub::start(|_, seen| {
        let mut full = attempt(50, "a-b", 500);
        full["request"] = json!({ "headers": {}, "payload": { "ref": "refs/heads/main" } });
        let is_fetch = seen.method == "GET";
        Some(if is_fetch { ok(full) } else { Answer(202, Vec::new(), json!({})) })
    })
    .await;
    let payload = stub.github.delivery(DeliveryAttempt(50)).await.unwrap();
    assert_eq!((payload.id.as_str(), payload.event.as_str()), ("a-b", "push"));
    assert_eq!(payload.body, br#"{"ref":"refs/heads/main"}"#);
    stub.github.redeliver(DeliveryAttempt(50)).await.unwrap();
    assert_eq!(stub.seen()[1].path, "/api/v3/app/hook/deliveries/50/attempts");
}
