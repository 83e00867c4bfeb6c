//! Compares fakehub with GitHub's own API descriptions.
//!
//! A session that uses every operation is recorded, and `tests/contract/validate.mjs` checks its
//! requests, answers, GraphQL documents and webhooks.

use std::{path::Path, process::Command};

use serde_json::json;
use tempfile::TempDir;

use planwright_fakehub::{Edit, Hub, IssueEdit, MergeMethod, NewPull, ReviewState, Settings};

use super::{
    REPO, Scene,
    client::Client,
    graphql::SNAPSHOT,
    proposing::{COMMIT, READY, changes},
    receiver::Receiver,
};

/// The bot's own documents; they are judged with the others of the bot.
const ISSUE: &str = include_str!("../../../crates/github/src/issue.graphql");
const COMMENT: &str = include_str!("../../../crates/github/src/comment.graphql");

/// Runs the validator over a recording and the documents of the tests; answers what it printed.
fn validated(recording: &Path) -> Result<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let contract = root.join("tests/contract");
    assert!(
        contract.join("node_modules").is_dir(),
        "GitHub's descriptions are not installed; run `npm ci --ignore-scripts` in tests/contract"
    );
    let output = Command::new("node")
        .arg(contract.join("validate.mjs"))
        .arg(recording)
        .args(
            ["snapshot", "commit", "ready"]
                .map(|name| root.join(format!("tests/it/fakehub/{name}.graphql"))),
        )
        .output()
        .expect("the contract test needs node 20 or later on the path");
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(said) } else { Err(said) }
}

async fn recording_scene() -> (Scene, Receiver) {
    let dir = TempDir::new().unwrap();
    let record = Some(dir.path().join("calls.jsonl"));
    let settings = Settings { record, ..Settings::new(dir.path().join("hub")) };
    let scene = Scene::in_hub(Hub::start(settings).await.unwrap(), dir);
    let receiver = Receiver::start().await;
    scene.hub.set_webhook(&receiver.url);
    (scene, receiver)
}

#[tokio::test]
async fn every_operation_is_as_github_describes_it() {
    let (scene, _receiver) = recording_scene().await;
    people_at_work(&scene).await;
    app_at_work(&scene).await;
    app_proposing(&scene).await;
    scene.hub.idle().await;
    app_looking_after_its_deliveries(&scene).await;
    refusals(&scene).await;
    another_app(&scene).await;
    assert!(scene.hub.unknown().is_empty(), "{:?}", scene.hub.unknown());
    match validated(&scene.dir.path().join("calls.jsonl")) {
        Ok(said) => println!("{said}"),
        Err(said) => panic!("{said}"),
    }
}

#[tokio::test]
async fn a_request_that_github_would_not_understand_is_a_violation() {
    let (scene, _receiver) = recording_scene().await;
    let number = scene.pull();
    let app = Client::installation(&scene.hub, json!({ "issues": "write" })).await;
    let path = format!("/repos/acme/infra/issues/{number}/comments");
    let misspelt = json!({ "body": "hi", "boddy": "hi" });
    assert_eq!(app.post(&path, misspelt).await.status, 201);
    assert_eq!(app.get(&format!("{path}?pages=2")).await.status, 200);
    let graphql = "{ repository(owner: \"acme\", name: \"infra\") { id(x: 1) } }";
    app.graphql(graphql, json!({})).await;
    let said = validated(&scene.dir.path().join("calls.jsonl")).unwrap_err();
    for violation in ["request/boddy is unknown", "query pages is unknown", "Unknown argument"] {
        assert!(said.contains(violation), "{said}");
    }
}

/// One pull request from opened to merged, and all else that people do.
async fn people_at_work(scene: &Scene) {
    scene.alice.push(REPO, "feature", &Edit::new("Add b").write("b.txt", "b\n")).unwrap();
    let alice = Client::new(&scene.hub, format!("token {}", scene.alice.token().unwrap()));
    let bob = Client::new(&scene.hub, format!("token {}", scene.bob.token().unwrap()));
    let new = json!({ "title": "Add b", "head": "feature", "base": "main", "body": "Please" });
    alice.post("/repos/acme/infra/pulls", new).await;
    let pull = "/repos/acme/infra/pulls/1";
    alice.patch(pull, json!({ "title": "Add b.txt" })).await;
    alice.patch(pull, json!({ "state": "closed" })).await;
    alice.patch(pull, json!({ "state": "open" })).await;
    scene
        .alice
        .push(REPO, "feature", &Edit::new("More").write("c.txt", "c").delete("a.txt"))
        .unwrap();
    let reviews = format!("{pull}/reviews");
    let review = bob.post(&reviews, json!({ "event": "COMMENT", "body": "hm" })).await;
    assert_eq!(review.status, 200, "{}", review.body);
    let review = bob.post(&reviews, json!({ "event": "APPROVE" })).await.body;
    let dismissal = format!("{reviews}/{}/dismissals", review["id"]);
    assert_eq!(bob.put(&dismissal, json!({ "message": "no" })).await.status, 200);
    bob.get(&reviews).await;
    let files = alice.get(&format!("{pull}/files?per_page=100")).await.body;
    assert_eq!(files[0]["filename"], "a.txt", "{files}");
    assert_eq!(files[0]["status"], "removed", "{files}");
    let head = alice.get(pull).await.body["head"]["sha"].as_str().unwrap().to_owned();
    let status = json!({ "state": "pending", "context": "other/plan", "description": "planning" });
    let status = alice.post(&format!("/repos/acme/infra/statuses/{head}"), status).await;
    assert_eq!(status.status, 201, "{}", status.body);
    alice.get("/repos/acme/infra/issues/1").await;
    alice.post("/repos/acme/infra/issues", json!({ "title": "Bucket", "body": "please" })).await;
    let comment = alice.post("/repos/acme/infra/issues/1/comments", json!({ "body": "hi" })).await;
    let comment = format!("/repos/acme/infra/issues/comments/{}", comment.body["id"]);
    alice.patch(&comment, json!({ "body": "ho" })).await;

    let fork = scene.eve.fork(REPO).unwrap();
    scene.eve.push(&fork, "idea", &Edit::new("Idea").write("d.txt", "d")).unwrap();
    let new = NewPull {
        title: "Idea".into(),
        head: "eve:idea".into(),
        base: "main".into(),
        ..NewPull::default()
    };
    let number = scene.eve.open(REPO, &new).unwrap();
    scene.bob.review(REPO, number, ReviewState::ChangesRequested, "no").unwrap();
    scene.bob.push(REPO, "release", &Edit::new("Cut").write("v", "1")).unwrap();
    scene.bob.retarget(REPO, number, "release").unwrap();
    scene.bob.delete_branch(REPO, "release").unwrap();
    scene.hub.add_repository("acme/other", &[("x", "x")]).unwrap();
    alice.get("/repos/acme/infra/pulls?state=all&sort=updated&direction=desc").await;
    assert_eq!(
        bob.put(&format!("{pull}/merge"), json!({ "merge_method": "merge" })).await.status,
        200
    );
    alice.get(pull).await;
    scene.alice.push(REPO, "again", &Edit::new("Add e").write("e.txt", "e")).unwrap();
    let number = scene.alice.open_pull(REPO, "again", "Add e").unwrap();
    scene.bob.merge(REPO, number, MergeMethod::Squash).unwrap();
}

/// What the bot does: tokens, one read, comment, reaction, check run.
async fn app_at_work(scene: &Scene) {
    let app = Client::app(&scene.hub);
    for path in ["/app", "/app/installations?per_page=10", "/repos/acme/infra/installation"] {
        assert_eq!(app.get(path).await.status, 200);
    }
    let installation = app.get("/repos/acme/infra/installation").await.body;
    let one = format!("/app/installations/{}", installation["id"]);
    app.get(&one).await;
    let token = Client::installation(
        &scene.hub,
        json!({ "contents": "read", "issues": "write",
        "pull_requests": "write", "checks": "write" }),
    )
    .await;
    let repository = token.get("/repos/acme/infra").await.body;
    let ids = json!({ "repository_ids": [repository["id"]], "permissions": { "checks": "read" } });
    assert_eq!(app.post(&format!("{one}/access_tokens"), ids).await.status, 201);
    token.get("/installation/repositories").await;
    token.get("/repos/acme/infra/collaborators/alice/permission").await;
    let activity = "/repos/acme/infra/activity?ref=refs/heads/release&per_page=100";
    let moved = token.get(activity).await.body;
    assert_eq!(moved[0]["activity_type"], "branch_deletion", "{moved}");
    let comments = "/repos/acme/infra/issues/1/comments";
    let comment = token.post(comments, json!({ "body": "A plan" })).await.body;
    token.get(&format!("{comments}?per_page=100")).await;
    let comment = format!("/repos/acme/infra/issues/comments/{}", comment["id"]);
    token.get(&comment).await;
    token.patch(&comment, json!({ "body": "Another plan" })).await;
    for _ in 0..2 {
        token.post(&format!("{comment}/reactions"), json!({ "content": "eyes" })).await;
    }
    let sha = scene.hub.sha(REPO, "feature").unwrap();
    let runs = "/repos/acme/infra/check-runs";
    let run = json!({ "name": "planwright", "head_sha": sha, "status": "in_progress",
        "external_id": "job-1", "started_at": "2026-01-01T00:00:00Z" });
    let run = token.post(runs, run).await.body;
    let at = format!("{runs}/{}", run["id"]);
    let done = json!({ "status": "completed", "conclusion": "action_required",
        "output": { "title": "t", "summary": "s", "text": "x", "annotations": [{ "path": "b.txt",
            "start_line": 1, "end_line": 1, "annotation_level": "warning", "message": "m" }] } });
    assert_eq!(token.patch(&at, done).await.status, 200);
    token.get(&at).await;
    token.get(&format!("{at}/annotations")).await;
    token.get(&format!("/repos/acme/infra/commits/{sha}/check-runs?filter=all")).await;
    scene.bob.rerequest(REPO, run["id"].as_i64().unwrap()).unwrap();
    let mailed = scene.bob.mail(REPO, 1, "Thanks").unwrap();
    scene.bob.approve_by_mail(REPO, 3).unwrap();
    let id = token.get(&format!("/repos/acme/infra/issues/comments/{mailed}")).await.body;
    let variables = json!({ "id": id["node_id"], "onPullRequest": true });
    let read = token.graphql(COMMENT, variables.clone()).await.body;
    assert_eq!(read["data"]["node"]["createdViaEmail"], true, "{read}");
    scene.bob.delete_comment(REPO, mailed).unwrap();
    let gone = token.graphql(COMMENT, variables).await.body;
    assert_eq!(gone["errors"][0]["type"], "NOT_FOUND", "{gone}");
    for number in [1, 3, 4, 99] {
        let variables = json!({ "owner": "acme", "name": "infra", "number": number });
        assert_eq!(token.graphql(SNAPSHOT, variables).await.status, 200);
    }
    assert_eq!(token.delete("/installation/token").await.status, 204);
}

/// From an issue to the bot's own pull request.
async fn app_proposing(scene: &Scene) {
    let text = ("Bucket", "for build logs");
    let issue = scene.alice.open_labeled_issue(REPO, text.0, text.1, &["infra"]).unwrap();
    scene.alice.label_issue(REPO, issue, "s3").unwrap();
    scene.alice.unlabel_issue(REPO, issue, "infra").unwrap();
    let edit = IssueEdit { title: Some("A bucket".into()), body: Some("for logs".into()) };
    scene.alice.edit_issue(REPO, issue, &edit).unwrap();
    let permissions = json!({ "contents": "write", "issues": "write", "pull_requests": "write" });
    let app = Client::installation(&scene.hub, permissions).await;
    let at = format!("/repos/acme/infra/issues/{issue}");
    assert_eq!(app.get(&at).await.status, 200);
    let said = app.post(&format!("{at}/comments"), json!({ "body": "Working on it" })).await.body;
    for at in [at, format!("/repos/acme/infra/issues/comments/{}", said["id"])] {
        for status in [201, 200] {
            let reacted = app.post(&format!("{at}/reactions"), json!({ "content": "eyes" })).await;
            assert_eq!(reacted.status, status);
        }
    }
    let main = scene.hub.sha(REPO, "main").unwrap();
    let new = json!({ "ref": "refs/heads/planwright/1", "sha": main });
    for status in [201, 422] {
        assert_eq!(app.post("/repos/acme/infra/git/refs", new.clone()).await.status, status);
    }
    let branch = "/repos/acme/infra/git/ref/heads";
    assert_eq!(app.get(&format!("{branch}/planwright/1")).await.status, 200);
    assert_eq!(app.get(&format!("{branch}/nothing")).await.status, 404);
    let files = [("f.txt", Some("f")), ("b.txt", None)];
    let commit = changes(&main, ("Add f", "For #1"), &files);
    for expected in [true, false] {
        let answer = app.graphql(COMMIT, commit.clone()).await.body;
        assert_eq!(answer.get("errors").is_none(), expected, "the second is stale: {answer}");
    }
    let new = json!({ "title": "Add f", "body": "For #1", "head": "planwright/1", "base": "main",
        "draft": true });
    let opened = app.post("/repos/acme/infra/pulls", new.clone()).await;
    assert_eq!(opened.status, 201, "{}", opened.body);
    assert_eq!(app.post("/repos/acme/infra/pulls", new).await.status, 422);
    let found = app.get("/repos/acme/infra/pulls?head=acme:planwright/1&state=open").await.body;
    let pull = format!("/repos/acme/infra/pulls/{}", found[0]["number"]);
    let edit = json!({ "title": "Add f.txt", "body": "For #2" });
    assert_eq!(app.patch(&pull, edit).await.status, 200);
    let ready = app.graphql(READY, json!({ "id": opened.body["node_id"] })).await.body;
    assert_eq!(ready.get("errors"), None, "{ready}");
    scene.bob.close_issue(REPO, issue).unwrap();
    scene.bob.reopen_issue(REPO, issue).unwrap();
    let variables = json!({ "owner": "acme", "name": "infra", "number": issue });
    let read = app.graphql(ISSUE, variables).await.body;
    assert_eq!(read["data"]["repository"]["issue"]["editor"]["login"], "alice", "{read}");
    let variables = json!({ "id": said["node_id"], "onPullRequest": false });
    let read = app.graphql(COMMENT, variables).await.body;
    assert_eq!(read["data"]["node"]["issue"]["number"], issue, "{read}");
}

async fn app_looking_after_its_deliveries(scene: &Scene) {
    let app = Client::app(&scene.hub);
    let all = app.get("/app/hook/deliveries?per_page=100&status=success").await.body;
    let one = format!("/app/hook/deliveries/{}", all[0]["id"]);
    assert_eq!(app.get(&one).await.status, 200);
    assert_eq!(app.post(&format!("{one}/attempts"), json!({})).await.status, 202);
    let config = app.get("/app/hook/config").await;
    assert_eq!(config.body["secret"], "********");
    let edit = json!({ "url": config.body["url"], "content_type": "json", "insecure_ssl": "0",
        "secret": scene.hub.app().webhook_secret });
    assert_eq!(app.patch("/app/hook/config", edit).await.body, config.body);
    scene.hub.suspend("acme", true).unwrap();
    scene.hub.suspend("acme", false).unwrap();
    scene.hub.idle().await;
}

/// The answers to what GitHub refuses have its shape too.
async fn refusals(scene: &Scene) {
    let app = Client::installation(&scene.hub, json!({ "issues": "write" })).await;
    let alice = Client::new(&scene.hub, format!("token {}", scene.alice.token().unwrap()));
    let comments = "/repos/acme/infra/issues/1/comments";
    let long = json!({ "body": "a".repeat(65_537) });
    let answers = [
        (app.post(comments, long).await, 422),
        (app.post("/repos/acme/infra/check-runs", json!({ "name": "x" })).await, 403),
        (app.get("/repos/acme/nothing").await, 404),
        (Client::new(&scene.hub, "Bearer ghs_no").get("/repos/acme/infra").await, 401),
        (alice.post("/repos/acme/infra/pulls/1/reviews", json!({ "event": "APPROVE" })).await, 422),
        (alice.put("/repos/acme/infra/pulls/3/merge", json!({ "sha": "0" })).await, 409),
        (alice.put("/repos/acme/infra/pulls/1/merge", json!({})).await, 405),
    ];
    for (answer, status) in answers {
        assert_eq!(answer.status, status, "{}", answer.body);
    }
}

/// Registers an app from a manifest, which takes the place of the first.
async fn another_app(scene: &Scene) {
    let manifest = json!({
        "name": "Another", "url": "https://example.org", "redirect_url": "http://127.0.0.1:9/back",
        "hook_attributes": { "url": "http://127.0.0.1:9/webhook" },
        "default_permissions": { "checks": "write" }, "default_events": ["push"],
    });
    let location = posted_manifest(scene, "/organizations/acme/settings/apps/new", &manifest).await;
    let code = location.strip_prefix("http://127.0.0.1:9/back?code=").unwrap();
    let (code, state) = code.split_once("&state=").unwrap();
    assert_eq!(state, "abc");
    let nobody = Client::new(&scene.hub, "");
    let conversion = format!("/app-manifests/{code}/conversions");
    let app = nobody.post(&conversion, serde_json::Value::Null).await;
    assert_eq!((app.status, &app.body["slug"]), (201, &json!("another")));
    let registered = scene.hub.app();
    assert_eq!(app.body["pem"], registered.private_key_pem);
    assert_eq!(app.body["webhook_secret"], registered.webhook_secret);
    assert_eq!(nobody.post(&conversion, serde_json::Value::Null).await.status, 404, "good once");
    let itself = Client::app(&scene.hub);
    assert_eq!(
        itself.get("/app").await.body["permissions"],
        json!({ "checks": "write", "metadata": "read" })
    );
    assert_eq!(itself.get("/app/installations").await.body, json!([]));
    scene.hub.install_app("acme").unwrap();
    assert_eq!(itself.get("/app/installations").await.body[0]["account"]["login"], "acme");
}

/// Where GitHub sends the browser of whoever confirmed a manifest.
async fn posted_manifest(scene: &Scene, page: &str, manifest: &serde_json::Value) -> String {
    let browser = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let mut form = form_urlencoded::Serializer::new(String::new());
    let form = form.append_pair("manifest", &manifest.to_string()).append_pair("state", "abc");
    let page = page.replace("/new", "/confirmed");
    let request = browser.build().unwrap().post(format!("{}{page}", scene.hub.url()));
    let request = request.header("origin", scene.hub.url());
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = request.body(form.finish()).send().await.unwrap();
    assert_eq!(answer.status(), 302, "{}", answer.text().await.unwrap());
    answer.headers()["location"].to_str().unwrap().to_owned()
}
