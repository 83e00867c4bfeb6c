//! Issues that people and the app open, label, comment on and close.

use serde_json::{Value, json};

use planwright_fakehub::{IssueEdit, Role};

use super::{REPO, Scene, client::Client, receiver::Receiver};

const ISSUES: &str = "/repos/acme/infra/issues";

async fn listening() -> (Scene, Receiver) {
    let (scene, receiver) = (Scene::new().await, Receiver::start().await);
    scene.hub.set_webhook(&receiver.url);
    scene.hub.idle().await;
    receiver.forget();
    (scene, receiver)
}

fn names(labels: &Value) -> Vec<&str> {
    labels.as_array().unwrap().iter().map(|label| label["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_issue_is_announced_opened_with_its_labels_then_each_label_then_closed() {
    let (scene, receiver) = listening().await;
    let text = ("A bucket", "for build logs");
    let number = scene.alice.open_labeled_issue(REPO, text.0, text.1, &["infra", "s3"]).unwrap();
    scene.bob.label_issue(REPO, number, "urgent").unwrap();
    scene.bob.label_issue(REPO, number, "urgent").unwrap();
    for _ in 0..2 {
        scene.alice.unlabel_issue(REPO, number, "s3").unwrap();
        scene.alice.close_issue(REPO, number).unwrap();
    }
    scene.hub.idle().await;
    let labeled = ["issues.labeled"; 3];
    let expected = [&["issues.opened"], &labeled[..], &["issues.unlabeled", "issues.closed"]];
    assert_eq!(receiver.events(), expected.concat());
    let letters: Vec<Value> = receiver.letters().iter().map(|letter| letter.json()).collect();
    assert_eq!(names(&letters[0]["issue"]["labels"]), ["infra", "s3"]);
    let labelled: Vec<&Value> = letters[1..4].iter().map(|it| &it["label"]["name"]).collect();
    assert_eq!(labelled, ["infra", "s3", "urgent"]);
    assert_eq!(letters[3]["sender"]["login"], "bob");
    assert_eq!(letters[4]["label"]["name"], "s3");
    assert_eq!(names(&letters[4]["issue"]["labels"]), ["infra", "urgent"]);
    let closed = &letters[5]["issue"];
    assert_eq!(
        (&closed["state"], &closed["state_reason"]),
        (&json!("closed"), &json!("completed"))
    );
}

#[tokio::test]
async fn an_edit_is_announced_with_what_stood_there_and_its_editor_is_told() {
    let (scene, receiver) = listening().await;
    let number = scene.alice.open_issue(REPO, "A bucket", "for logs").unwrap();
    let edit = |title: &str, body: &str| IssueEdit {
        title: Some(title.to_owned()),
        body: Some(body.to_owned()),
    };
    scene.alice.edit_issue(REPO, number, &edit("A bucket", "for logs")).unwrap();
    scene.alice.edit_issue(REPO, number, &edit("Two buckets", "for logs")).unwrap();
    assert_eq!(editor(&scene, number).await, Value::Null, "of the text alone there is an editor");
    scene.bob.edit_issue(REPO, number, &edit("Two buckets", "for builds")).unwrap();
    assert_eq!(editor(&scene, number).await["login"], "bob");
    assert_eq!(scene.bob.edit_issue(REPO, number, &edit(" ", "")).unwrap_err().status, 422);
    assert_eq!(scene.eve.edit_issue(REPO, number, &edit("Mine", "")).unwrap_err().status, 403);
    scene.alice.close_issue(REPO, number).unwrap();
    for _ in 0..2 {
        scene.alice.reopen_issue(REPO, number).unwrap();
    }
    scene.hub.idle().await;
    let events =
        ["issues.opened", "issues.edited", "issues.edited", "issues.closed", "issues.reopened"];
    assert_eq!(receiver.events(), events);
    let letters: Vec<Value> = receiver.letters().iter().map(|letter| letter.json()).collect();
    assert_eq!(letters[1]["changes"], json!({ "title": { "from": "A bucket" } }));
    assert_eq!(letters[2]["changes"], json!({ "body": { "from": "for logs" } }));
    assert_eq!(letters[2]["issue"]["body"], "for builds");
    assert_eq!(letters[4]["issue"]["state"], "open");
}

/// Who changed the text last, as GraphQL tells it.
async fn editor(scene: &Scene, number: i64) -> Value {
    let app = Client::installation(&scene.hub, json!({ "issues": "read" })).await;
    let document = "query($n: Int!) { repository(owner: \"acme\", name: \"infra\") { \
                    issue(number: $n) { editor { __typename login } } } }";
    let answer = app.graphql(document, json!({ "n": number })).await.body;
    answer["data"]["repository"]["issue"]["editor"].clone()
}

#[tokio::test]
async fn a_pull_request_is_no_issue_of_the_graph_and_needs_the_permission_for_issues() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    let issue = scene.alice.open_labeled_issue(REPO, "A bucket", "please", &["infra"]).unwrap();
    let document = "query($n: Int!) { repository(owner: \"acme\", name: \"infra\") { \
                    issue(number: $n) { title state author { login } labels(first: 5) { nodes { name } } } } }";
    let issues = Client::installation(&scene.hub, json!({ "issues": "read" })).await;
    let found = issues.graphql(document, json!({ "n": issue })).await.body;
    let expected = json!({ "title": "A bucket", "state": "OPEN", "author": { "login": "alice" },
        "labels": { "nodes": [{ "name": "infra" }] } });
    assert_eq!(found["data"]["repository"]["issue"], expected, "{found}");
    let none = issues.graphql(document, json!({ "n": pull })).await.body;
    assert_eq!(none["errors"][0]["type"], "NOT_FOUND", "{none}");
    let pulls = Client::installation(&scene.hub, json!({ "pull_requests": "write" })).await;
    let refused = pulls.graphql(document, json!({ "n": issue })).await.body;
    assert_eq!(refused["errors"][0]["type"], "FORBIDDEN", "{refused}");
}

#[tokio::test]
async fn who_may_not_triage_neither_labels_nor_closes_anothers_issue() {
    let scene = Scene::new().await;
    let text = ("A bucket", "for build logs");
    let own = scene.eve.open_labeled_issue(REPO, text.0, text.1, &["planwright"]).unwrap();
    assert!(scene.hub.issue(REPO, own).unwrap().labels.is_empty(), "GitHub drops them in silence");
    let filled = scene.eve.fill_in_form(REPO, text.0, text.1, &["planwright"]).unwrap();
    assert_eq!(
        scene.hub.issue(REPO, filled).unwrap().labels,
        ["planwright"],
        "those of a form stay"
    );
    let others = scene.alice.open_issue(REPO, "Another", "").unwrap();
    assert_eq!(scene.eve.label_issue(REPO, own, "planwright").unwrap_err().status, 403);
    assert_eq!(scene.eve.unlabel_issue(REPO, filled, "planwright").unwrap_err().status, 403);
    assert_eq!(scene.eve.close_issue(REPO, others).unwrap_err().status, 403);
    assert!(scene.hub.issue(REPO, others).unwrap().open);
    scene.eve.close_issue(REPO, own).unwrap();
    scene.hub.set_permission(REPO, "eve", Some(Role::Triage)).unwrap();
    scene.eve.label_issue(REPO, others, "planwright").unwrap();
    scene.eve.close_issue(REPO, others).unwrap();
    let seen = scene.hub.issue(REPO, others).unwrap();
    assert_eq!((seen.open, seen.labels), (false, vec!["planwright".to_owned()]));
}

#[tokio::test]
async fn a_pull_request_is_not_labelled_or_closed_as_an_issue() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    assert_eq!(scene.bob.label_issue(REPO, pull, "infra").unwrap_err().status, 404);
    assert_eq!(scene.bob.close_issue(REPO, pull).unwrap_err().status, 404);
    assert!(scene.hub.pull(REPO, pull).unwrap().open);
}

#[tokio::test]
async fn the_app_reads_answers_and_acknowledges_an_issue() {
    let scene = Scene::new().await;
    let text = ("A bucket", "for build logs");
    let number = scene.alice.open_labeled_issue(REPO, text.0, text.1, &["infra"]).unwrap();
    let app = Client::installation(&scene.hub, json!({ "issues": "write" })).await;
    let at = format!("{ISSUES}/{number}");
    let read = app.get(&at).await.body;
    assert_eq!((&read["title"], &read["body"]), (&json!(text.0), &json!(text.1)));
    assert_eq!((names(&read["labels"]), read.get("pull_request")), (vec!["infra"], None));

    let reactions = format!("{at}/reactions");
    assert_eq!(app.post(&reactions, json!({ "content": "eyes" })).await.status, 201);
    assert_eq!(app.post(&reactions, json!({ "content": "eyes" })).await.status, 200);
    assert_eq!(app.post(&reactions, json!({ "content": "wow" })).await.status, 422);
    assert_eq!(app.get(&at).await.body["reactions"]["eyes"], 1);

    let comment = app.post(&format!("{at}/comments"), json!({ "body": "Working on it" })).await;
    let comment_at = format!("{ISSUES}/comments/{}", comment.body["id"]);
    assert_eq!(app.patch(&comment_at, json!({ "body": "Opened #2" })).await.status, 200);
    let reacted = app.post(&format!("{comment_at}/reactions"), json!({ "content": "+1" })).await;
    assert_eq!(reacted.status, 201);
    scene.alice.react(REPO, comment.body["id"].as_i64().unwrap(), "heart").unwrap();

    let bot = || "planwright[bot]".to_owned();
    let issue = scene.hub.issue(REPO, number).unwrap();
    assert_eq!((issue.author.as_str(), issue.via_app), ("alice", false));
    assert_eq!(issue.reactions, [(bot(), "eyes".to_owned())]);
    let comments = scene.hub.comments(REPO, number).unwrap();
    assert_eq!((comments[0].body.as_str(), comments[0].via_app), ("Opened #2", true));
    let expected = [(bot(), "+1".to_owned()), ("alice".to_owned(), "heart".to_owned())];
    assert_eq!(comments[0].reactions, expected);
}

#[tokio::test]
async fn the_permission_for_pull_requests_does_not_reach_an_issue() {
    let scene = Scene::new().await;
    let pull = scene.pull();
    let issue = scene.alice.open_issue(REPO, "A bucket", "please").unwrap();
    let comment = scene.alice.comment(REPO, issue, "hello").unwrap();
    let app = Client::installation(&scene.hub, json!({ "pull_requests": "write" })).await;
    let hi = json!({ "body": "hi" });
    let eyes = json!({ "content": "eyes" });
    let refused = [
        app.get(&format!("{ISSUES}/{issue}")).await,
        app.get(&format!("{ISSUES}/{issue}/comments")).await,
        app.post(&format!("{ISSUES}/{issue}/comments"), hi.clone()).await,
        app.post(&format!("{ISSUES}/{issue}/reactions"), eyes.clone()).await,
        app.get(&format!("{ISSUES}/comments/{comment}")).await,
        app.patch(&format!("{ISSUES}/comments/{comment}"), hi.clone()).await,
        app.post(&format!("{ISSUES}/comments/{comment}/reactions"), eyes.clone()).await,
    ];
    assert!(refused.iter().all(|answer| answer.status == 403), "{refused:?}");
    assert_eq!(app.post(&format!("{ISSUES}/{pull}/comments"), hi.clone()).await.status, 201);
    assert_eq!(app.post(&format!("{ISSUES}/{pull}/reactions"), eyes.clone()).await.status, 201);
    let reader = Client::installation(&scene.hub, json!({ "issues": "read" })).await;
    assert_eq!(reader.get(&format!("{ISSUES}/{issue}")).await.status, 200);
    assert_eq!(reader.post(&format!("{ISSUES}/{issue}/reactions"), eyes).await.status, 403);
    assert_eq!(reader.post(&format!("{ISSUES}/{issue}/comments"), hi).await.status, 403);
}
