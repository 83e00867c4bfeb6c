//! Which webhooks are sent, how, and what the deliveries API says about them.

use hmac::{Hmac, Mac};
use serde_json::json;
use sha2::Sha256;

use planwright_fakehub::{AppEdit, Edit, MergeMethod, Role};

use super::{REPO, Scene, client::Client, receiver::Receiver};

/// A scene whose first announcements have been sent and forgotten.
async fn listening() -> (Scene, Receiver) {
    let (scene, receiver) = (Scene::new().await, Receiver::start().await);
    scene.hub.set_webhook(&receiver.url);
    scene.hub.idle().await;
    assert_eq!(receiver.events(), ["installation.created"]);
    receiver.forget();
    (scene, receiver)
}

#[tokio::test]
async fn an_app_is_told_of_the_events_that_it_asked_for_and_no_others() {
    let (scene, receiver) = listening().await;
    let events = Some(vec!["push".to_owned()]);
    scene.hub.edit_app(AppEdit { events, ..AppEdit::default() }).unwrap();
    scene.pull();
    scene.hub.idle().await;
    assert_eq!(receiver.events(), ["push"]);
}

#[tokio::test]
async fn each_letter_is_signed_over_its_raw_body() {
    let (scene, receiver) = listening().await;
    scene.pull();
    scene.hub.idle().await;
    let letters = receiver.letters();
    assert_eq!(receiver.events(), ["push", "pull_request.opened"]);
    for letter in letters {
        let secret = scene.hub.app().webhook_secret;
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(&letter.body);
        let signature = letter.header("x-hub-signature-256").strip_prefix("sha256=").unwrap();
        mac.verify_slice(&hex::decode(signature).unwrap()).unwrap();
        assert_eq!(letter.header("x-github-delivery").len(), 36);
        assert_eq!(letter.header("x-github-hook-installation-target-type"), "integration");
        let body = letter.json();
        assert_eq!(body["sender"]["login"], "alice");
        assert_eq!(body["repository"]["full_name"], REPO);
        assert!(body["installation"]["id"].is_i64());
    }
}

#[tokio::test]
async fn everything_people_and_the_app_do_is_announced_in_order() {
    let (scene, receiver) = listening().await;
    let number = scene.pull();
    let head = scene.hub.pull(REPO, number).unwrap().head_sha;
    scene.alice.push(REPO, "feature", &Edit::new("More").write("c.txt", "c")).unwrap();
    let comment = scene.eve.comment(REPO, number, "hi").unwrap();
    scene.eve.edit_comment(REPO, comment, "ho").unwrap();
    let review = scene.bob.approve(REPO, number).unwrap();
    scene.bob.dismiss(REPO, number, review).unwrap();
    scene.alice.close(REPO, number).unwrap();
    scene.alice.reopen(REPO, number).unwrap();
    let app = Client::installation(&scene.hub, json!({ "checks": "write" })).await;
    let run = json!({ "name": "x", "head_sha": head, "conclusion": "success" });
    let run = app.post("/repos/acme/infra/check-runs", run).await.body["id"].as_i64().unwrap();
    scene.bob.rerequest(REPO, run).unwrap();
    scene.bob.merge(REPO, number, MergeMethod::Merge).unwrap();
    scene.alice.open_issue(REPO, "Please", "a bucket").unwrap();
    scene.hub.idle().await;
    assert_eq!(
        receiver.events(),
        [
            "push",
            "pull_request.opened",
            "push",
            "pull_request.synchronize",
            "issue_comment.created",
            "issue_comment.edited",
            "pull_request_review.submitted",
            "pull_request_review.dismissed",
            "pull_request.closed",
            "pull_request.reopened",
            "check_run.created",
            "check_run.completed",
            "check_run.rerequested",
            "push",
            "pull_request.closed",
            "issues.opened",
        ]
    );
    let letters = receiver.letters();
    assert_eq!(letters[5].json()["changes"]["body"]["from"], "hi");
    assert_eq!(letters[6].json()["review"]["state"], "approved");
    assert_eq!(letters[8].json()["pull_request"]["merged"], false);
    assert_eq!(letters[10].json()["sender"]["type"], "Bot");
    assert_eq!(letters[14].json()["pull_request"]["merged"], true);
    let stamps: Vec<String> = [&letters[4], &letters[5]]
        .map(|letter| letter.json()["comment"]["updated_at"].as_str().unwrap().to_owned())
        .into();
    assert!(stamps[0] < stamps[1], "each event has a second of its own: {stamps:?}");
}

#[tokio::test]
async fn a_failed_delivery_is_listed_and_comes_again_under_the_same_guid() {
    let (scene, receiver) = listening().await;
    receiver.answer(500);
    scene.alice.open_issue(REPO, "Please", "").unwrap();
    scene.hub.idle().await;
    let app = Client::app(&scene.hub);
    let failed = app.get("/app/hook/deliveries?status=failure").await.body;
    assert_eq!(failed.as_array().unwrap().len(), 1, "{failed}");
    assert_eq!(failed[0]["status_code"], 500);
    receiver.answer(202);
    let at = format!("/app/hook/deliveries/{}", failed[0]["id"]);
    let shown = app.get(&at).await.body;
    assert_eq!(shown["request"]["payload"]["issue"]["title"], "Please");
    assert_eq!(app.post(&format!("{at}/attempts"), json!({})).await.status, 202);
    scene.hub.idle().await;
    let guids: Vec<String> = receiver
        .letters()
        .iter()
        .map(|letter| letter.header("x-github-delivery").to_owned())
        .collect();
    assert_eq!(guids.len(), 2);
    assert_eq!(guids[0], guids[1]);
    let all = app.get("/app/hook/deliveries?per_page=1").await;
    assert_eq!(all.body[0]["redelivery"], true, "the newest comes first");
    let older = app.get(&all.next.unwrap()).await.body;
    assert_eq!(older[0]["id"], failed[0]["id"]);
}

#[tokio::test]
async fn webhooks_get_lost_doubled_and_reordered_on_demand() {
    let (scene, receiver) = listening().await;
    let say = |text: &str| scene.alice.comment(REPO, 1, text).unwrap();
    scene.pull();
    scene.hub.idle().await;
    receiver.forget();
    let heard = || -> Vec<String> {
        let letters = receiver.letters();
        letters.iter().map(|it| it.json()["comment"]["body"].as_str().unwrap().to_owned()).collect()
    };
    scene.hub.lose_webhooks(1);
    say("lost");
    scene.hub.idle().await;
    scene.hub.double_webhooks(1);
    say("twice");
    scene.hub.idle().await;
    scene.hub.hold_webhooks();
    say("first");
    say("second");
    scene.hub.idle().await;
    assert_eq!(heard(), ["twice", "twice"]);
    scene.hub.release_webhooks_reversed().unwrap();
    scene.hub.idle().await;
    assert_eq!(heard(), ["twice", "twice", "second", "first"]);
    let failed = Client::app(&scene.hub).get("/app/hook/deliveries?status=failure").await.body;
    assert_eq!(failed.as_array().unwrap().len(), 1, "the lost one can be asked for again");
}

#[tokio::test]
async fn a_fork_is_not_announced_but_its_pull_request_is() {
    let (scene, receiver) = listening().await;
    let fork = scene.eve.fork(REPO).unwrap();
    scene.eve.push(&fork, "idea", &Edit::new("Idea").write("b.txt", "b")).unwrap();
    scene.eve.open_pull(REPO, "eve:idea", "An idea").unwrap();
    scene.eve.push(&fork, "idea", &Edit::new("More").write("c.txt", "c")).unwrap();
    scene.hub.idle().await;
    assert_eq!(receiver.events(), ["pull_request.opened", "pull_request.synchronize"]);
    let opened = receiver.letters()[0].json();
    assert_eq!(opened["pull_request"]["head"]["repo"]["full_name"], "eve/infra");
}

#[tokio::test]
async fn a_retarget_is_an_edit_that_names_the_old_base() {
    let (scene, receiver) = listening().await;
    let number = scene.pull();
    scene.hub.set_permission(REPO, "eve", Some(Role::Write)).unwrap();
    scene.eve.push(REPO, "release", &Edit::new("Cut").write("v", "1")).unwrap();
    scene.eve.retarget(REPO, number, "release").unwrap();
    scene.hub.idle().await;
    let edited = receiver.letters().pop().unwrap();
    assert_eq!(edited.event(), "pull_request.edited");
    assert_eq!(edited.json()["changes"]["base"]["ref"]["from"], "main");
}
