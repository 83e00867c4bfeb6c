//! fakehub continues from its data when it is started again on the same directory.

use serde_json::json;

use planwright_fakehub::{Hub, Settings};

use super::{REPO, Scene, client::Client, receiver::Receiver};

#[tokio::test]
async fn a_second_start_has_credentials_tokens_content_and_clock_of_the_first() {
    let scene = Scene::new().await;
    let number = scene.pull();
    let comment = scene.bob.comment(REPO, number, "before").unwrap();
    let token = Client::installation(&scene.hub, json!({ "issues": "read" })).await;
    let key = scene.hub.app().private_key_pem;
    let last = scene.hub.comments(REPO, number).unwrap()[0].created_at;
    scene.hub.stop();

    let again = Hub::start(Settings::new(scene.dir.path().join("hub"))).await.unwrap();
    assert_eq!(again.app().private_key_pem, key);
    let client = Client::new(&again, format!("Bearer {}", token.token()));
    assert_eq!(client.get("/repos/acme/infra/issues/1/comments").await.body[0]["body"], "before");
    assert_eq!(again.person("alice").unwrap().token(), scene.alice.token());
    let next = again.person("bob").unwrap().comment(REPO, number, "after").unwrap();
    assert!(next > comment, "ids go on");
    let seen = again.comments(REPO, number).unwrap();
    assert!(seen[1].created_at > last, "the clock goes on");
    assert_eq!(again.pull(REPO, number).unwrap().head_sha, again.sha(REPO, "feature").unwrap());
}

#[tokio::test]
async fn webhooks_that_were_not_sent_are_sent_after_the_second_start() {
    let scene = Scene::new().await;
    scene.pull();
    scene.hub.stop();
    let again = Hub::start(Settings::new(scene.dir.path().join("hub"))).await.unwrap();
    let receiver = Receiver::start().await;
    again.set_webhook(&receiver.url);
    again.idle().await;
    assert_eq!(receiver.events(), ["installation.created", "push", "pull_request.opened"]);
}
