//! `/metrics`, in the format of Prometheus: what the bot keeps, and how plans went.
//!
//! Everything is read when it is asked for. No label names a repository: the address may be one that
//! the world can reach.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router, extract::State, http::header::CONTENT_TYPE, response::IntoResponse, routing::get,
};
use metrics::{counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::app::App;

pub fn router(app: Arc<App>) -> Router {
    Router::new().route("/metrics", get(answer)).with_state(app)
}

async fn answer(State(app): State<Arc<App>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text(&app))
}

fn text(app: &App) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let rendered = recorder.handle();
    metrics::with_local_recorder(&recorder, || record(app));
    rendered.render()
}

#[derive(Default)]
struct Kept {
    processes: u32,
    oldest: u64,
    memory: u64,
}

fn record(app: &App) {
    describe_counter!("planwright_warm_plans_total", "Plans made with kept providers");
    describe_counter!(
        "planwright_warm_fallbacks_total",
        "Plans made cold that should have been warm"
    );
    describe_gauge!("planwright_warm_processes", "Provider processes that are kept");
    describe_gauge!("planwright_warm_oldest_seconds", "Age of the oldest of them");
    describe_gauge!("planwright_warm_memory_bytes", "Resident memory of all of them");
    let status = app.engine.warm_status();
    counter!("planwright_warm_plans_total").absolute(status.hits);
    counter!("planwright_warm_fallbacks_total").absolute(status.fallbacks);
    let mut by_provider: BTreeMap<String, Kept> = BTreeMap::new();
    for process in status.processes {
        let kept = by_provider.entry(process.provider).or_default();
        kept.processes += 1;
        kept.oldest = kept.oldest.max(process.age_seconds);
        kept.memory += process.memory_bytes;
    }
    for (provider, kept) in by_provider {
        gauge!("planwright_warm_processes", "provider" => provider.clone()).set(kept.processes);
        gauge!("planwright_warm_oldest_seconds", "provider" => provider.clone())
            .set(kept.oldest as f64);
        gauge!("planwright_warm_memory_bytes", "provider" => provider).set(kept.memory as f64);
    }
}
