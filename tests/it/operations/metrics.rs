//! What `/metrics` says after a story. The dashboard and the documentation have the same metrics.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde_json::Value;

use planwright::metrics::{ALL, Metric, MetricKind};
use planwright_fakehub::MergeMethod;

use crate::{
    agent::story::{ask, opened, plain},
    support::{
        bot::{REPO, Setup, Story, edit},
        model::Model,
    },
};

/// The values of `/metrics` by name and labels, as they stand there.
async fn metrics(story: &Story) -> BTreeMap<String, f64> {
    let text = page(story).await;
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let value = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    };
    lines.map(value).collect()
}

async fn page(story: &Story) -> String {
    let answer = reqwest::get(format!("http://{}/metrics", story.address())).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4");
    answer.text().await.unwrap()
}

#[tokio::test]
async fn a_story_is_counted_from_the_webhook_to_the_drift() {
    let model = Model::scripted(plain("hi")).await;
    let story = Story::with(Setup {
        model: Some(model.url.clone()),
        prices: Some("3,15".into()),
        ..Setup::default()
    })
    .await;
    let issue = ask(&story.alice, "Please greet the world.");
    story.settle().await;
    let pr = opened(&story, issue);
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    story.bob.merge(REPO, pr, MergeMethod::Squash).unwrap();
    story.settle().await;
    story.bob.comment(REPO, pr, "/infra drift").unwrap();
    story.settle().await;

    let metrics = metrics(&story).await;
    let value = |name: &str| *metrics.get(name).unwrap_or_else(|| panic!("{name}: {metrics:#?}"));
    let deliveries = r#"planwright_deliveries_total{event="issue_comment",outcome="stored"}"#;
    assert!(value(deliveries) >= 1.0);
    for kind in ["acknowledge", "plan", "apply", "agent", "request"] {
        let jobs = value(&format!(r#"planwright_jobs_total{{kind="{kind}",outcome="done"}}"#));
        let timed = value(&format!(r#"planwright_job_duration_seconds_count{{kind="{kind}"}}"#));
        assert!(jobs >= 1.0 && timed >= jobs, "{kind}: {jobs} of {timed}");
    }
    let calls = |resource: &str| -> f64 {
        let of = format!("planwright_github_calls_total{{resource=\"{resource}\",");
        let calls = metrics.iter().filter(|(name, _)| name.starts_with(&of));
        calls.map(|(_, calls)| calls).sum()
    };
    assert!(calls("core") > 10.0 && calls("graphql") > 1.0, "{metrics:#?}");
    let left = value(r#"planwright_github_limit_remaining{resource="core"}"#);
    let limit = value(r#"planwright_github_limit{resource="core"}"#);
    assert!(left > 0.0 && left < limit, "{left} of {limit}");
    assert!(value(r#"planwright_plans_total{stage="plan",outcome="planned"}"#) >= 1.0);
    assert_eq!(value(r#"planwright_applies_total{outcome="succeeded"}"#), 1.0);
    assert_eq!(value(r#"planwright_drift_checks_total{outcome="none"}"#), 1.0);
    assert_eq!(value(r#"planwright_model_calls_total{outcome="answered"}"#), 5.0);
    let read = value(r#"planwright_model_tokens_total{direction="input"}"#);
    let written = value(r#"planwright_model_tokens_total{direction="output"}"#);
    let dollars = value("planwright_model_microdollars_total");
    assert!(
        dollars >= read * 3.0 + written * 15.0 && read > 0.0,
        "{dollars} for {read}, {written}"
    );
    assert_eq!(value("planwright_warm_fallbacks_total"), 0.0);
    story.finish().await;
}

#[tokio::test]
async fn what_waits_in_the_queue_is_seen_with_its_age() {
    let story = Story::start().await;
    assert!(!page(&story).await.contains("planwright_queue_depth{"), "nothing waits yet");
    story.alice.push(REPO, "topic", &edit(&[("README.md", "hello\n")])).unwrap();
    story.alice.open_pull(REPO, "topic", "Say hello").unwrap();
    story.hub.idle().await;
    story.pass(jiff::SignedDuration::from_secs(90));

    let metrics = metrics(&story).await;
    let depth = metrics[r#"planwright_queue_depth{kind="plan",state="open"}"#];
    let age = metrics[r#"planwright_queue_oldest_age_seconds{kind="plan"}"#];
    assert!(depth >= 1.0 && (90.0..600.0).contains(&age), "{metrics:#?}");
    story.finish().await;
}

#[tokio::test]
async fn each_metric_has_a_name_by_the_rules_and_no_label_names_a_repository() {
    for metric in ALL {
        assert!(metric.name.starts_with("planwright_"), "{metric:?}");
        let is_total = metric.name.ends_with("_total");
        assert_eq!(is_total, metric.kind == MetricKind::Counter, "{metric:?}");
        assert!(!metric.help.is_empty() && !metric.help.ends_with('.'), "{metric:?}");
    }
    let story = Story::start().await;
    let page = page(&story).await;
    assert!(!page.contains("acme"), "{page}");
    let known: Vec<&str> = ALL.iter().map(|metric| metric.name).collect();
    for name in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = name.split(' ').next().unwrap();
        assert!(known.contains(&name), "{name} is not in the list");
    }
    story.finish().await;
}

/// The texts under `key` anywhere in a document.
fn texts<'a>(document: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match document {
        Value::Array(items) => items.iter().for_each(|item| texts(item, key, found)),
        Value::Object(fields) => {
            found.extend(fields.get(key).and_then(Value::as_str));
            fields.values().for_each(|value| texts(value, key, found));
        }
        _ => {}
    }
}

#[test]
fn the_dashboard_asks_for_the_metrics_of_the_code_and_for_all_of_them() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/dashboard.json");
    let dashboard: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<i64> = panels.iter().map(|panel| panel["id"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "two panels have the same id");
    let mut expressions = Vec::new();
    texts(&dashboard, "expr", &mut expressions);
    let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
    let words = expressions.iter().flat_map(|text| text.split(|c| !is_part(c)));
    let asked: BTreeSet<&str> = words.filter(|word| word.starts_with("planwright_")).collect();
    let series = |metric: &Metric| match metric.kind {
        MetricKind::Histogram => format!("{}_bucket", metric.name),
        MetricKind::Counter | MetricKind::Gauge => metric.name.to_owned(),
    };
    let known: BTreeSet<String> = ALL.iter().map(series).collect();
    assert_eq!(asked, known.iter().map(String::as_str).collect());
}

#[test]
fn the_page_has_each_metric() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `planwright_")).collect();
    assert_eq!(rows.len(), ALL.len());
    for (row, metric) in rows.into_iter().zip(ALL) {
        let kind = format!("{:?}", metric.kind).to_lowercase();
        assert!(row.starts_with(&format!("| `{}` | {kind} | ", metric.name)), "{row}");
        assert!(row.ends_with(&format!("| {} |", metric.help)), "{row}: {}", metric.help);
    }
}
