//! Limits on what a run may cost and on what a model server, or whoever runs it, may learn.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, http::StatusCode, response::IntoResponse as _, routing::post};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use planwright::serve::Bot;
use planwright_core::{
    agent::event::{Entry, Event},
    job::Role,
};
use planwright_model as model;
use planwright_model::Error;
use planwright_store::{AgentFacts, records::v1};

use super::story::{ask, opened, plain, told, with};
use crate::support::{
    bot::{REPO, Setup, Story},
    model::{KEY, Model, call, finish},
};

/// A model server that does one thing; its address.
async fn server(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

async fn asked(url: &str) -> Result<model::Answer, Error> {
    let settings = model::Settings {
        wire: model::Wire::default(),
        url: url.to_owned(),
        name: "m".into(),
        key: Some(KEY.into()),
        features: Vec::new(),
        prices: None,
        timeout: Duration::from_secs(20),
    };
    let model = model::Model::new(settings).unwrap();
    let answer = model.complete(b"{}".to_vec());
    tokio::time::timeout(Duration::from_secs(15), answer).await.expect("it goes on and on")
}

#[tokio::test]
async fn a_redirect_leads_neither_the_request_nor_the_key_elsewhere() {
    let other = Model::scripted(plain("hi")).await;
    let there = format!("{}/chat/completions", other.url);
    for status in [StatusCode::TEMPORARY_REDIRECT, StatusCode::PERMANENT_REDIRECT] {
        let location = [("location", there.clone())];
        let answer = move || async move { (status, location).into_response() };
        let url = server(Router::new().route("/chat/completions", post(answer))).await;
        let ended = asked(&url).await;
        assert!(matches!(ended, Err(Error::Rejected(_))), "{ended:?}");
        assert_eq!(other.asked().len(), 0);
    }
}

#[tokio::test]
async fn an_answer_without_an_end_is_read_no_further_than_its_limit() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = sent.clone();
    let answer = move || async move {
        let pieces = futures::stream::repeat_with(move || {
            counted.fetch_add(1 << 16, Ordering::SeqCst);
            Ok::<_, std::io::Error>(vec![b' '; 1 << 16])
        });
        Body::from_stream(pieces)
    };
    let url = server(Router::new().route("/chat/completions", post(answer))).await;
    let ended = asked(&url).await;
    let told = ended.unwrap_err().to_string();
    assert!(told.contains("more than 1048576 bytes"), "{told}");
    let sent = sent.load(Ordering::SeqCst);
    assert!(sent < 32 << 20, "{sent} bytes were taken");
}

#[tokio::test]
async fn the_key_of_the_model_is_read_by_the_role_that_asks_it_and_no_other() {
    let model = Model::scripted(Vec::new()).await;
    let story = with(&model, Setup::default()).await;
    let mut settings = story.settings();
    settings.model.model_key_file = Some(story.dir.path().join("not-there"));
    let mut started = Vec::new();
    for (data, roles) in [
        ("others", vec![Role::Web, Role::Plan, Role::Apply]),
        ("agent", vec![Role::Web, Role::Agent]),
    ] {
        settings.storage.data = story.dir.path().join(data);
        settings.process.roles = roles;
        let bot = Bot::start(&settings, Arc::new(Timestamp::now)).await;
        started.push(bot.as_ref().map(|_| ()).map_err(ToString::to_string));
        if let Ok(bot) = bot {
            bot.stop().await.unwrap();
        }
    }
    assert_eq!(started[0], Ok(()));
    let why = started[1].as_ref().unwrap_err();
    assert!(why.contains("not-there") || why.contains("--model-key-file"), "{why}");
    story.finish().await;
}

/// As if a run of the repository had spent so much, in millionths of a dollar.
async fn spend(story: &Story, spent: i64) {
    let id = story.id(900);
    let event = || Event::Garbled { why: String::new() };
    let text = || v1::event_to_text(&event());
    let first = Entry::after(None, event(), text(), story.app().now());
    let run = story.store().start_agent_run("other", id, &first).await.unwrap().id;
    let next = Entry::after(Some(&first), event(), text(), story.app().now());
    let facts = AgentFacts { is_over: true, spent, ..AgentFacts::default() };
    let _ = story.store().append_agent_event(run, &next, &facts).await.unwrap();
}

#[tokio::test]
async fn a_repository_that_has_spent_its_dollars_waits_for_the_next_day() {
    let model = Model::scripted(plain("hi")).await;
    let setup = Setup { prices: Some("3,15".into()), ..Setup::default() };
    let story = with(&model, setup).await;
    spend(&story, 19_990_000).await;
    let issue = ask(&story.alice, "Greet.");
    story.settle().await;
    let said = told(&story, issue);
    assert!(said.contains("limit of cost of this repository in a day"), "{said}");
    assert_eq!(model.asked().len(), 0);

    story.pass(SignedDuration::from_hours(25));
    let issue = ask(&story.alice, "Greet today.");
    story.settle().await;
    opened(&story, issue);
    story.finish().await;
}

#[tokio::test]
async fn a_question_of_last_week_is_not_answered_any_more() {
    let question = || call("ask_human", &json!({ "question": "Which?", "choices": ["a", "b"] }));
    let model = Model::scripted(vec![question(), finish("cannot_do", "No."), question()]).await;
    let story = with(&model, Setup::default()).await;
    for (days, answer) in [(5, ""), (8, "older than a week")] {
        let issue = ask(&story.alice, "Greet.");
        story.settle().await;
        let before = model.asked().len();
        story.pass(SignedDuration::from_hours(24 * days));
        story.bob.comment(REPO, issue, "/infra answer 1").unwrap();
        story.settle().await;
        let reply = story.reply(issue);
        assert!(reply.contains(answer) && reply.is_empty() == answer.is_empty(), "{reply}");
        assert_eq!(model.asked().len() > before, answer.is_empty(), "after {days} days");
    }
    story.finish().await;
}
