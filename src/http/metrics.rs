//! `/metrics`, in the text format of Prometheus: counters, and gauges that are read at each
//! request.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router, extract::State, http::header::CONTENT_TYPE, response::IntoResponse, routing::get,
};
use metrics::{counter, gauge};

use planwright_github::Usage;
use planwright_store::QueueStats;

use crate::{
    app::App,
    metrics::{
        GITHUB_CALLS, GITHUB_LEFT, GITHUB_LIMIT, QUEUE_AGE, QUEUE_DEPTH, WARM_FALLBACKS,
        WARM_MEMORY, WARM_OLDEST, WARM_PLANS, WARM_PROCESSES, recorder,
    },
};

pub fn router(app: Arc<App>) -> Router {
    Router::new().route("/metrics", get(answer)).with_state(app)
}

async fn answer(State(app): State<Arc<App>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text(&app).await)
}

async fn text(app: &App) -> String {
    let queue = app.store.queue_stats(app.now()).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "the metrics say nothing of the queue");
        Vec::new()
    });
    // A new recorder for each request: with an old one, kinds and providers that no longer exist
    // would keep their last values.
    let recorder = recorder();
    metrics::with_local_recorder(&recorder, || {
        record_queue(app, &queue);
        record_github(&app.github.usage());
        record_warm(app);
    });
    app.metrics.render() + &recorder.handle().render()
}

fn record_queue(app: &App, queue: &[QueueStats]) {
    for stats in queue {
        let kind = stats.kind.as_str().to_owned();
        gauge!(QUEUE_DEPTH, "kind" => kind.clone(), "state" => stats.state.as_str())
            .set(stats.jobs as f64);
        if let Some(since) = stats.due_since {
            gauge!(QUEUE_AGE, "kind" => kind).set(app.now().duration_since(since).as_secs_f64());
        }
    }
}

fn record_github(usage: &Usage) {
    for count in &usage.calls {
        let status = count.status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        let call = count.family.clone();
        counter!(GITHUB_CALLS, "resource" => count.resource, "call" => call, "status" => status)
            .absolute(count.calls);
    }
    for left in &usage.limits {
        gauge!(GITHUB_LIMIT, "resource" => left.resource).set(left.limit as f64);
        gauge!(GITHUB_LEFT, "resource" => left.resource).set(left.remaining as f64);
    }
}

#[derive(Default)]
struct ProviderTotals {
    processes: u32,
    oldest: u64,
    memory: u64,
}

fn record_warm(app: &App) {
    let status = app.engine.warm_status();
    counter!(WARM_PLANS).absolute(status.hits);
    counter!(WARM_FALLBACKS).absolute(status.fallbacks);
    let mut by_provider: BTreeMap<String, ProviderTotals> = BTreeMap::new();
    for process in status.processes {
        let totals = by_provider.entry(process.provider).or_default();
        totals.processes += 1;
        totals.oldest = totals.oldest.max(process.age_seconds);
        totals.memory += process.memory_bytes;
    }
    for (provider, totals) in by_provider {
        gauge!(WARM_PROCESSES, "provider" => provider.clone()).set(totals.processes);
        gauge!(WARM_OLDEST, "provider" => provider.clone()).set(totals.oldest as f64);
        gauge!(WARM_MEMORY, "provider" => provider).set(totals.memory as f64);
    }
}
