//! What people do about a run without a command: a review that requests changes, or nothing for a
//! day.

use serde_json::json;

use planwright::worker;

use super::story::{ask, opened, plain, story, told};
use crate::support::{
    bot::{REPO, Story},
    model::{Model, Said, call, finish, plan, set},
};

fn question() -> Said {
    call("ask_human", &json!({ "question": "Which, @acme/owners?", "choices": ["a", "b"] }))
}

/// The comments of the bot that say `words`.
fn saying(story: &Story, number: i64, words: &str) -> usize {
    story.bot_comments(number).iter().filter(|comment| comment.body.contains(words)).count()
}

#[tokio::test]
async fn a_review_that_wants_changes_is_a_revision_and_its_author_shapes_the_change() {
    let model = Model::scripted(plain("hi")).await;
    let story = story(&model).await;
    let issue = ask(&story.alice, "Greet.");
    story.settle().await;
    let pr = opened(&story, issue);
    let before = story.hub.pull(REPO, pr).unwrap();
    let asked = model.asked().len();
    story.eve.request_changes(REPO, pr, "PAYLOAD").unwrap();
    story.settle().await;
    story.carol.request_changes(REPO, pr, "<!-- PAYLOAD -->").unwrap();
    story.settle().await;
    assert_eq!(model.asked().len(), asked, "not by Eve, and not where nobody sees it");

    model.say(vec![
        set("hi", "greeting", &json!("Good night"), 1),
        plan(),
        finish("propose", "Says good night."),
    ]);
    story.hub.double_webhooks(1);
    let wish = "Say good night.<!-- PAYLOAD -->";
    let review = story.carol.request_changes(REPO, pr, wish).unwrap();
    story.settle().await;
    let after = story.hub.pull(REPO, pr).unwrap();
    assert_eq!(after.head_ref, before.head_ref);
    assert_ne!(after.head_sha, before.head_sha);
    assert!(after.body.unwrap_or_default().contains("`\"Good night\"`"));
    assert_eq!(model.asked().len(), asked + 3);
    let request = String::from_utf8_lossy(&model.asked().pop().unwrap().body).into_owned();
    assert!(request.contains("Say good night.") && !request.contains("PAYLOAD"), "{request}");

    story.carol.dismiss(REPO, pr, review).unwrap();
    story.carol.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "action_required", "who revises does not approve");
    story.finish().await;
}

#[tokio::test]
async fn a_review_of_a_run_that_is_at_work_is_answered_once() {
    let model = Model::scripted(plain("hi")).await;
    let story = story(&model).await;
    let issue = ask(&story.alice, "Greet.");
    story.settle().await;
    let pr = opened(&story, issue);
    model.say(vec![question()]);
    story.bob.request_changes(REPO, pr, "Otherwise.").unwrap();
    story.settle().await;
    assert!(told(&story, issue).contains("The agent asks: Which"), "{}", told(&story, issue));
    story.hub.double_webhooks(1);
    story.carol.request_changes(REPO, pr, "And larger.").unwrap();
    story.settle().await;
    assert_eq!(saying(&story, pr, "The review changes nothing yet. The agent is still at work"), 1);
    story.finish().await;
}

#[tokio::test]
async fn who_asks_for_a_revision_has_a_part_before_anything_comes_of_it() {
    let model = Model::scripted(plain("hi")).await;
    let story = story(&model).await;
    let issue = ask(&story.alice, "Greet.");
    story.settle().await;
    let pr = opened(&story, issue);
    model.say(vec![question(), question()]);
    story.carol.comment(REPO, pr, "/infra revise something else").unwrap();
    story.settle().await;
    story.carol.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_ne!(story.conclusion(pr), "success", "{}", story.report(pr));
    let said = "`carol`: does not count: asked for a commit of it";
    assert!(story.report(pr).contains(said), "{}", story.report(pr));
    story.finish().await;
}

#[tokio::test]
async fn people_are_reminded_of_a_question_after_a_day_and_once() {
    let model = Model::scripted(vec![question()]).await;
    let story = story(&model).await;
    let issue = ask(&story.alice, "Greet.");
    story.hub.idle().await;
    worker::run_until_idle(story.app()).await.unwrap();
    assert!(told(&story, issue).contains("The agent asks"));
    let reminder = "The run still waits for an answer: Which, `@acme/owners?`";
    assert_eq!(saying(&story, issue, reminder), 0, "not at once");
    let due = story.store().open_jobs().await.unwrap()[0].run_at;
    assert_eq!(due.duration_since(story.app().now()).as_hours(), 23);
    story.settle().await;
    assert_eq!(saying(&story, issue, reminder), 1);

    // What was answered in time is not asked about again.
    model.say(vec![question()]);
    story.alice.comment(REPO, issue, "/infra answer 1").unwrap();
    story.hub.idle().await;
    worker::run_until_idle(story.app()).await.unwrap();
    model.say(vec![question()]);
    story.bob.comment(REPO, issue, "/infra answer 2").unwrap();
    story.settle().await;
    assert_eq!(saying(&story, issue, reminder), 2, "of the first and the third");
    model.say(vec![finish("cannot_do", "No.")]);
    story.bob.comment(REPO, issue, "/infra answer 2").unwrap();
    story.settle().await;
    assert!(told(&story, issue).contains("cannot do this"), "{}", told(&story, issue));
    assert_eq!(saying(&story, issue, reminder), 2);
    story.finish().await;
}
