//! What each exchange with GitHub adds to traces and metrics, and how it is sent.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use serde_json::json;
use tracing::{
    Instrument as _, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    layer::{Context, SubscriberExt as _},
    registry::LookupSpan,
};

use planwright_core::names::{CommentId, PrNumber};
use planwright_github::{CallCount, LimitLeft, Reaction};

use super::stub::{Answer, Stub, ok, repository, status, token};

/// The fields of a span by their names, with `parent`.
#[derive(Clone, Debug, Default)]
struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name().into(), format!("{value:?}").trim_matches('"').into());
    }
}

/// Keeps the spans of calls to GitHub that have ended.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<Fields>>>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> tracing_subscriber::Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let parent = span.parent().map_or("none", |parent| parent.name());
        fields.0.insert("parent".into(), parent.into());
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        values.record(span.extensions_mut().get_mut::<Fields>().unwrap());
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let span = context.span(&id).unwrap();
        if span.name() == "github" {
            let fields = span.extensions().get::<Fields>().unwrap().clone();
            self.0.lock().unwrap().push(fields);
        }
    }
}

#[tokio::test]
async fn a_span_tells_of_each_exchange_and_of_no_secret() {
    let refusal = || status(403, "Resource not accessible by integration");
    let react = async |stub: &Stub| {
        let here = repository();
        stub.github.react(&here, CommentId(5), Reaction::Eyes).await.unwrap_err();
    };
    // Whether a span is wanted is remembered at its first use, by the thread that uses it.
    react(&Stub::answering(refusal).await).await;
    let spans = Spans::default();
    let _tracing =
        tracing::subscriber::set_default(tracing_subscriber::registry().with(spans.clone()));
    tracing::callsite::rebuild_interest_cache();
    let stub = Stub::answering(refusal).await;
    react(&stub).instrument(tracing::info_span!("job")).await;

    let spans = spans.0.lock().unwrap();
    let told: Vec<[&str; 5]> = spans
        .iter()
        .map(|Fields(fields)| {
            [
                "http.request.method",
                "url.template",
                "resource",
                "http.response.status_code",
                "parent",
            ]
            .map(|name| fields[name].as_str())
        })
        .collect();
    let minting = "/app/installations/{id}/access_tokens";
    let reacting = "/repos/{owner}/{repo}/issues/comments/{id}/reactions";
    let expected =
        [["POST", minting, "core", "201", "job"], ["POST", reacting, "core", "403", "job"]];
    assert_eq!(told, expected);
    let all = format!("{spans:?}");
    assert!(
        spans.iter().all(|Fields(fields)| fields["duration_ms"].parse::<u64>().is_ok()),
        "{all}"
    );
    for secret in [&token(1), "eyJ", "acme", "eyes", "accessible"] {
        assert!(!all.contains(secret), "{secret} is in {all}");
    }
}

#[tokio::test]
async fn calls_are_counted_by_family_and_status_and_what_limits_leave_is_known() {
    let reset = (jiff::Timestamp::now().as_second() + 600).to_string();
    let stub = Stub::start(move |n, _| {
        let limits = vec![
            ("x-ratelimit-limit", "5000".to_owned()),
            ("x-ratelimit-remaining", "4321".to_owned()),
            ("x-ratelimit-reset", reset.clone()),
        ];
        // The second read gets no answer at first, and is sent once more.
        (n != 2).then(|| Answer(200, limits, json!([])))
    })
    .await;
    for number in [3, 4] {
        stub.github.find_comment(&repository(), PrNumber(number), "m").await.unwrap();
    }
    let count = |family: &str, status: Option<u16>, calls| CallCount {
        resource: "core",
        family: family.into(),
        status,
        calls,
    };
    let listing = "GET /repos/{owner}/{repo}/issues/{id}/comments";
    let usage = stub.github.usage();
    let expected = [
        count(listing, None, 1),
        count(listing, Some(200), 2),
        count("POST /app/installations/{id}/access_tokens", Some(201), 1),
    ];
    assert_eq!(usage.calls, expected);
    let left = LimitLeft { resource: "core", limit: 5_000, remaining: 4_321 };
    assert_eq!(usage.limits, [left]);
}

#[tokio::test]
async fn a_request_says_how_long_it_is_and_which_version_it_speaks() {
    let stub = Stub::answering(|| ok(json!({}))).await;
    stub.github.react(&repository(), CommentId(5), Reaction::Eyes).await.unwrap();
    let headers = &stub.seen()[0].headers;
    assert_eq!(headers["content-length"], r#"{"content":"eyes"}"#.len().to_string());
    assert_eq!(headers["accept"], "application/vnd.github+json");
    assert_eq!(headers["x-github-api-version"], "2022-11-28");
    assert!(headers["user-agent"].to_str().unwrap().starts_with("planwright/"));
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_it() {
    let stub = Stub::answering(|| ok(json!("x".repeat(33 << 20)))).await;
    let outcome = stub.github.find_comment(&repository(), PrNumber(3), "m").await;
    let Err(planwright_github::Error::Unreadable { reason, .. }) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(reason, "more than 32 MB");
    assert_eq!(stub.seen().len(), 1);
}
