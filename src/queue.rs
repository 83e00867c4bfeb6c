//! The queue: jobs as rows of the database, and storing a delivery with the jobs that it causes.
//!
//! `jobs` defines what a job does; `worker` runs it.

use anyhow::{Context as _, Result};
use jiff::Timestamp;

use planwright_core::{
    event::{self, Envelope},
    inbox,
    job::{self, Job, KINDS, Retry, Role, Target},
    names::{DeliveryId, Sha},
    people::PushKind,
    pull_request::PullRequestState,
    repository::Repository,
};
use planwright_store as store;
use planwright_store::{
    Delivery, Effects, NewJob, PullRequestId, Push, Receipt, RetryPolicy,
    records::{RecordError, v1},
};

use crate::{app::App, telemetry};

/// Returns the row for a job, due immediately.
pub fn new_job(job: &Job, dedupe: Option<String>, now: Timestamp) -> Result<NewJob> {
    Ok(NewJob {
        key: job.lane().to_string(),
        kind: store::JobKind::parse(job.kind())?,
        payload: v1::Job::payload(job),
        dedupe,
        pull_request: Some(pull_request(job)),
        retry_policy: match job.retry() {
            Retry::Never => RetryPolicy::Never,
            Retry::Freely => RetryPolicy::Freely,
        },
        run_at: now,
        trace_parent: telemetry::trace_parent(),
    })
}

/// Returns the job of a row. Fails if this version does not know it, because a newer version beside
/// it wrote the row.
pub fn read(row: &store::Job) -> Result<Job, RecordError> {
    v1::Job::parse(&row.payload)
}

/// The kind of all jobs of the role `web` except acknowledgements, before each got its own kind; a
/// database may still contain some.
const LEGACY_KIND: (&str, Role) = ("keep", Role::Web);

/// Returns the kinds of jobs that `roles` run.
pub fn kinds(roles: &[Role]) -> Result<Vec<store::JobKind>> {
    KINDS
        .iter()
        .chain([&LEGACY_KIND])
        .filter(|(_, role)| roles.contains(role))
        .map(|(kind, _)| Ok(store::JobKind::parse(*kind)?))
        .collect()
}

fn pull_request(job: &Job) -> PullRequestId {
    let target = job.target();
    PullRequestId { repository: target.repository.id, number: target.number }
}

/// Stores a delivery with everything that it causes, once.
pub async fn receive(
    app: &App,
    id: &DeliveryId,
    event: &str,
    body: &[u8],
    envelope: &Envelope,
) -> Result<Receipt> {
    let now = app.now();
    let caused = inbox::effects(envelope, id, app.github.app_id());
    if let Some(repository) = &caused.rejudges {
        app.store.record_issue_label(repository.id, None, now).await?;
    }
    let number = caused.jobs.first().map(|job| job.target().number);
    let mut jobs = Vec::new();
    for job in &caused.jobs {
        jobs.push(new_job(job, None, now)?);
    }
    for job in verdicts(app, caused.rejudges.as_ref()).await? {
        jobs.push(new_job(&job, None, now)?);
    }
    let of_number = |number| Some(PullRequestId { repository: envelope.repository?, number });
    let effects = Effects {
        raise_generation: caused.supersedes.and_then(of_number),
        push: caused.push.and_then(|push| recorded_push(envelope, push, now)),
        carries_out: caused.carries_out,
        jobs,
    };
    let delivery = Delivery {
        id: id.clone(),
        event: event.to_owned(),
        action: None,
        repository: envelope.repository,
        number,
        body: String::from_utf8_lossy(body).into_owned(),
        received_at: now,
    };
    app.store.receive(&delivery, &effects).await.context("storing a delivery")
}

/// Returns verdict jobs for all open pull requests of a repository.
async fn verdicts(app: &App, repository: Option<&Repository>) -> Result<Vec<Job>> {
    let Some(repository) = repository else { return Ok(Vec::new()) };
    let open = app.store.pull_requests_in(repository.id, PullRequestState::Open).await?;
    let verdict = |open: store::PullRequest| {
        let target = Target { repository: repository.clone(), number: open.id.number };
        job::Verdict { target, review: None }.into()
    };
    Ok(open.into_iter().map(verdict).collect())
}

fn recorded_push(envelope: &Envelope, push: event::Push, at: Timestamp) -> Option<Push> {
    let kind = if push.after.is_some() { PushKind::Push } else { PushKind::Deletion };
    Some(Push {
        repository: envelope.repository?,
        git_ref: push.git_ref,
        before: push.before.unwrap_or_else(Sha::zero),
        after: push.after.unwrap_or_else(Sha::zero),
        user: envelope.sender.id,
        login: envelope.sender.login.clone(),
        kind,
        at,
    })
}
