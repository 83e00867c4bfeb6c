//! Git over HTTP, with git's own client.

use std::{path::Path, process::Output};

use serde_json::json;

use planwright_fakehub::Edit;

use super::{REPO, Scene, client::Client, receiver::Receiver};

/// Runs git away from any configuration of this machine, in a thread that may block.
async fn git(at: &Path, arguments: &[&str]) -> Output {
    let mut command = tokio::process::Command::new("git");
    command
        .current_dir(at)
        .args(["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("NO_PROXY", "*");
    command.output().await.unwrap()
}

fn remote(scene: &Scene, password: &str) -> String {
    let address = scene.hub.url().strip_prefix("http://").unwrap();
    format!("http://x-access-token:{password}@{address}/{REPO}.git")
}

#[tokio::test]
async fn a_token_with_contents_clones_and_one_without_does_not() {
    let scene = Scene::new().await;
    let reader = Client::installation(&scene.hub, json!({ "contents": "read" })).await;
    let cloned = git(scene.dir.path(), &["clone", &remote(&scene, reader.token()), "a"]).await;
    assert!(cloned.status.success(), "{cloned:?}");
    let readme = std::fs::read_to_string(scene.dir.path().join("a/README.md")).unwrap();
    assert_eq!(readme, "hello\n");

    let other = Client::installation(&scene.hub, json!({ "issues": "read" })).await;
    for password in [other.token(), "ghs_no"] {
        let refused = git(scene.dir.path(), &["clone", &remote(&scene, password), "b"]).await;
        assert!(!refused.status.success());
    }
    let operations: Vec<String> =
        scene.hub.calls().into_iter().map(|call| call.operation).collect();
    assert!(operations.contains(&"git-upload-pack".to_owned()), "{operations:?}");
}

#[tokio::test]
async fn a_pull_request_is_fetched_by_its_number_and_a_commit_by_its_id() {
    let scene = Scene::new().await;
    let number = scene.pull();
    let old = scene.hub.pull(REPO, number).unwrap().head_sha;
    let edit = Edit::new("Other").write("o.txt", "o");
    scene.alice.force_push(REPO, "feature", "main", &edit).unwrap();
    git(scene.dir.path(), &["init", "c"]).await;
    let at = scene.dir.path().join("c");
    let url = remote(&scene, &scene.bob.token().unwrap());
    for (wanted, sha) in [
        (format!("refs/pull/{number}/head"), scene.hub.sha(REPO, "feature").unwrap()),
        (old.clone(), old),
    ] {
        let fetched = git(&at, &["fetch", "--depth", "1", &url, &wanted]).await;
        assert!(fetched.status.success(), "{fetched:?}");
        let head = git(&at, &["rev-parse", "FETCH_HEAD"]).await;
        assert_eq!(String::from_utf8(head.stdout).unwrap().trim(), sha);
    }
}

#[tokio::test]
async fn a_push_is_announced_as_the_pushers_and_refused_without_write() {
    let scene = Scene::new().await;
    let receiver = Receiver::start().await;
    scene.hub.set_webhook(&receiver.url);
    scene.pull();
    scene.hub.idle().await;
    receiver.forget();
    let url = remote(&scene, &scene.bob.token().unwrap());
    git(scene.dir.path(), &["clone", "--branch", "feature", &url, "d"]).await;
    let at = scene.dir.path().join("d");
    git(&at, &["commit", "--allow-empty", "-m", "By hand"]).await;

    let reader = Client::installation(&scene.hub, json!({ "contents": "read" })).await;
    for password in [scene.eve.token().unwrap(), reader.token().to_owned()] {
        let refused = git(&at, &["push", &remote(&scene, &password), "feature"]).await;
        assert!(!refused.status.success());
    }
    let refused = git(&at, &["push", &url, "HEAD:refs/pull/1/head"]).await;
    assert!(!refused.status.success(), "the refs of pull requests are GitHub's");

    let pushed = git(&at, &["push", &url, "feature"]).await;
    assert!(pushed.status.success(), "{pushed:?}");
    scene.hub.idle().await;
    assert_eq!(receiver.events(), ["push", "pull_request.synchronize"]);
    let push = receiver.letters()[0].json();
    assert_eq!(push["pusher"]["name"], "bob");
    assert_eq!(push["commits"][0]["message"], "By hand");
    let head = scene.hub.pull(REPO, 1).unwrap().head_sha;
    assert_eq!(push["after"], head);
}
