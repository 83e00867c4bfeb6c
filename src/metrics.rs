//! The bot's counters, and the names of all its metrics.
//!
//! No label names a repository, a pull request or a person: the metrics may be publicly reachable,
//! and a label must have few values.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};

use planwright_core::{agent::budget::Amount, change::DriftCheck, drift::Drift};
use planwright_store::{JobKind, Outcome, RunState, Stage};

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    Counter,
    Gauge,
    Histogram,
}

/// A metric that `/metrics` shows.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    pub name: &'static str,
    pub kind: MetricKind,
    pub help: &'static str,
}

macro_rules! metric_list {
    ($($constant:ident = $name:literal, $kind:ident, $help:literal;)+) => {
        $(pub(crate) const $constant: &str = $name;)+

        /// All metrics of the bot.
        pub const ALL: &[Metric] = &[
            $(Metric { name: $name, kind: MetricKind::$kind, help: $help }),+
        ];
    };
}

metric_list! {
    DELIVERIES = "planwright_deliveries_total", Counter,
        "Webhooks that arrived, by event and by what became of them";
    JOBS = "planwright_jobs_total", Counter, "Attempts at jobs, by kind and outcome";
    JOB_SECONDS = "planwright_job_duration_seconds", Histogram, "How long an attempt at a job took";
    QUEUE_DEPTH = "planwright_queue_depth", Gauge, "Jobs in the queue, by kind and state";
    QUEUE_AGE = "planwright_queue_oldest_age_seconds", Gauge,
        "How long the oldest job that could be begun has waited, by kind";
    GITHUB_CALLS = "planwright_github_calls_total", Counter,
        "Calls to GitHub, by resource, call and status";
    GITHUB_LIMIT = "planwright_github_limit", Gauge,
        "Limit of calls of the installation that has the fewest left, by resource";
    GITHUB_LEFT = "planwright_github_limit_remaining", Gauge,
        "Calls that the installation with the fewest left may still make, by resource";
    PLANS = "planwright_plans_total", Counter, "Plans of stacks by the engine, by what they are for and outcome";
    APPLIES = "planwright_applies_total", Counter, "Runs of applies, by outcome";
    DRIFT_CHECKS = "planwright_drift_checks_total", Counter, "Drift checks of stacks, by outcome";
    MODEL_CALLS = "planwright_model_calls_total", Counter, "Answers of the model, by outcome";
    MODEL_TOKENS = "planwright_model_tokens_total", Counter,
        "Tokens that the model read (input) and wrote (output)";
    MODEL_MICRODOLLARS = "planwright_model_microdollars_total", Counter,
        "What the model cost, in millionths of a dollar";
    WARM_PLANS = "planwright_warm_plans_total", Counter, "Plans made with kept providers";
    WARM_FALLBACKS = "planwright_warm_fallbacks_total", Counter,
        "Plans made cold that should have been warm";
    WARM_PROCESSES = "planwright_warm_processes", Gauge, "Provider processes that are kept";
    WARM_OLDEST = "planwright_warm_oldest_seconds", Gauge, "Age of the oldest of them";
    WARM_MEMORY = "planwright_warm_memory_bytes", Gauge, "Resident memory of all of them";
}

/// In seconds, from a short acknowledgement to a long apply.
const JOB_BUCKETS: [f64; 10] = [0.1, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1_800.0, 7_200.0];

/// The counters of one bot.
pub struct Metrics(PrometheusRecorder);

impl Default for Metrics {
    fn default() -> Self {
        Self(recorder())
    }
}

/// Returns a recorder that knows the help text of every metric.
pub(crate) fn recorder() -> PrometheusRecorder {
    let builder = PrometheusBuilder::new();
    let buckets = Matcher::Full(JOB_SECONDS.to_owned());
    // Fails only if there are no buckets.
    let builder = builder
        .set_buckets_for_metric(buckets, &JOB_BUCKETS)
        .unwrap_or_else(|_| PrometheusBuilder::new());
    let recorder = builder.build_recorder();
    metrics::with_local_recorder(&recorder, || {
        for metric in ALL {
            match metric.kind {
                MetricKind::Counter => describe_counter!(metric.name, metric.help),
                MetricKind::Gauge => describe_gauge!(metric.name, metric.help),
                MetricKind::Histogram => {
                    describe_histogram!(metric.name, Unit::Seconds, metric.help);
                }
            }
        }
    });
    recorder
}

impl Metrics {
    /// Returns the metrics in the text format of Prometheus.
    pub(crate) fn render(&self) -> String {
        self.0.handle().render()
    }

    /// Counts a webhook; `outcome` is `stored`, `duplicate` or `failed`.
    pub(crate) fn delivery(&self, event: &str, outcome: &'static str) {
        let event = event.to_owned();
        self.count(|| counter!(DELIVERIES, "event" => event, "outcome" => outcome).increment(1));
    }

    /// Counts an attempt at a job.
    pub(crate) fn job(&self, kind: &JobKind, outcome: &Outcome, took: Duration) {
        let outcome = match outcome {
            Outcome::Done => "done",
            Outcome::Requeue { .. } => "put_off",
            Outcome::Retry { .. } => "retried",
            Outcome::Failed { .. } => "failed",
        };
        let kind = kind.as_str().to_owned();
        self.count(|| {
            counter!(JOBS, "kind" => kind.clone(), "outcome" => outcome).increment(1);
            histogram!(JOB_SECONDS, "kind" => kind).record(took);
        });
    }

    /// Counts a plan of a stack, by its stage.
    pub(crate) fn plan(&self, stage: Stage, is_done: bool) {
        // The step of a pull request's plan starts with waiting for the engine.
        let stage = if stage == Stage::Wait { Stage::Plan } else { stage };
        let outcome = if is_done { "planned" } else { "failed" };
        self.count(|| {
            counter!(PLANS, "stage" => stage.as_str(), "outcome" => outcome).increment(1);
        });
    }

    /// Counts an apply, by the state in which its run ended.
    pub(crate) fn apply(&self, state: RunState) {
        self.count(|| counter!(APPLIES, "outcome" => state.as_str()).increment(1));
    }

    /// Counts a drift check of a stack.
    pub(crate) fn drift_check(&self, report: &DriftCheck) {
        let outcome = match report {
            DriftCheck::NeverApplied => return,
            DriftCheck::Unknown(_) => "unknown",
            DriftCheck::Checked(plan) if Drift::in_plan(plan).is_empty() => "none",
            DriftCheck::Checked(_) => "drifted",
        };
        self.count(|| counter!(DRIFT_CHECKS, "outcome" => outcome).increment(1));
    }

    /// Counts an answer of the model and its cost; `None` for a call that failed.
    pub(crate) fn model_answer(&self, used: Option<&Amount>) {
        let outcome = if used.is_some() { "answered" } else { "failed" };
        self.count(|| {
            counter!(MODEL_CALLS, "outcome" => outcome).increment(1);
            let Some(used) = used else { return };
            counter!(MODEL_TOKENS, "direction" => "input").increment(used.input_tokens);
            counter!(MODEL_TOKENS, "direction" => "output").increment(used.output_tokens);
            counter!(MODEL_MICRODOLLARS).increment(used.microdollars);
        });
    }

    fn count(&self, record: impl FnOnce()) {
        metrics::with_local_recorder(&self.0, record);
    }
}
