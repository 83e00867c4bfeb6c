//! The life of a pull request, its comments, reviews and checks, over the API.

use serde_json::{Value, json};

use planwright_fakehub::{Edit, Role};

use super::{REPO, Scene, client::Client};

#[tokio::test]
async fn a_pull_request_lives_from_opened_to_merged_over_the_api() {
    let scene = Scene::new().await;
    scene.alice.push(REPO, "feature", &Edit::new("Add b").write("b.txt", "b\n")).unwrap();
    let alice = Client::new(&scene.hub, format!("token {}", scene.alice.token().unwrap()));
    let bob = Client::new(&scene.hub, format!("token {}", scene.bob.token().unwrap()));
    let new = json!({ "title": "Add b", "head": "feature", "base": "main" });
    let opened = alice.post("/repos/acme/infra/pulls", new.clone()).await;
    assert_eq!(opened.status, 201, "{}", opened.body);
    assert_eq!(opened.body["changed_files"], 1);
    assert_eq!(opened.body["mergeable"], true);
    assert_eq!(alice.post("/repos/acme/infra/pulls", new).await.status, 422, "there is one");

    let pull = "/repos/acme/infra/pulls/1";
    let reviews = format!("{pull}/reviews");
    let own = alice.post(&reviews, json!({ "event": "APPROVE" })).await;
    assert_eq!(own.status, 422);
    assert_eq!(own.body["errors"], json!(["Can not approve your own pull request"]));
    let approved = bob.post(&reviews, json!({ "event": "APPROVE" })).await;
    assert_eq!(approved.body["state"], "APPROVED");
    assert_eq!(approved.body["commit_id"], opened.body["head"]["sha"]);

    let merge = format!("{pull}/merge");
    let wrong = json!({ "sha": "0".repeat(40) });
    assert_eq!(bob.put(&merge, wrong).await.status, 409);
    let right = json!({ "sha": opened.body["head"]["sha"], "merge_method": "squash" });
    let merged = bob.put(&merge, right).await;
    assert_eq!(merged.status, 200, "{}", merged.body);
    let read = alice.get(pull).await.body;
    assert_eq!((&read["merged"], &read["state"]), (&json!(true), &json!("closed")));
    assert_eq!(read["merge_commit_sha"], merged.body["sha"]);
    assert_eq!(bob.put(&merge, json!({})).await.status, 405, "it is merged already");
}

#[tokio::test]
async fn a_push_moves_the_head_and_a_retarget_the_base() {
    let scene = Scene::new().await;
    let number = scene.pull();
    let sha = scene.alice.push(REPO, "feature", &Edit::new("More").write("c.txt", "c")).unwrap();
    assert_eq!(scene.hub.pull(REPO, number).unwrap().head_sha, sha);
    scene.bob.push(REPO, "release", &Edit::new("Cut").write("v", "1")).unwrap();
    scene.alice.retarget(REPO, number, "release").unwrap();
    assert_eq!(scene.hub.pull(REPO, number).unwrap().base_ref, "release");
    scene.alice.delete_branch(REPO, "feature").unwrap();
    assert!(!scene.hub.pull(REPO, number).unwrap().open, "its branch is gone");
    assert!(scene.alice.reopen(REPO, number).is_err(), "there is nothing to reopen it with");
}

#[tokio::test]
async fn a_fork_opens_a_pull_request_without_write_permission() {
    let scene = Scene::new().await;
    let fork = scene.eve.fork(REPO).unwrap();
    assert_eq!(fork, "eve/infra");
    let sha = scene.eve.push(&fork, "idea", &Edit::new("Idea").write("b.txt", "b")).unwrap();
    assert_eq!(scene.eve.push(REPO, "idea", &Edit::new("No")).unwrap_err().status, 403);
    let number = scene.eve.open_pull(REPO, "eve:idea", "An idea").unwrap();
    assert_eq!(scene.hub.pull(REPO, number).unwrap().head_sha, sha);
    assert_eq!(scene.hub.file(REPO, &sha, "b.txt").unwrap().as_deref(), Some("b"));
}

#[tokio::test]
async fn a_comment_is_written_edited_and_reacted_to_by_the_app() {
    let scene = Scene::new().await;
    let number = scene.pull();
    let app = Client::installation(&scene.hub, json!({ "pull_requests": "write" })).await;
    let path = format!("/repos/acme/infra/issues/{number}/comments");
    let long = app.post(&path, json!({ "body": "a".repeat(65_537) })).await;
    assert_eq!(long.status, 422);
    let comment = app.post(&path, json!({ "body": "one" })).await.body;
    assert_eq!(comment["user"]["login"], "planwright[bot]");
    assert_eq!(comment["user"]["type"], "Bot");
    assert_eq!(comment["performed_via_github_app"]["id"], scene.hub.app().app_id);
    let at = format!("/repos/acme/infra/issues/comments/{}", comment["id"]);
    let edited = app.patch(&at, json!({ "body": "two" })).await.body;
    assert_eq!(edited["body"], "two");
    assert!(edited["updated_at"].as_str() > edited["created_at"].as_str(), "{edited}");
    let reactions = format!("{at}/reactions");
    assert_eq!(app.post(&reactions, json!({ "content": "eyes" })).await.status, 201);
    assert_eq!(app.post(&reactions, json!({ "content": "eyes" })).await.status, 200);
    assert_eq!(app.post(&reactions, json!({ "content": "wow" })).await.status, 422);
    let seen = scene.hub.comments(REPO, number).unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].reactions, [("planwright[bot]".to_owned(), "eyes".to_owned())]);
}

#[tokio::test]
async fn only_who_may_write_edits_anothers_comment() {
    let scene = Scene::new().await;
    let number = scene.pull();
    let comment = scene.alice.comment(REPO, number, "hello").unwrap();
    assert_eq!(scene.eve.edit_comment(REPO, comment, "x").unwrap_err().status, 403);
    scene.bob.edit_comment(REPO, comment, "x").unwrap();
    scene.hub.set_permission(REPO, "eve", Some(Role::Write)).unwrap();
    scene.eve.edit_comment(REPO, comment, "y").unwrap();
}

#[tokio::test]
async fn comments_come_in_pages() {
    let scene = Scene::new().await;
    let number = scene.pull();
    for nth in 0..5 {
        scene.alice.comment(REPO, number, &format!("{nth}")).unwrap();
    }
    let app = Client::installation(&scene.hub, json!({ "issues": "read" })).await;
    let mut bodies: Vec<Value> = vec![];
    let mut next = Some(format!("/repos/acme/infra/issues/{number}/comments?per_page=2"));
    let mut pages = 0;
    while let Some(path) = next {
        let answer = app.get(&path).await;
        bodies.extend(answer.body.as_array().unwrap().iter().map(|it| it["body"].clone()));
        (next, pages) = (answer.next, pages + 1);
    }
    assert_eq!(
        (bodies, pages),
        (vec![json!("0"), json!("1"), json!("2"), json!("3"), json!("4")], 3)
    );
}

#[tokio::test]
async fn a_check_run_is_completed_annotated_and_found_by_its_commit() {
    let scene = Scene::new().await;
    scene.pull();
    let sha = scene.hub.sha(REPO, "feature").unwrap();
    let app = Client::installation(&scene.hub, json!({ "checks": "write" })).await;
    let runs = "/repos/acme/infra/check-runs";
    let unknown = json!({ "name": "planwright", "head_sha": "0".repeat(40) });
    assert_eq!(app.post(runs, unknown).await.status, 422);
    let new = json!({ "name": "planwright", "head_sha": sha, "status": "in_progress",
        "external_id": "job-1" });
    let run = app.post(runs, new).await.body;
    assert_eq!((&run["status"], &run["conclusion"]), (&json!("in_progress"), &Value::Null));
    let annotation = json!({ "path": "b.txt", "start_line": 1, "end_line": 1,
        "annotation_level": "failure", "message": "no" });
    let at = format!("{runs}/{}", run["id"]);
    let output = |count: usize| json!({ "title": "t", "summary": "s", "annotations": vec![annotation.clone(); count] });
    let done = |count| json!({ "conclusion": "failure", "output": output(count) });
    assert_eq!(app.patch(&at, done(51)).await.status, 422);
    assert_eq!(app.patch(&at, done(50)).await.status, 200);
    let second = app.patch(&at, json!({ "output": output(1) })).await.body;
    assert_eq!(second["output"]["annotations_count"], 51, "each request adds its own");
    let path = format!("/repos/acme/infra/commits/{sha}/check-runs?check_name=planwright");
    let found = app.get(&path).await.body;
    assert_eq!(found["total_count"], 1);
    assert_eq!(found["check_runs"][0]["external_id"], "job-1");
    assert_eq!(found["check_runs"][0]["pull_requests"][0]["number"], 1);
}
