//! Jobs of the domain as rows of the queue, and back.

use anyhow::Context as _;
use jiff::Timestamp;

use crate::{
    domain::job::{Job, JobKind},
    settings::Role,
    store::{self, NewJob, Repeat},
};

use super::{Result, id_of};

/// The row that a job becomes, due at once.
pub fn new_job(job: &Job, dedupe: Option<String>, now: Timestamp) -> Result<NewJob> {
    let payload = serde_json::to_value(job).context("writing a job down")?;
    Ok(NewJob {
        key: job.key(),
        kind: kind(job.kind())?,
        payload,
        dedupe,
        pull_request: Some(id_of(job.target())),
        repeat: match job.kind() {
            JobKind::Apply => Repeat::Never,
            _ => Repeat::Freely,
        },
        run_at: now,
    })
}

/// The job that a row was.
pub fn read(row: &store::Job) -> Result<Job> {
    let job = serde_json::from_value(row.payload.clone());
    Ok(job.with_context(|| format!("reading job {}, which another version may have written", row.id))?)
}

/// The kinds of jobs that `roles` run.
pub fn kinds(roles: &[Role]) -> Result<Vec<store::JobKind>> {
    roles
        .iter()
        .flat_map(|role| match role {
            Role::Web => [JobKind::Acknowledge, JobKind::Keep].as_slice(),
            Role::Plan => &[JobKind::Plan],
            Role::Apply => &[JobKind::Apply],
        })
        .map(|of| kind(*of))
        .collect()
}

fn kind(kind: JobKind) -> Result<store::JobKind> {
    Ok(store::JobKind::parse(kind.as_str())?)
}
