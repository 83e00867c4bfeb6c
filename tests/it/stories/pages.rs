//! The pages of runs: what they show, how they grow while a run goes on, and who may not see them.

use std::time::Duration;

use jiff::SignedDuration;
use reqwest::StatusCode;

use planwright_engine::Host;
use planwright_fakehub::{Fault, Hub};

use super::lost::lose;
use crate::support::{
    bot::{REPO, Setup, Story, borrowed, hello},
    browser::{Browser, Shown, location},
    starts::Starts,
};

const PERMISSION: &str = "/collaborators/";

async fn with_pages() -> Story {
    Story::with(Setup { has_pages: true, ..Setup::default() }).await
}

/// Opens a pull request of one stack and plans it.
async fn planned(story: &Story, greeting: &str) -> i64 {
    let pr = story.open(&story.alice, "hello", &borrowed(&hello("hello", greeting)));
    story.settle().await;
    pr
}

/// The page that the check of a pull request links.
fn details(story: &Story, pr: i64) -> String {
    story.check(pr).details_url.expect("the check links no page")
}

/// The page that the comment links.
fn linked(story: &Story, pr: i64) -> String {
    let report = story.report(pr);
    let (_, rest) = report.split_once("[Steps, log and whole plan](").expect("no link");
    rest.split(')').next().unwrap().to_owned()
}

/// The text of a page without its tags, on one line.
fn said(page: &Shown) -> String {
    let text = scraper::Html::parse_document(&page.text);
    let text: Vec<&str> = text.root_element().text().collect();
    text.join(" ").replace(" ,", ",").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn assert_sent_to_sign_in(hub: &Hub, answer: &reqwest::Response) {
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let to = location(answer).unwrap();
    assert!(to.starts_with(&format!("{}/login/oauth/authorize?", hub.url())), "{to}");
}

#[tokio::test]
async fn one_click_from_the_check_leads_over_the_sign_in_to_the_plan_in_full() {
    let story = with_pages().await;
    let pr = planned(&story, "Hello").await;
    let url = details(&story, pr);
    assert_eq!(linked(&story, pr), url);
    let bob = Browser::new("bob");
    assert_sent_to_sign_in(&story.hub, &bob.get(&url).await);
    let page = bob.open(&url).await;
    assert_eq!((page.status, &page.url), (StatusCode::OK, &url), "back at the page asked for");
    let text = said(&page);
    println!("{text}");
    for words in [
        "Signed in as bob",
        "Plan ✓ planned",
        "Plan: 2 to add, 0 to change, 0 to destroy",
        "Waiting for approval",
        "Fetch, done",
        "Merge, done",
        "Validate, done",
        "Init, done",
        "approved by 0 of 1",
        "head: unchanged",
        "module.greeting.terraform_data.greeting create",
        "\"Hello\"",
        "output message create",
        // The log of the engine.
        "terraform_data.greeting: Plan to create",
    ] {
        assert!(text.contains(words), "no `{words}` in: {text}");
    }
    assert!(!page.text.contains("live.js"), "it has ended, so nothing is asked any more");
    assert!(page.policy.starts_with("default-src 'none'; "), "{}", page.policy);
    assert!(!page.policy.contains("unsafe"), "{}", page.policy);
    // A second look needs no sign-in.
    assert_eq!(bob.get(&url).await.status(), StatusCode::OK);
    story.finish().await;
}

#[tokio::test]
async fn what_was_approved_since_stands_on_the_page_and_a_newer_run_is_linked() {
    let story = with_pages().await;
    let pr = planned(&story, "Hello").await;
    let (first, bob) = (details(&story, pr), Browser::new("bob"));
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    let text = said(&bob.open(&first).await);
    assert!(text.contains("approved by 1 of 1") && text.contains("bob : approved"), "{text}");
    assert!(!text.contains("newer run"), "{text}");
    story.bob.comment(REPO, pr, "/infra plan").unwrap();
    story.settle().await;
    let second = details(&story, pr);
    assert_ne!(first, second);
    let text = said(&bob.open(&first).await);
    assert!(text.contains("There is a newer run"), "{text}");
    assert!(said(&bob.open(&second).await).contains("asked for by bob"));
    story.finish().await;
}

#[tokio::test]
async fn an_apply_has_a_page_with_its_steps() {
    let story = with_pages().await;
    let pr = planned(&story, "Hello").await;
    let plan = linked(&story, pr);
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    story.merge(&story.bob, pr);
    story.settle().await;
    let apply = linked(&story, pr);
    assert_ne!(plan, apply, "the comment links the page of the apply");
    let text = said(&Browser::new("carol").open(&apply).await);
    println!("{text}");
    for words in [
        "Apply ✓ applied",
        "after the merge",
        "Locks, done",
        "Plan again, done",
        "Apply, done",
        "Verify, done",
        "Apply complete!",
        "Outputs",
    ] {
        assert!(text.contains(words), "no `{words}` in: {text}");
    }
    story.finish().await;
}

#[tokio::test]
async fn an_apply_that_was_lost_keeps_its_page_and_says_what_was_found() {
    let story = with_pages().await;
    let pr = planned(&story, "Hello").await;
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    lose(&story, pr, &Host::here(), None).await;
    story.merge(&story.bob, pr);
    story.settle().await;
    let text = said(&Browser::new("bob").open(&linked(&story, pr)).await);
    assert!(text.contains("Apply ✗ failed") && text.contains("Plan again, done"), "{text}");
    assert!(text.contains("2 resources would still change"), "{text}");
    story.finish().await;
}

#[tokio::test]
async fn what_cannot_be_planned_says_so_on_its_page() {
    let story = with_pages().await;
    let mut files = hello("hello", "Hello");
    files[0].1 = files[0].1.replace("greeting:", "greting:");
    let pr = story.open(&story.alice, "hello", &borrowed(&files));
    story.settle().await;
    let text = said(&Browser::new("bob").open(&details(&story, pr)).await);
    assert!(text.contains("Plan ✗ not planned") && text.contains("Validate, failed"), "{text}");
    assert!(text.contains("there is no param `greting`"), "{text}");
    // No stack is known where the head cannot be merged; the page is there all the same.
    story.finish().await;
}

#[tokio::test]
async fn a_log_grows_while_the_engine_is_at_work() {
    let starts = Starts::with(
        "if [ \"$1\" = plan ]; then echo half-way there; \
         while [ ! -e \"$kept/go-on\" ]; do sleep 0.1; done; fi",
    );
    let engine = Some(starts.engine.clone());
    let story = Story::with(Setup { has_pages: true, engine, ..Setup::default() }).await;
    let pr = story.open(&story.alice, "hello", &borrowed(&hello("hello", "Hello")));
    let bob = Browser::new("bob");
    let watched = async {
        let at_work = loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let head = story.hub.pull(REPO, pr).unwrap().head_sha;
            let checks = story.hub.check_runs(REPO, &head).unwrap();
            let Some(url) = checks.first().and_then(|check| check.details_url.clone()) else {
                continue;
            };
            let page = bob.open(&url).await;
            if page.text.contains("half-way there") {
                break page;
            }
        };
        std::fs::write(starts.dir().join("go-on"), "").unwrap();
        at_work
    };
    let settled = async { tokio::join!(watched, story.settle()).0 };
    let at_work = tokio::time::timeout(Duration::from_secs(120), settled).await.unwrap();
    let text = said(&at_work);
    assert!(text.contains("Plan in progress") && text.contains("Init, done"), "{text}");
    assert!(!text.contains("Plan to create"), "{text}");
    assert!(at_work.text.contains("live.js") && at_work.text.contains("data-goes-on"));
    let over = bob.open(&at_work.url).await;
    assert!(over.text.contains("half-way there") && said(&over).contains("Plan to create"));
    assert!(!over.text.contains("data-goes-on"));
    story.finish().await;
}

#[tokio::test]
async fn no_secret_of_the_engine_reaches_a_page() {
    const CANARY: &str = "canary-5f2d81";
    let starts = Starts::with("[ \"$1\" != plan ] || echo \"the password is $CANARY\"");
    let setup = Setup {
        has_pages: true,
        engine: Some(starts.engine.clone()),
        env: [("CANARY".to_owned(), CANARY.into())].into(),
        ..Setup::default()
    };
    let story = Story::with(setup).await;
    let pr = planned(&story, "Hello").await;
    let page = Browser::new("bob").open(&details(&story, pr)).await;
    assert!(page.text.contains("the password is [secret]"), "{}", page.text);
    assert!(!page.text.contains(CANARY));
    story.finish().await;
}

#[tokio::test]
async fn no_secret_of_the_bot_reaches_a_page_whatever_the_engine_says() {
    let starts = Starts::with("[ \"$1\" != plan ] || cat \"$kept/secret\"");
    let engine = Some(starts.engine.clone());
    let story = Story::with(Setup { has_pages: true, engine, ..Setup::default() }).await;
    let app = story.hub.app();
    let secrets = format!("{}\n{}\n", app.webhook_secret, app.client_secret);
    std::fs::write(starts.dir().join("secret"), secrets).unwrap();
    let pr = planned(&story, "Hello").await;
    let page = Browser::new("bob").open(&details(&story, pr)).await;
    assert_eq!(page.text.matches("[secret]").count(), 2, "{}", page.text);
    assert!(!page.text.contains(&app.webhook_secret) && !page.text.contains(&app.client_secret));
    story.finish().await;
}

#[tokio::test]
async fn markup_in_a_plan_a_title_or_a_log_is_text() {
    let hostile = "'<script>alert(1)</script><img src=x onerror=alert(2)>'";
    let story = with_pages().await;
    story
        .alice
        .push(REPO, "hello", &crate::support::bot::edit(&borrowed(&hello("hello", hostile))))
        .unwrap();
    let title = "<b onclick=alert(3)>Title</b> \u{202e}";
    let pr = story.alice.open_pull(REPO, "hello", title).unwrap();
    story.settle().await;
    let page = Browser::new("bob").open(&details(&story, pr)).await;
    let document = scraper::Html::parse_document(&page.text);
    for selector in ["script", "img", "b", "[onclick]", "[onerror]"] {
        let selector = scraper::Selector::parse(selector).unwrap();
        assert_eq!(document.select(&selector).count(), 0, "{selector:?} in {}", page.text);
    }
    let text = said(&page);
    assert!(text.contains("<script>alert(1)</script>"), "{text}");
    assert!(text.contains("<b onclick=alert(3)>Title</b> ⟨U+202E⟩"), "{text}");
    story.finish().await;
}

#[tokio::test]
async fn whoever_cannot_read_the_repository_sees_what_is_seen_where_there_is_nothing() {
    let story = with_pages().await;
    story.hub.set_private(REPO, true).unwrap();
    let pr = planned(&story, "Hello").await;
    let url = details(&story, pr);
    let eve = Browser::new("eve");
    let page = eve.open(&url).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(!page.text.contains("hello") && !page.text.contains("infra"), "{}", page.text);
    let none = format!("{}/{}", url.rsplit_once('/').unwrap().0, uuid::Uuid::now_v7());
    let nothing = eve.open(&none).await;
    assert_eq!((nothing.status, nothing.text), (page.status, page.text));
    story.finish().await;
}

#[tokio::test]
async fn who_may_see_is_asked_anew_each_minute_and_without_an_answer_nothing_is_shown() {
    let story = with_pages().await;
    story.hub.set_private(REPO, true).unwrap();
    let pr = planned(&story, "Hello").await;
    let (url, carol) = (details(&story, pr), Browser::new("carol"));
    assert_eq!(carol.open(&url).await.status, StatusCode::OK);
    let before = story.hub.calls().len();
    for _ in 0..5 {
        assert_eq!(carol.get(&url).await.status(), StatusCode::OK);
    }
    assert_eq!(story.hub.calls().len(), before, "an open page costs no call for a minute");
    story.hub.set_permission(REPO, "carol", None).unwrap();
    story.pass(SignedDuration::from_secs(61));
    assert_eq!(carol.get(&url).await.status(), StatusCode::NOT_FOUND);
    let bob = Browser::new("bob");
    assert_eq!(bob.open(&url).await.status, StatusCode::OK);
    story.pass(SignedDuration::from_secs(61));
    story.hub.fail(PERMISSION, 3, Fault::Status(500));
    let answer = bob.get(&url).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(!answer.text().await.unwrap().contains("terraform_data"));
    assert_eq!(bob.get(&url).await.status(), StatusCode::OK);
    story.finish().await;
}

#[tokio::test]
async fn a_session_that_is_forged_too_old_or_another_bots_is_none() {
    const COOKIE: &str = "planwright_session";
    let story = with_pages().await;
    let pr = planned(&story, "Hello").await;
    let (url, bob) = (details(&story, pr), Browser::new("bob"));
    bob.open(&url).await;
    let good = bob.cookie(COOKIE).unwrap();
    let other = with_pages().await;
    let there = planned(&other, "Hello").await;
    let stranger = Browser::new("bob");
    stranger.open(&details(&other, there)).await;
    let (value, signature) = good.split_once('.').unwrap();
    let sign_in = {
        let fresh = Browser::new("bob");
        fresh.get(&url).await;
        fresh.cookie("planwright_sign_in").unwrap()
    };
    for bad in [
        stranger.cookie(COOKIE).unwrap(),
        sign_in,
        format!("{value}x.{signature}"),
        format!("{value}."),
        value.to_owned(),
    ] {
        let forger = Browser::new("bob");
        forger.set(COOKIE, &bad);
        assert_sent_to_sign_in(&story.hub, &forger.get(&url).await);
    }
    story.pass(SignedDuration::from_mins(8 * 60 - 1));
    assert_eq!(bob.get(&url).await.status(), StatusCode::OK);
    story.pass(SignedDuration::from_mins(2));
    assert_sent_to_sign_in(&story.hub, &bob.get(&url).await);
    // Signing out is up to everybody.
    bob.open(&url).await;
    let base = url.rsplit_once('/').unwrap().0;
    assert_eq!(bob.post(&format!("{base}/sign-out")).await.status(), StatusCode::OK);
    assert_sent_to_sign_in(&story.hub, &bob.get(&url).await);
    other.finish().await;
    story.finish().await;
}

/// Begins to sign in; where GitHub sends the browser back to.
async fn at_github(browser: &Browser, url: &str) -> String {
    let to = location(&browser.get(url).await).unwrap();
    location(&browser.get(&to).await).unwrap()
}

#[tokio::test]
async fn only_the_browser_that_began_a_sign_in_ends_it_and_once() {
    let story = with_pages().await;
    let pr = planned(&story, "Hello").await;
    let url = details(&story, pr);
    let refused = async |browser: &Browser, back: &str, status: StatusCode| {
        let answer = browser.get(back).await;
        assert_eq!(answer.status(), status, "{back}");
        assert_eq!(browser.cookie("planwright_session"), None);
    };
    let bob = Browser::new("bob");
    let back = at_github(&bob, &url).await;
    let (code, state) = back.split_once("&state=").unwrap();
    for wrong in [code.to_owned(), format!("{code}&state="), format!("{code}&state={state}0")] {
        refused(&bob, &wrong, StatusCode::FORBIDDEN).await;
    }
    refused(&Browser::new("eve"), &back, StatusCode::FORBIDDEN).await;
    let callback = code.split_once('?').unwrap().0;
    refused(&bob, &format!("{callback}?code=0123&state={state}"), StatusCode::BAD_GATEWAY).await;
    let denied = format!("{callback}?error=access_denied&state={state}");
    refused(&bob, &denied, StatusCode::FORBIDDEN).await;
    assert_eq!(bob.get(&back).await.status(), StatusCode::SEE_OTHER);
    assert!(bob.cookie("planwright_session").is_some());
    let again = Browser::new("bob");
    let back = at_github(&again, &url).await;
    story.pass(SignedDuration::from_mins(11));
    refused(&again, &back, StatusCode::FORBIDDEN).await;
    story.finish().await;
}

#[tokio::test]
async fn a_sign_in_leads_to_a_run_and_nowhere_else() {
    let story = with_pages().await;
    let pr = planned(&story, "Hello").await;
    let url = details(&story, pr);
    let base = url.rsplit_once('/').unwrap().0;
    let bob = Browser::new("bob");
    for path in ["https:%2f%2fevil.example", "%2f%2fevil.example", "..%2f..%2fevil", "x"] {
        let answer = bob.get(&format!("{base}/{path}")).await;
        assert_eq!((answer.status(), location(&answer)), (StatusCode::NOT_FOUND, None), "{path}");
    }
    let back = at_github(&bob, &format!("{url}?to=https://evil.example")).await;
    let answer = bob.get(&format!("{back}&to=https://evil.example")).await;
    assert_eq!(location(&answer), Some(url));
    let cookies: Vec<&str> =
        answer.headers().get_all("set-cookie").iter().map(|it| it.to_str().unwrap()).collect();
    for words in ["; HttpOnly", "; SameSite=Lax", "; Path=/runs;"] {
        assert!(cookies.iter().all(|cookie| cookie.contains(words)), "{cookies:?}");
    }
    story.finish().await;
}

#[tokio::test]
async fn without_a_public_url_there_is_neither_a_link_nor_a_page() {
    let story = Story::start().await;
    let pr = planned(&story, "Hello").await;
    assert_eq!(story.check(pr).details_url, None);
    assert!(!story.report(pr).contains("/runs/"), "{}", story.report(pr));
    let address = story.bot.address.unwrap();
    let answer = Browser::new("bob").open(&format!("http://{address}/runs/x")).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.text.contains("--public-url is not given"), "{}", answer.text);
    story.finish().await;
}

#[tokio::test]
async fn steps_and_log_are_gone_after_the_retention_and_the_plan_stays() {
    let story = with_pages().await;
    let pr = planned(&story, "Hello").await;
    let (url, bob) = (details(&story, pr), Browser::new("bob"));
    for (days, is_there) in [(89, true), (2, false)] {
        story.pass(SignedDuration::from_hours(24 * days));
        planwright::retention::delete_old(story.app()).await.unwrap();
        let text = said(&bob.open(&url).await);
        assert_eq!(text.contains("Plan to create"), is_there, "{text}");
        assert_eq!(text.contains("Fetch, done"), is_there, "{text}");
        assert!(text.contains("2 to add"), "{text}");
    }
    story.finish().await;
}

#[tokio::test]
async fn a_run_that_people_ask_for_and_that_is_refused_has_no_page() {
    let story = with_pages().await;
    let pr = planned(&story, "Hello").await;
    let before = linked(&story, pr);
    story.bob.comment(REPO, pr, "/infra plan missing").unwrap();
    story.settle().await;
    story.carol.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(linked(&story, pr), before);
    story.finish().await;
}
