//! Which caller may use which operation of fakehub.

use serde_json::json;

use planwright_fakehub::{Edit, Level, MergeMethod, Role};

use super::{
    REPO, Scene,
    client::{Client, jwt},
};

#[tokio::test]
async fn a_jwt_is_refused_unless_it_is_ours_and_short_lived() {
    let scene = Scene::new().await;
    let app = scene.hub.app();
    for (iat, exp, status, message) in [
        (-60, 540, 200, ""),
        (-60, -1, 401, "'Expiration time' claim ('exp') must be a numeric value"),
        (-60, 660, 401, "'Expiration time' claim ('exp') is too far in the future"),
        (60, 540, 401, "'Issued at' claim ('iat')"),
    ] {
        let client = Client::new(&scene.hub, format!("Bearer {}", jwt(&app, iat, exp)));
        let answer = client.get("/app").await;
        assert_eq!(answer.status, status, "iat {iat}, exp {exp}: {}", answer.body);
        let said = answer.body["message"].as_str().unwrap_or_default();
        assert!(said.starts_with(message), "{said}");
    }
    let foreign = Scene::new().await.hub.app();
    let forged = Client::new(&scene.hub, format!("Bearer {}", jwt(&foreign, -60, 540)));
    let answer = forged.get("/app").await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.body["message"], "A JSON web token could not be decoded");
}

#[tokio::test]
async fn no_credentials_and_wrong_ones_are_401() {
    let scene = Scene::new().await;
    for authorization in ["Bearer ghs_no", "Bearer", "Digest x", "token ghp_no"] {
        let answer = Client::new(&scene.hub, authorization).get("/repos/acme/infra").await;
        assert_eq!(answer.status, 401, "{authorization}");
    }
}

#[tokio::test]
async fn an_installation_token_does_only_what_it_was_minted_for() {
    let scene = Scene::new().await;
    let number = scene.pull();
    let comments = format!("/repos/acme/infra/issues/{number}/comments");
    let checks = json!({ "name": "x", "head_sha": scene.hub.sha(REPO, "feature").unwrap() });

    let reader = Client::installation(&scene.hub, json!({ "issues": "read" })).await;
    assert_eq!(reader.get(&comments).await.status, 200);
    let refused = reader.post(&comments, json!({ "body": "hi" })).await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.body["message"], "Resource not accessible by integration");
    assert_eq!(reader.get("/repos/acme/infra").await.status, 200, "metadata can be read always");

    let commenter = Client::installation(&scene.hub, json!({ "pull_requests": "write" })).await;
    assert_eq!(commenter.post(&comments, json!({ "body": "hi" })).await.status, 201);
    assert_eq!(commenter.post("/repos/acme/infra/check-runs", checks).await.status, 403);
}

#[tokio::test]
async fn a_token_for_one_repository_does_not_reach_another() {
    let scene = Scene::new().await;
    let id = scene.hub.add_repository("acme/other", &[("x", "x")]).unwrap();
    let app = Client::app(&scene.hub);
    let installation = app.get("/repos/acme/infra/installation").await.body;
    let path = format!("/app/installations/{}/access_tokens", installation["id"]);
    let minted = app.post(&path, json!({ "repository_ids": [id] })).await.body;
    let token = minted["token"].as_str().unwrap();
    assert!((480..=560).contains(&token.len()), "{} characters", token.len());
    let client = Client::new(&scene.hub, format!("Bearer {token}"));
    assert_eq!(client.get("/repos/acme/other").await.status, 200);
    assert_eq!(client.get("/repos/acme/infra").await.status, 404);
    assert_eq!(client.delete("/installation/token").await.status, 204);
    assert_eq!(client.get("/repos/acme/other").await.status, 401, "it was revoked");
}

#[tokio::test]
async fn no_token_has_more_than_the_installation() {
    let scene = Scene::new().await;
    let app = Client::app(&scene.hub);
    let installation = app.get("/repos/acme/infra/installation").await.body;
    let path = format!("/app/installations/{}/access_tokens", installation["id"]);
    scene.hub.set_app_permission("acme", "checks", Some(Level::Read)).unwrap();
    let refused = app.post(&path, json!({ "permissions": { "checks": "write" } })).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    let refused = app.post(&path, json!({ "repository_ids": [1] })).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    scene.hub.suspend("acme", true).unwrap();
    assert_eq!(app.post(&path, json!({})).await.status, 403);
}

#[tokio::test]
async fn a_suspended_installation_neither_mints_nor_uses_tokens() {
    let scene = Scene::new().await;
    let client = Client::installation(&scene.hub, json!({ "issues": "read" })).await;
    scene.hub.suspend("acme", true).unwrap();
    assert_eq!(client.get("/repos/acme/infra").await.status, 403);
    scene.hub.suspend("acme", false).unwrap();
    assert_eq!(client.get("/repos/acme/infra").await.status, 200);
}

#[tokio::test]
async fn nothing_is_written_to_an_archived_repository() {
    let scene = Scene::new().await;
    let number = scene.pull();
    let issue = scene.alice.open_issue(REPO, "A bucket", "").unwrap();
    let comment = scene.alice.comment(REPO, issue, "hi").unwrap();
    scene.hub.set_archived(REPO, true).unwrap();
    let refusals = [
        scene.bob.label_issue(REPO, issue, "no").unwrap_err(),
        scene.alice.close_issue(REPO, issue).unwrap_err(),
        scene.alice.react(REPO, comment, "eyes").unwrap_err(),
        scene.alice.comment(REPO, number, "hi").unwrap_err(),
        scene.alice.push(REPO, "feature", &Edit::new("No")).unwrap_err(),
        scene.bob.merge(REPO, number, MergeMethod::Merge).unwrap_err(),
        scene.bob.approve(REPO, number).unwrap_err(),
        scene.bob.open_issue(REPO, "No", "").unwrap_err(),
    ];
    assert!(refusals.iter().all(|refusal| refusal.status == 403), "{refusals:?}");
    assert!(scene.hub.pull(REPO, number).unwrap().open);
}

#[tokio::test]
async fn a_person_makes_no_check_runs_and_no_merges_without_write() {
    let scene = Scene::new().await;
    let number = scene.pull();
    let eve = Client::new(&scene.hub, format!("token {}", scene.eve.token().unwrap()));
    let bob = Client::new(&scene.hub, format!("token {}", scene.bob.token().unwrap()));
    let checks = json!({ "name": "x", "head_sha": scene.hub.sha(REPO, "feature").unwrap() });
    assert_eq!(bob.post("/repos/acme/infra/check-runs", checks).await.status, 403);
    let merge = format!("/repos/acme/infra/pulls/{number}/merge");
    assert_eq!(eve.put(&merge, json!({})).await.status, 403);
    assert_eq!(bob.put(&merge, json!({})).await.status, 200);
}

#[tokio::test]
async fn permissions_are_told_by_role_and_a_private_repository_is_hidden() {
    let scene = Scene::new().await;
    let app = Client::installation(&scene.hub, json!({ "metadata": "read" })).await;
    let permission = async |login: &str| {
        let path = format!("/repos/acme/infra/collaborators/{login}/permission");
        let body = app.get(&path).await.body;
        (body["permission"].clone(), body["role_name"].clone())
    };
    assert_eq!(permission("alice").await, (json!("write"), json!("write")));
    assert_eq!(permission("eve").await, (json!("read"), json!("read")));
    scene.hub.set_permission(REPO, "alice", Some(Role::Maintain)).unwrap();
    assert_eq!(permission("alice").await, (json!("write"), json!("maintain")));
    scene.hub.set_private(REPO, true).unwrap();
    assert_eq!(permission("eve").await, (json!("none"), json!("")));
    let eve = Client::new(&scene.hub, format!("token {}", scene.eve.token().unwrap()));
    assert_eq!(eve.get("/repos/acme/infra").await.status, 404);
}

#[tokio::test]
async fn what_is_not_known_is_501_and_listed() {
    let scene = Scene::new().await;
    let bob = Client::new(&scene.hub, format!("token {}", scene.bob.token().unwrap()));
    assert_eq!(bob.get("/repos/acme/infra/teams").await.status, 501);
    assert_eq!(bob.graphql("{ viewer { login } }", json!({})).await.status, 501);
    assert_eq!(bob.get("/repos/acme/infra").await.status, 200);
    let unknown: Vec<String> = scene.hub.unknown().into_iter().map(|call| call.operation).collect();
    assert_eq!(unknown, ["GET /api/v3/repos/acme/infra/teams", "graphql unnamed"]);
}
