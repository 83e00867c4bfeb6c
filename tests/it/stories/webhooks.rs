//! Webhooks as they really arrive: twice, late, in any order, forged, or not at all.

use std::time::Duration;

use hmac::{Hmac, Mac as _};
use jiff::SignedDuration;
use reqwest::Response;
use serde_json::json;
use sha2::Sha256;

use planwright::flow::{
    self,
    catch_up::{SyncCursor, catch_up},
};
use planwright_fakehub::Fault;
use planwright_store::Stamp;

use crate::support::{
    bot::{REPO, Setup, Story, borrowed, edit, hello},
    starts::Starts,
};

async fn counted() -> (Story, Starts) {
    let starts = Starts::new();
    let setup = Setup { engine: Some(starts.engine.clone()), ..Setup::default() };
    (Story::with(setup).await, starts)
}

fn open(story: &Story) -> i64 {
    story.open(&story.alice, "hello", &borrowed(&hello("hello", "Hello")))
}

/// Whether the engine ever wrote a state, so that something was applied.
fn is_applied(story: &Story) -> bool {
    let states = walkdir::WalkDir::new(story.dir.path().join("bot/state"));
    states.into_iter().flatten().any(|entry| entry.file_name() == "terraform.tfstate")
}

#[tokio::test]
async fn webhooks_that_come_twice_are_acted_on_once() {
    let (story, starts) = counted().await;
    story.hub.double_webhooks(100);
    let pr = open(&story);
    story.settle().await;
    assert_eq!(starts.count("plan"), 1);
    story.bob.comment(REPO, pr, "/infra help\n/infra plan").unwrap();
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(starts.count("plan"), 1);
    assert_eq!(story.bot_comments(pr).len(), 2, "the report and the help, each once");
    assert_eq!(story.conclusion(pr), "success");
    story.merge(&story.bob, pr);
    story.settle().await;
    assert_eq!(starts.count("apply"), 1);
    story.finish().await;
}

#[tokio::test]
async fn a_redelivered_webhook_starts_nothing() {
    let (story, starts) = counted().await;
    let pr = open(&story);
    story.settle().await;
    story.bob.comment(REPO, pr, "/infra plan").unwrap();
    story.settle().await;
    assert_eq!(starts.count("plan"), 2);
    let before = story.bot_comments(pr).len();
    for delivery in story.hub.deliveries().unwrap() {
        story.hub.redeliver(delivery.id).unwrap();
    }
    story.settle().await;
    assert_eq!(starts.take(), Vec::<String>::new());
    assert_eq!(story.bot_comments(pr).len(), before);
    story.finish().await;
}

#[tokio::test]
async fn webhooks_in_the_wrong_order_end_in_the_plan_of_the_last_head() {
    let (story, starts) = counted().await;
    story.hub.hold_webhooks();
    let pr = open(&story);
    story.alice.push(REPO, "hello", &edit(&borrowed(&hello("hello", "Moin")))).unwrap();
    story.hub.release_webhooks_reversed().unwrap();
    story.settle().await;
    assert!(story.report(pr).contains("input: \"Moin, world\""), "{}", story.report(pr));
    assert_eq!(starts.count("plan"), 1);
    assert_eq!(story.bot_comments(pr).len(), 1);
    assert_eq!(story.conclusion(pr), "action_required");
    // Pushes told of late make principals all the same.
    assert!(story.report(pr).contains("`alice` (opened the pull request, pushed to it"));
    story.finish().await;
}

#[tokio::test]
async fn a_merge_told_of_before_its_approval_applies_once_and_only_what_was_approved() {
    for is_reversed in [false, true] {
        let (story, starts) = counted().await;
        let pr = open(&story);
        story.settle().await;
        starts.take();
        story.hub.hold_webhooks();
        story.bob.approve(REPO, pr).unwrap();
        story.merge(&story.bob, pr);
        if is_reversed {
            story.hub.release_webhooks_reversed().unwrap();
        } else {
            story.hub.release_webhooks();
        }
        story.settle().await;
        println!("reversed: {is_reversed}\n{}", story.report(pr));
        assert_eq!(starts.count("apply"), 1, "{}", story.report(pr));
        assert!(is_applied(&story));
        story.finish().await;
    }
}

#[tokio::test]
async fn what_was_closed_before_the_first_webhook_came_is_not_planned() {
    let (story, starts) = counted().await;
    story.hub.hold_webhooks();
    let pr = open(&story);
    story.alice.close(REPO, pr).unwrap();
    story.hub.release_webhooks();
    story.settle().await;
    assert_eq!(starts.take(), Vec::<String>::new());
    assert!(story.bot_comments(pr).is_empty());
    story.finish().await;
}

#[tokio::test]
async fn what_was_merged_before_the_first_webhook_came_is_not_applied() {
    let (story, starts) = counted().await;
    story.hub.hold_webhooks();
    let merged = story.open(&story.alice, "other", &borrowed(&hello("other", "Moin")));
    story.bob.approve(REPO, merged).unwrap();
    story.merge(&story.bob, merged);
    story.hub.release_webhooks();
    story.settle().await;
    println!("{}", story.report(merged));
    assert_eq!(starts.count("apply"), 0);
    assert!(!is_applied(&story));
    assert!(story.report(merged).contains("not applied"), "{}", story.report(merged));
    story.finish().await;
}

pub async fn send(
    story: &Story,
    signature: Option<String>,
    (guid, event): (&str, &str),
    body: Vec<u8>,
) -> reqwest::Result<Response> {
    let url = format!("http://{}/webhook", story.bot.address.unwrap());
    let mut request = reqwest::Client::new()
        .post(url)
        .header("content-type", "application/json")
        .header("x-github-event", event)
        .header("x-github-delivery", guid);
    if let Some(signature) = signature {
        request = request.header("x-hub-signature-256", signature);
    }
    request.body(body).send().await
}

pub fn signed(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn an_unsigned_a_forged_and_an_oversized_webhook_start_nothing() {
    let (story, starts) = counted().await;
    let secret = story.hub.app().webhook_secret;
    story.settle().await;
    story.hub.lose_webhooks(2);
    let pr = open(&story);
    story.hub.idle().await;
    // What GitHub would have sent, so that only the signature is wrong.
    let lost = story.hub.deliveries().unwrap().pop().unwrap();
    assert_eq!(lost.event, "pull_request.opened");
    let body = lost.payload.to_string().into_bytes();
    let mut forged = signed(&secret, &body);
    forged.replace_range(7..9, if &forged[7..9] == "00" { "11" } else { "00" });
    for signature in [
        None,
        Some(String::new()),
        Some("sha256=".into()),
        Some(forged),
        Some(signed("guess", &body)),
    ] {
        let answer = send(&story, signature, ("0001", "pull_request"), body.clone()).await.unwrap();
        assert_eq!(answer.status(), 401);
    }
    // Signed well, but larger than anything that GitHub sends; the server may hang up on it.
    let mut large = vec![b' '; 26 << 20];
    large.extend(&body);
    let signature = signed(&secret, &large);
    let answer = send(&story, Some(signature), ("0002", "pull_request"), large).await;
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status() == 413));
    story.settle().await;
    assert_eq!(starts.take(), Vec::<String>::new());
    assert!(story.bot_comments(pr).is_empty());

    // The very same bytes with the right signature are taken.
    let signature = signed(&secret, &body);
    let answer = send(&story, Some(signature), ("0003", "pull_request"), body).await.unwrap();
    assert_eq!(answer.status(), 202);
    story.settle().await;
    assert_eq!(starts.count("plan"), 1);
    story.finish().await;
}

#[tokio::test]
async fn an_unknown_event_is_accepted_and_ignored() {
    let (story, starts) = counted().await;
    let body = br#"{"action":"sparkled","unicorn":{"id":1}}"#.to_vec();
    let signature = signed(&story.hub.app().webhook_secret, &body);
    let answer = send(&story, Some(signature), ("0001", "unicorn"), body).await.unwrap();
    assert_eq!(answer.status(), 202);
    story.settle().await;
    assert_eq!(starts.take(), Vec::<String>::new());
    story.finish().await;
}

#[tokio::test]
async fn webhooks_that_never_arrived_are_fetched_at_the_start() {
    let (mut story, starts) = counted().await;
    let pr = open(&story);
    story.settle().await;
    starts.take();
    story.hub.lose_webhooks(100);
    story.alice.push(REPO, "hello", &edit(&borrowed(&hello("hello", "Moin")))).unwrap();
    story.bob.comment(REPO, pr, "/infra help").unwrap();
    story.settle().await;
    assert_eq!(starts.take(), Vec::<String>::new(), "nothing was heard of it");
    story.restart().await;
    catch_up_with(&story).await.unwrap();
    story.settle().await;
    assert!(story.report(pr).contains("input: \"Moin, world\""), "{}", story.report(pr));
    assert_eq!(starts.count("plan"), 1);
    assert!(story.reply(pr).contains("/infra plan"), "the help: {}", story.reply(pr));
    catch_up_with(&story).await.unwrap();
    story.settle().await;
    assert_eq!(starts.take(), Vec::<String>::new(), "a second look finds nothing new");
    story.finish().await;
}

/// Looks for what was missed, as a bot does that has just started.
async fn catch_up_with(story: &Story) -> Result<(), flow::Error> {
    catch_up(story.app(), &mut SyncCursor::load(story.app()).await?).await
}

#[tokio::test]
async fn what_comes_after_the_start_hides_nothing_that_was_missed_before() {
    let (mut story, starts) = counted().await;
    let pr = open(&story);
    story.settle().await;
    starts.take();
    story.hub.lose_webhooks(2);
    story.alice.push(REPO, "hello", &edit(&borrowed(&hello("hello", "Moin")))).unwrap();
    story.settle().await;
    story.restart().await;
    // Long after, so that the last delivery that was heard says nothing of the first one lost.
    story.pass(SignedDuration::from_hours(1));
    story.bob.comment(REPO, pr, "/infra help").unwrap();
    story.settle().await;
    assert_eq!(starts.take(), Vec::<String>::new());
    let planned = async {
        while story.store().open_jobs().await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        () = story.bot.keep_up(Duration::from_millis(10)) => {}
        found = tokio::time::timeout(Duration::from_secs(20), planned) => found.unwrap(),
    }
    story.settle().await;
    assert!(story.report(pr).contains("input: \"Moin, world\""), "{}", story.report(pr));
    story.finish().await;
}

#[tokio::test]
async fn a_missed_webhook_that_cannot_be_had_keeps_nothing_from_the_others_and_is_looked_for_again()
{
    let (mut story, _starts) = counted().await;
    let pr = open(&story);
    story.settle().await;
    story.hub.lose_webhooks(2);
    let first = story.bob.comment(REPO, pr, "/infra help").unwrap();
    let second = story.carol.comment(REPO, pr, "/infra help").unwrap();
    story.settle().await;
    story.restart().await;
    let helped = |comment: i64| {
        let marker = format!("<!-- planwright:reply:{comment} -->");
        story.bot_comments(pr).iter().any(|it| it.body.starts_with(&marker))
    };
    let mut cursor = SyncCursor::load(story.app()).await.unwrap();
    story.pass(SignedDuration::from_hours(1));
    story.hub.fail("GET /app/hook/deliveries/{delivery_id}", 1, Fault::Status(404));
    assert!(catch_up(story.app(), &mut cursor).await.is_err());
    story.settle().await;
    assert_eq!((helped(first), helped(second)), (false, true));
    catch_up(story.app(), &mut cursor).await.unwrap();
    story.settle().await;
    assert!(helped(first));
    story.finish().await;
}

#[tokio::test]
async fn a_write_that_cannot_be_finished_keeps_none_of_the_others_from_it() {
    let (story, _starts) = counted().await;
    let pr = open(&story);
    story.settle().await;
    let comment = story.bob.comment(REPO, pr, "Looks good.").unwrap();
    story.settle().await;
    let repository = story.hub.repository_id(REPO).unwrap();
    let told = story.hub.deliveries().unwrap().pop().unwrap().payload;
    let installation = &told["installation"]["id"];
    let target = json!({
        "repository": { "id": repository, "name": REPO, "installation": installation },
        "number": pr,
    });
    let seen = json!({ "reaction": { "target": target, "comment": comment, "face": "seen" } });
    let by = Stamp { by: "another", at: story.app().now() };
    story.store().put_request("a", &json!({ "of": "another version" }), by).await.unwrap();
    let key = format!("reaction/{repository}/{comment}/Seen");
    story.store().put_request(&key, &seen, by).await.unwrap();
    let reactions = || {
        let comments = story.hub.comments(REPO, pr).unwrap();
        comments.iter().find(|it| it.id == comment).unwrap().reactions.len()
    };
    catch_up_with(&story).await.unwrap();
    assert_eq!(reactions(), 0, "whoever put it down may be about to send it");
    story.pass(SignedDuration::from_mins(6));
    catch_up_with(&story).await.unwrap();
    assert_eq!(reactions(), 1);
    story.finish().await;
}

const COMMENT: &str = "POST /repos/{owner}/{repo}/issues/{issue_number}/comments";
const CHECK: &str = "POST /repos/{owner}/{repo}/check-runs";

#[tokio::test]
async fn whatever_goes_wrong_at_github_there_is_one_comment_and_one_check_in_the_end() {
    let limited = Fault::SecondaryLimit { status: 403, retry_after: 61 };
    let calls = [COMMENT, CHECK, "graphql", "GET /repos/{owner}/{repo}/collaborators"];
    for fault in
        [Fault::Status(502), limited, Fault::LoseAnswer, Fault::PrimaryLimit { reset_in: 90 }]
    {
        let story = Story::start().await;
        for call in calls {
            story.hub.fail(call, 2, fault.clone());
        }
        let pr = open(&story);
        story.settle().await;
        assert!(story.report(pr).contains("2 to add"), "{fault:?}: {}", story.report(pr));
        assert_eq!(story.bot_comments(pr).len(), 1, "{fault:?}");
        assert_eq!(story.conclusion(pr), "action_required", "{fault:?}");
        story.bob.approve(REPO, pr).unwrap();
        story.hub.fail("PATCH", 2, fault.clone());
        story.settle().await;
        assert_eq!(story.conclusion(pr), "success", "{fault:?}: {}", story.report(pr));
        assert_eq!(story.bot_comments(pr).len(), 1, "{fault:?}");
        story.finish().await;
    }
}

#[tokio::test]
async fn a_github_that_stays_away_is_waited_for_and_nothing_turns_green() {
    let story = Story::start().await;
    let pr = open(&story);
    story.settle().await;
    story.bob.approve(REPO, pr).unwrap();
    story.hub.fail("graphql", 12, Fault::Status(503));
    story.settle().await;
    assert_eq!(story.conclusion(pr), "success", "it came back");
    story.finish().await;
}
