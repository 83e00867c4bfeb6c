//! A webhook that fails while the bot runs. GitHub does not send it again, so the bot must find it.

use std::time::Duration;

use crate::support::bot::{Story, borrowed, hello};

#[tokio::test]
async fn a_webhook_that_failed_after_the_start_is_found_without_a_restart() {
    let story = Story::start().await;
    story.settle().await;
    story.hub.lose_webhooks(2);
    let pr = story.open(&story.alice, "hello", &borrowed(&hello("hello", "Hello")));
    story.settle().await;
    assert_eq!(story.bot_comments(pr).len(), 0, "the push and the opening were lost");
    let mut wakes = story.store().wakes();
    let found = async {
        while story.store().open_jobs().await.unwrap().is_empty() {
            wakes.changed().await.unwrap();
        }
    };
    tokio::select! {
        () = story.bot.keep_up(Duration::from_millis(10)) => {}
        found = tokio::time::timeout(Duration::from_secs(30), found) => found.unwrap(),
    }
    story.settle().await;
    assert!(story.report(pr).contains("2 to add"));
    story.finish().await;
}
