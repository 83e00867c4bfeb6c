//! Faults on demand, and the observer that is told of each call.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use reqwest::Method;
use serde_json::json;

use planwright_fakehub::{Fault, Phase};

use super::{REPO, Scene, client::Client};

const COMMENTS: &str = "POST /repos/{owner}/{repo}/issues/{issue_number}/comments";

#[tokio::test]
async fn a_failed_call_does_nothing_and_a_lost_answer_hides_what_was_done() {
    let scene = Scene::new().await;
    let number = scene.pull();
    let app = Client::installation(&scene.hub, json!({ "issues": "write" })).await;
    let path = format!("/repos/acme/infra/issues/{number}/comments");
    let body = || json!({ "body": "hi" });
    let count = || scene.hub.comments(REPO, number).unwrap().len();

    scene.hub.fail(COMMENTS, 1, Fault::Status(502));
    assert_eq!(app.post(&path, body()).await.status, 502);
    assert_eq!(count(), 0);

    scene.hub.fail(COMMENTS, 1, Fault::LoseAnswer);
    let lost = app.send(Method::POST, &path, body()).await;
    assert!(lost.is_err(), "an answer came: {lost:?}");
    assert_eq!(count(), 1);

    scene.hub.fail(COMMENTS, 1, Fault::TimeOut);
    let late = app.send(Method::POST, &path, body());
    assert!(tokio::time::timeout(Duration::from_millis(50), late).await.is_err());
    assert_eq!(count(), 1);

    assert_eq!(app.post(&path, body()).await.status, 201, "the faults are used up");
}

#[tokio::test]
async fn rate_limits_say_how_long_to_wait() {
    let scene = Scene::new().await;
    let bob = Client::new(&scene.hub, format!("token {}", scene.bob.token().unwrap()));
    let header = |response: &reqwest::Response, name: &str| {
        response.headers()[name].to_str().unwrap().to_owned()
    };
    let limited = Fault::SecondaryLimit { status: 429, retry_after: 7 };
    scene.hub.fail("GET /repos/{owner}/{repo}", 1, limited);
    let response = bob.raw("/repos/acme/infra").await;
    assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (429, "7".into()));
    scene.hub.fail("GET /repos/{owner}/{repo}", 1, Fault::PrimaryLimit { reset_in: 60 });
    let response = bob.raw("/repos/acme/infra").await;
    assert_eq!(header(&response, "x-ratelimit-remaining"), "0");
    let reset: i64 = header(&response, "x-ratelimit-reset").parse().unwrap();
    assert!(reset > jiff::Timestamp::now().as_second() + 30);
    assert_eq!(bob.raw("/repos/acme/infra").await.status(), 200);
}

#[tokio::test]
async fn an_observer_sees_each_call_before_and_after_it_is_performed() {
    let scene = Scene::new().await;
    let number = scene.pull();
    let app = Client::installation(&scene.hub, json!({ "issues": "write" })).await;
    let seen = Arc::new(Mutex::new(vec![]));
    let (log, hub) = (seen.clone(), scene.hub.clone());
    scene.hub.on_effect(move |phase, call| {
        let comments = hub.comments(REPO, number).unwrap().len();
        log.lock().unwrap().push((phase, call.is_write(), call.status, comments));
    });
    app.post("/repos/acme/infra/issues/1/comments", json!({ "body": "hi" })).await;
    app.get("/repos/acme/infra").await;
    assert_eq!(
        *seen.lock().unwrap(),
        [
            (Phase::Received, true, None, 0),
            (Phase::Performed, true, Some(201), 1),
            (Phase::Received, false, None, 1),
            (Phase::Performed, false, Some(200), 1),
        ]
    );
    let call = scene.hub.calls().into_iter().find(|call| call.operation == COMMENTS).unwrap();
    assert!(call.actor.starts_with("installation/"), "{call:?}");
}
