//! Whose words a comment is: what came by mail, what was changed since, and what is told twice.

use planwright_fakehub::DeliveryView;
use serde_json::{Value, json};

use super::{
    merging::card,
    requests::{ask, form},
    trust::counted,
    webhooks::{send, signed},
};
use crate::support::{
    bot::{REPO, Setup, Story, borrowed, edit, hello, linked},
    starts::Starts,
    world::Watched,
};

/// A pull request of Alice that is planned; the engine is counted from here on.
async fn planned() -> (Story, Starts, i64) {
    let (story, starts) = counted(&[]).await;
    let pr = story.open(&story.alice, "hello", &borrowed(&hello("hello", "Hello")));
    story.settle().await;
    starts.take();
    (story, starts, pr)
}

/// A pull request of Alice that was merged without an approval, and waits for a confirmation.
async fn merged() -> (Watched, Story, i64) {
    let watched = Watched::new();
    let engine = Some(watched.program());
    let story = Story::with(Setup { engine, ..Setup::default() }).await;
    let pr = story.open(&story.alice, "hello", &borrowed(&card("hello", "Hello", "world")));
    story.settle().await;
    story.merge(&story.alice, pr);
    story.settle().await;
    story.assert_says(pr, "**not applied**");
    (watched, story, pr)
}

/// The newest delivery of an event that people caused.
fn newest(story: &Story, event: &str) -> DeliveryView {
    let mut all = story.hub.deliveries().unwrap().into_iter();
    let is_it = |it: &DeliveryView| it.event == event && it.payload["sender"]["type"] == "User";
    all.rfind(is_it).unwrap_or_else(|| panic!("no {event}"))
}

/// Sends a body that is signed well, under a GUID of its own, and lets everything happen.
async fn send_as(story: &Story, guid: &str, event: &str, payload: &Value) {
    let body = payload.to_string().into_bytes();
    let signature = signed(&story.hub.app().webhook_secret, &body);
    let event = event.split('.').next().unwrap();
    let answer = send(story, Some(signature), (guid, event), body).await.unwrap();
    assert_eq!(answer.status(), 202);
    story.settle().await;
}

#[tokio::test]
async fn an_answer_by_mail_confirms_nothing_below_or_above() {
    let (watched, story, pr) = merged().await;
    let digest = story.digest_to_confirm(pr);
    let command = format!("/infra apply --plan {digest}");
    // The mail program puts the original below, without quote marks.
    let mail = format!(
        "No, I want to look first.\n\nOn Sun, 29 Nov 2026 at 10:00, planwright[bot]\n\
         <notifications@github.com> wrote:\n\n{command}\n"
    );
    let silence = (String::new(), Vec::new());
    assert_eq!(story.say_by_mail(&story.bob, pr, &mail).await, silence);
    assert_eq!(watched.count("apply"), 0);
    // GitHub may not say that it came by mail.
    assert_eq!(story.say(&story.bob, pr, &mail).await, silence);
    assert_eq!(watched.count("apply"), 0);

    let (answer, reactions) = story.say_by_mail(&story.bob, pr, &command).await;
    println!("{answer}");
    assert!(answer.contains("by mail") && answer.contains("on GitHub"), "{answer}");
    assert_eq!(reactions.last().unwrap(), "confused");
    assert_eq!(watched.count("apply"), 0);
    story.assert_says(pr, "**not applied**");

    let (answer, _) = story.say(&story.bob, pr, &command).await;
    assert_eq!(answer, "");
    story.assert_says(pr, "Applied and verified");
    story.finish().await;
}

#[tokio::test]
async fn what_stands_below_a_mails_separator_is_not_read() {
    let (story, starts, pr) = planned().await;
    for separator in [
        "-- ",
        "\u{2014}\nReply to this email directly, view it on GitHub, or unsubscribe.",
        "You are receiving this because you were mentioned.",
        "-----Original Message-----",
        "________________________________",
        "On Sun, 29 Nov 2026 at 10:00, Alice <alice@example.org> wrote:",
        "From: Alice\nSent: Sunday, 29 November 2026\nTo: acme/infra\nSubject: Hello",
    ] {
        let silence = (String::new(), Vec::new());
        let below = format!("I want to look first.\n\n{separator}\n\n/infra plan\n");
        assert_eq!(story.say(&story.bob, pr, &below).await, silence, "{separator}");
        assert_eq!(starts.take(), Vec::<String>::new(), "{separator}");
        let above = format!("/infra plan\n\n{separator}\n\n/infra unlock\n");
        let (answer, _) = story.say(&story.bob, pr, &above).await;
        assert_eq!((answer.as_str(), starts.count("plan")), ("", 1), "{separator}");
        starts.take();
    }
    story.finish().await;
}

#[tokio::test]
async fn a_command_by_mail_that_takes_a_person_on_github_is_refused() {
    let (story, starts, pr) = planned().await;
    for command in [
        "allow hello a.b",
        "apply",
        "apply --plan v1:0123456789ab",
        "unlock",
        // Who asks for edits has a part in them, and must be who they seem to be.
        "set hello greeting=Moin",
        "revise make it shorter",
        "answer 1",
    ] {
        let (answer, reactions) =
            story.say_by_mail(&story.bob, pr, &format!("/infra {command}")).await;
        assert!(answer.contains("by mail"), "{command}: {answer}");
        assert_eq!(reactions, ["confused"], "{command}");
    }
    let (answer, _) = story.say_by_mail(&story.bob, pr, "/infra status").await;
    assert!(answer.contains("2 to add"), "{answer}");
    let (answer, _) = story.say_by_mail(&story.bob, pr, "/infra plan").await;
    assert_eq!((answer.as_str(), starts.count("plan")), ("", 1), "a plan changes nothing");
    story.finish().await;
}

#[tokio::test]
async fn a_plan_asked_for_by_mail_lifts_nothing() {
    let (story, starts) = counted(&[]).await;
    let fork = story.eve.fork(REPO).unwrap();
    story.eve.push(&fork, "hello", &edit(&borrowed(&hello("hello", "Hello")))).unwrap();
    let pr = story.eve.open_pull(REPO, "eve:hello", "Say hello").unwrap();
    story.settle().await;
    story.assert_says(pr, "in a fork");

    let (answer, reactions) = story.say_by_mail(&story.bob, pr, "/infra plan").await;
    println!("{answer}");
    assert_eq!(starts.take(), Vec::<String>::new());
    assert!(answer.contains("by mail") && answer.contains("on GitHub"), "{answer}");
    assert_eq!(reactions.last().unwrap(), "confused");
    story.assert_says(pr, "in a fork");
    assert_ne!(story.conclusion(pr), "success");

    story.say(&story.bob, pr, "/infra plan").await;
    assert_eq!(starts.count("plan"), 1);
    story.finish().await;
}

#[tokio::test]
async fn an_approval_by_mail_does_not_count() {
    let (story, _starts, pr) = planned().await;
    story.bob.approve_by_mail(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "action_required", "{}", story.report(pr));
    story.assert_says(pr, "`bob`: does not count: given by mail; approve once more on GitHub");
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "success");
    story.finish().await;
}

#[tokio::test]
async fn a_comment_that_was_changed_since_is_not_carried_out() {
    let (story, starts, pr) = planned().await;
    story.hub.hold_webhooks();
    let comment = story.bob.comment(REPO, pr, "/infra plan").unwrap();
    story.bob.edit_comment(REPO, comment, "Wait, I want to look first.").unwrap();
    story.hub.release_webhooks();
    story.settle().await;
    assert_eq!(starts.take(), Vec::<String>::new());
    let (answer, reactions) = story.answer(pr, comment);
    println!("{answer}");
    assert!(answer.contains("changed"), "{answer}");
    assert_eq!(reactions, ["confused"]);
    story.finish().await;
}

/// The body of a webhook about a comment, which the bot does not get to hear.
async fn unheard(story: &Story, comment: impl FnOnce() -> i64) -> Value {
    story.hub.idle().await;
    story.hub.lose_webhooks(1);
    let comment = comment();
    story.hub.idle().await;
    let told = newest(story, "issue_comment.created");
    assert_eq!((told.status_code, &told.payload["comment"]["id"]), (Some(502), &json!(comment)));
    told.payload
}

/// Whoever has the webhook secret can sign what they like, but not put words on GitHub.
#[tokio::test]
async fn a_comment_that_github_does_not_have_like_that_is_not_carried_out() {
    let (story, starts, pr) = planned().await;
    let other = story.open(&story.alice, "other", &borrowed(&hello("other", "Moin")));
    story.hub.add_repository("acme/other", &[("x", "x")]).unwrap();
    let elsewhere = story.bob.open_issue("acme/other", "Hello", "Hello").unwrap();
    story.settle().await;
    starts.take();
    let before = story.bot_comments(pr).len();

    let comment = |repo, number, body| story.bob.comment(repo, number, body).unwrap();
    let said = unheard(&story, || comment(REPO, pr, "Looks good.")).await;
    let mut body = said.clone();
    body["comment"]["body"] = "/infra plan".into();
    let of_eve = || story.eve.comment(REPO, pr, "/infra plan").unwrap();
    let mut author = unheard(&story, of_eve).await;
    author["comment"]["user"] = said["comment"]["user"].clone();
    let mut number = unheard(&story, || comment(REPO, other, "/infra plan")).await;
    number["issue"] = said["issue"].clone();
    let mut repository = unheard(&story, || comment("acme/other", elsewhere, "/infra plan")).await;
    for field in ["repository", "issue", "installation"] {
        repository[field] = said[field].clone();
    }
    let forged =
        [("body", body), ("author", author), ("number", number), ("repository", repository)];
    for (what, forged) in &forged {
        send_as(&story, what, "issue_comment", forged).await;
        assert_eq!(starts.take(), Vec::<String>::new(), "{what}");
    }
    let answers = &story.bot_comments(pr)[before..];
    println!("{answers:#?}");
    assert_eq!(answers.len(), 1, "only who wrote the comment here is told that it was changed");
    story.finish().await;
}

#[tokio::test]
async fn a_comment_that_is_gone_does_nothing() {
    let (story, starts, pr) = planned().await;
    story.hub.hold_webhooks();
    let comment = story.bob.comment(REPO, pr, "/infra plan\n/infra status").unwrap();
    story.bob.delete_comment(REPO, comment).unwrap();
    story.hub.release_webhooks();
    story.settle().await;
    assert_eq!(starts.take(), Vec::<String>::new());
    assert_eq!(story.bot_comments(pr).len(), 1, "the report");
    story.finish().await;
}

#[tokio::test]
async fn a_comment_that_is_told_of_twice_is_carried_out_once() {
    let (story, starts, pr) = planned().await;
    story.bob.comment(REPO, pr, "/infra plan\n/infra status").unwrap();
    story.settle().await;
    assert_eq!(starts.count("plan"), 1);
    let before = story.bot_comments(pr).len();
    // Another webhook about the same comment, such as one of the repository beside that of the App.
    let mut again = newest(&story, "issue_comment.created").payload;
    again["hook"] = "another".into();
    send_as(&story, "again", "issue_comment", &again).await;
    assert_eq!(starts.take(), Vec::<String>::new());
    assert_eq!(story.bot_comments(pr).len(), before);
    story.finish().await;
}

/// The GUID of a delivery is not signed, so whoever captured a body can send it under another one.
async fn replayed(story: &Story, starts: &Starts, event: &str) {
    let captured = newest(story, event).payload;
    let before = story.hub.calls().len();
    let guid = format!("replay-{}", event.replace(['.', '_'], "-"));
    send_as(story, &guid, event, &captured).await;
    let calls = story.hub.calls().split_off(before).into_iter().map(|call| call.operation);
    assert_eq!(calls.collect::<Vec<String>>(), Vec::<String>::new(), "{event}");
    assert_eq!(starts.take(), Vec::<String>::new(), "{event}");
}

#[tokio::test]
async fn a_captured_body_under_a_new_guid_does_nothing() {
    let (story, starts, pr) = planned().await;
    story.bob.comment(REPO, pr, "/infra plan").unwrap();
    story.settle().await;
    starts.take();
    replayed(&story, &starts, "issue_comment.created").await;

    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    replayed(&story, &starts, "pull_request_review.submitted").await;

    story.merge(&story.bob, pr);
    story.settle().await;
    story.assert_says(pr, "Applied and verified");
    starts.take();
    replayed(&story, &starts, "pull_request.closed").await;
    story.finish().await;
}

#[tokio::test]
async fn a_captured_issue_does_not_ask_again() {
    let (story, starts) = counted(&[]).await;
    let issue = ask(&story.alice, &form("hi", "Good day"));
    story.settle().await;
    let pr = linked(&story.bot_comments(issue)[0].body);
    let branch = story.hub.pull(REPO, pr).unwrap().head_ref;
    let told = newest(&story, "issues.opened").payload;
    story.bob.close(REPO, pr).unwrap();
    story.bob.delete_branch(REPO, &branch).unwrap();
    story.settle().await;
    starts.take();
    send_as(&story, "replay", "issues", &told).await;
    assert!(story.hub.sha(REPO, &branch).is_err(), "the branch is made again");
    replayed(&story, &starts, "issues.opened").await;
    story.finish().await;
}
