//! The main job: opened, planned, approved, merged, applied, verified, drifted, reverted.

use crate::support::bot::{REPO, Story, borrowed, hello};

#[tokio::test]
async fn a_change_is_planned_approved_merged_applied_and_verified() {
    let story = Story::start().await;
    let pr = story.open(&story.alice, "hello", &borrowed(&hello("hello", "Hello")));
    story.settle().await;
    println!("{}", story.report(pr));
    assert_eq!(story.conclusion(pr), "action_required");

    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    println!("{}", story.report(pr));
    assert_eq!(story.conclusion(pr), "success");

    story.merge(&story.bob, pr);
    story.settle().await;
    println!("{}", story.report(pr));
    assert!(story.report(pr).contains("pplied"));
    story.finish().await;
}
