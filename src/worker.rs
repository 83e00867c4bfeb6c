//! Claims jobs, runs them, and records how they ended.
//!
//! The lease is renewed while a job runs; a cancelled, superseded or lost job is stopped. Failed
//! jobs are retried with growing pauses, except for applies.

mod registration;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span, field};
use uuid::Uuid;

use planwright_core::job::Job;
use planwright_store::{
    Claim, HeartbeatReply, JobKind, NewJob, Outcome, RetryPolicy, WriteOutcome,
    records::RecordError,
};

use crate::{
    app::App,
    flow::{self, JobContext},
    jobs, queue, telemetry,
};

pub use registration::ProcessRegistration;

/// A worker that does not renew its lease for this long loses the job.
const LEASE: Duration = Duration::from_secs(30);
const ATTEMPTS: i64 = 5;
/// How long a job that this version does not know is put back for.
const UNKNOWN: SignedDuration = SignedDuration::from_secs(15);
/// How often the queue is checked, because jobs enqueued by other processes send no signal here.
const POLL: Duration = Duration::from_secs(2);

/// Runs jobs of this process's roles until `stop`, then lets running jobs end.
pub async fn run_until(
    app: Arc<App>,
    registration: &ProcessRegistration,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let kinds = queue::kinds(&app.roles)?;
    let workers = (0..app.workers).map(|_| {
        let (app, kinds, stop) = (app.clone(), kinds.clone(), stop.clone());
        let name = registration.name().to_owned();
        tokio::spawn(async move { work(&app, &name, &kinds, &stop).await })
    });
    futures::future::join_all(workers).await;
    Ok(())
}

/// Runs everything that is due and returns when nothing is left; used by tests and the demo.
pub async fn run_until_idle(app: &App) -> anyhow::Result<()> {
    let kinds = queue::kinds(&app.roles)?;
    let worker = Uuid::now_v7().to_string();
    while run_next(app, &worker, &kinds).await? {}
    Ok(())
}

async fn work(app: &App, worker: &str, kinds: &[JobKind], stop: &CancellationToken) {
    let mut wakes = app.store.wakes();
    while !stop.is_cancelled() {
        wakes.mark_unchanged();
        match run_next(app, worker, kinds).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "the queue cannot be read"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            _ = wakes.changed() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

/// Claims and runs one job; returns whether there was one.
async fn run_next(app: &App, worker: &str, kinds: &[JobKind]) -> anyhow::Result<bool> {
    let Some(claim) = app.store.claim(worker, kinds, app.now(), LEASE).await? else {
        return Ok(false);
    };
    let began = Instant::now();
    let span = span(&claim);
    let (outcome, next) = attempt(app, &claim).instrument(span.clone()).await;
    if let Outcome::Retry { .. } | Outcome::Failed { .. } = outcome {
        span.record("otel.status_code", "ERROR");
    }
    app.metrics.job(&claim.job.kind, &outcome, began.elapsed());
    let finished = app.store.finish(claim.lease, &outcome, &next, app.now()).await?;
    if finished == WriteOutcome::Lost {
        tracing::warn!(job = %claim.job.id, "another worker has taken the job meanwhile");
    }
    Ok(true)
}

/// Returns the span of an attempt, in the trace of what caused the job.
fn span(claim: &Claim) -> Span {
    let job = &claim.job;
    let span = tracing::info_span!(
        "job",
        otel.name = format!("job {}", job.kind),
        otel.kind = "consumer",
        otel.status_code = field::Empty,
        kind = %job.kind,
        id = job.id.0,
        attempt = job.attempts,
        repository = job.pull_request.map(|pull_request| pull_request.repository.0),
        number = job.pull_request.map(|pull_request| pull_request.number.0),
    );
    telemetry::continue_trace(&span, job.trace_parent.as_deref());
    span
}

async fn attempt(app: &App, claim: &Claim) -> (Outcome, Vec<NewJob>) {
    let stop = CancellationToken::new();
    // The job may have been cancelled while it waited, which it has to know before it starts.
    if !renew_lease(app, claim, &stop).await {
        return (Outcome::Done, Vec::new());
    }
    let job = match queue::read(&claim.job) {
        Ok(job) => job,
        Err(error) => return (unknown(app, claim, &stop, &error), Vec::new()),
    };
    let context =
        JobContext { job: Some(claim.job.id), stop, ..JobContext::new(app, job.target()) };
    let guarded = std::panic::AssertUnwindSafe(jobs::run(&job, &context)).catch_unwind();
    let ended = tokio::select! {
        // The heartbeat only ends when the lease is lost.
        () = keep_lease(app, claim, &context.stop) => Ok(Err(flow::Error::Stopped)),
        ended = guarded => ended,
    };
    match ended {
        Ok(Ok(jobs)) => done(app, claim, &jobs),
        Ok(Err(flow::Error::Later { at, why })) => {
            tracing::info!(job = %claim.job.id, why, "later");
            (Outcome::Requeue { at }, Vec::new())
        }
        Ok(Err(flow::Error::Away(why))) => {
            // An outage is no reason to give anything up, least of all a merge.
            tracing::warn!(job = %claim.job.id, why, "GitHub cannot be reached");
            (Outcome::Requeue { at: pause(app.now(), 3) }, Vec::new())
        }
        Ok(Err(flow::Error::Stopped | flow::Error::Gone)) => (Outcome::Done, Vec::new()),
        Ok(Err(flow::Error::Refused(refusal))) => {
            tracing::info!(job = %claim.job.id, %refusal, "refused");
            (Outcome::Done, Vec::new())
        }
        Ok(Err(flow::Error::Failed(error))) => failed(app, claim, &job, format!("{error:#}")).await,
        Err(_) => failed(app, claim, &job, "it panicked".into()).await,
    }
}

/// Puts back a job that this version does not know, for a process that does. If the job has been
/// cancelled or superseded it ends here, since it was never started.
fn unknown(app: &App, claim: &Claim, stop: &CancellationToken, error: &RecordError) -> Outcome {
    if stop.is_cancelled() {
        return Outcome::Done;
    }
    tracing::warn!(
        job = %claim.job.id,
        %error,
        "this version does not know the job, and leaves it to a process that does"
    );
    Outcome::Requeue { at: app.now().checked_add(UNKNOWN).unwrap_or(Timestamp::MAX) }
}

/// Renews the lease until it is lost.
async fn keep_lease(app: &App, claim: &Claim, stop: &CancellationToken) {
    loop {
        tokio::time::sleep(LEASE / 15).await;
        if !renew_lease(app, claim, stop).await {
            return;
        }
    }
}

/// Renews the lease once, and stops the job if it should not go on. Returns whether the lease is
/// still held.
async fn renew_lease(app: &App, claim: &Claim, stop: &CancellationToken) -> bool {
    match app.store.heartbeat(claim.lease, app.now(), LEASE).await {
        Ok(HeartbeatReply::Going) => {}
        Ok(HeartbeatReply::Cancelled | HeartbeatReply::Superseded) => stop.cancel(),
        Ok(HeartbeatReply::Lost) => {
            stop.cancel();
            return false;
        }
        Err(error) => tracing::warn!(job = %claim.job.id, %error, "no heartbeat"),
    }
    true
}

fn done(app: &App, claim: &Claim, jobs: &[Job]) -> (Outcome, Vec<NewJob>) {
    let now = app.now();
    // The key ensures that following jobs are enqueued once, even if a job is finished twice.
    let next = jobs
        .iter()
        .enumerate()
        .map(|(i, job)| queue::new_job(job, Some(format!("after/{}/{i}", claim.job.id)), now));
    match next.collect::<anyhow::Result<Vec<NewJob>>>() {
        Ok(next) => (Outcome::Done, next),
        Err(error) => (Outcome::Failed { error: error.to_string() }, Vec::new()),
    }
}

/// Logs an internal error once, and reports it to people if no further attempt follows.
async fn failed(app: &App, claim: &Claim, job: &Job, error: String) -> (Outcome, Vec<NewJob>) {
    let id = claim.job.id.to_string();
    tracing::error!(job = %id, attempt = claim.job.attempts, error, "a job failed");
    if claim.job.retry_policy == RetryPolicy::Freely && claim.job.attempts < ATTEMPTS {
        return (Outcome::Retry { at: pause(app.now(), claim.job.attempts), error }, Vec::new());
    }
    if let Err(untold) = jobs::give_up(app, job, &id).await {
        tracing::error!(job = %id, error = %untold, "the failure could not be told");
    }
    (Outcome::Failed { error }, Vec::new())
}

/// Returns the time of the next attempt: after 2, 8, 32, … seconds.
fn pause(now: Timestamp, attempts: i64) -> Timestamp {
    let exponent = u32::try_from(attempts.clamp(1, 6)).unwrap_or(6);
    let pause = SignedDuration::from_secs(2 * 4_i64.pow(exponent - 1));
    now.checked_add(pause).unwrap_or(Timestamp::MAX)
}
