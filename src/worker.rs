//! Claim a job, run it, record how it ended; nothing here knows what a job does.
//!
//! A lease is renewed while the job runs; a job that is cancelled, superseded or lost is stopped.
//! What fails is tried again with growing pauses, an apply never.

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

/// A worker that says nothing for this long has lost its job.
const LEASE: Duration = Duration::from_secs(30);
const ATTEMPTS: i64 = 5;
/// A job that this version does not know is left alone for so long.
const UNKNOWN: SignedDuration = SignedDuration::from_secs(15);
/// Other processes are not heard when they enqueue.
const POLL: Duration = Duration::from_secs(2);

/// Runs jobs of the roles of this process until `stop`, then lets those under way end.
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

/// Runs everything that is due, for tests and for whoever wants to wait until nothing is left.
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

/// Claims and runs one job; whether there was one.
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
    // A job that waited may have been cancelled meanwhile, and has to know before it goes on.
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
        // The heartbeat only ends when there is no lease left to renew.
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
            // An outage is no reason to give anything up, a merge least of all.
            tracing::warn!(job = %claim.job.id, why, "GitHub cannot be reached");
            (Outcome::Requeue { at: pause(app.now(), 3) }, Vec::new())
        }
        Ok(Err(flow::Error::Stopped)) => (Outcome::Done, Vec::new()),
        Ok(Err(flow::Error::Refused(refusal))) => {
            tracing::info!(job = %claim.job.id, %refusal, "refused");
            (Outcome::Done, Vec::new())
        }
        Ok(Err(flow::Error::Failed(error))) => failed(app, claim, &job, format!("{error:#}")).await,
        Err(_) => failed(app, claim, &job, "it panicked".into()).await,
    }
}

/// Puts back a job that this version does not know, for a process that does. It is not even begun,
/// so one that is not wanted any more ends here.
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

/// Renews the lease until the job is not ours any more.
async fn keep_lease(app: &App, claim: &Claim, stop: &CancellationToken) {
    loop {
        tokio::time::sleep(LEASE / 15).await;
        if !renew_lease(app, claim, stop).await {
            return;
        }
    }
}

/// Renews the lease once, and asks the job to stop when it should. Returns whether it is still ours.
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
    // A job that is finished twice must not enqueue what follows twice.
    let next = jobs
        .iter()
        .enumerate()
        .map(|(i, job)| queue::new_job(job, Some(format!("after/{}/{i}", claim.job.id)), now));
    match next.collect::<anyhow::Result<Vec<NewJob>>>() {
        Ok(next) => (Outcome::Done, next),
        Err(error) => (Outcome::Failed { error: error.to_string() }, Vec::new()),
    }
}

/// Logs a failure of ours once, and tells people when no further attempt follows.
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

/// 2, 8, 32, … seconds.
fn pause(now: Timestamp, attempts: i64) -> Timestamp {
    let exponent = u32::try_from(attempts.clamp(1, 6)).unwrap_or(6);
    let pause = SignedDuration::from_secs(2 * 4_i64.pow(exponent - 1));
    now.checked_add(pause).unwrap_or(Timestamp::MAX)
}
