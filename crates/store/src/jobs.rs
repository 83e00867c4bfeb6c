//! The queue at rest: what a job is, how it gets in, and what stands in the table.
//!
//! Taking and finishing jobs is in `claim`. What a kind means, and who runs it, is `worker`'s.

use std::fmt;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::{
    Error, PullRequestId, Store,
    column::{Column, Row, binds, text_enum},
    db::{Counter, Tx},
    pull_requests,
};

/// Rises in the order in which jobs were enqueued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub i64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Column for JobId {
    type Raw = i64;
    fn raw(&self) -> i64 {
        self.0
    }
    fn parse(raw: i64) -> Result<Self, String> {
        Ok(Self(raw))
    }
}

/// What a job does, as a word of lower-case letters and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobKind(String);

impl JobKind {
    /// Errors when the word has anything but lower-case letters and `-`; a claim looks for it with
    /// `LIKE`, where `_` and `%` would stand for others.
    pub fn parse(word: impl Into<String>) -> Result<Self, Error> {
        let word = word.into();
        let is_valid =
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        if is_valid { Ok(Self(word)) } else { Err(Error::JobKind(word)) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Column for JobKind {
    type Raw = String;
    fn raw(&self) -> String {
        self.0.clone()
    }
    fn parse(raw: String) -> Result<Self, String> {
        Self::parse(raw).map_err(|e| e.to_string())
    }
}

text_enum! {
    JobState { Open = "open", Running = "running", Done = "done", Failed = "failed" }
    /// What may happen to a job whose worker was lost, or whose pull request moved on.
    RetryPolicy {
        /// It is simply run again; it stops when its pull request has a newer generation.
        Freely = "freely",
        /// It may have had an effect that must not happen twice (an apply): it comes back marked as
        /// recovered, is never retried, and a newer generation does not stop it.
        Never = "never",
    }
}

/// A job to be enqueued.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    /// Jobs of one key run one at a time, in order.
    pub key: String,
    pub kind: JobKind,
    pub payload: Json,
    /// A natural key: while a job with it is remembered, another is not enqueued.
    pub dedupe: Option<String>,
    /// Whose generation and cancellation it follows, if any.
    pub pull_request: Option<PullRequestId>,
    pub retry_policy: RetryPolicy,
    /// Not before.
    pub run_at: Timestamp,
    /// W3C `traceparent` of what causes it; none where nothing is traced.
    pub trace_parent: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    pub id: JobId,
    pub key: String,
    pub kind: JobKind,
    pub payload: Json,
    pub pull_request: Option<PullRequestId>,
    /// The pull request's when it was enqueued.
    pub generation: Option<i64>,
    pub retry_policy: RetryPolicy,
    pub state: JobState,
    /// How often it was begun, this time included.
    pub attempts: i64,
    /// How often a worker was lost over it.
    pub lost_leases: i64,
    pub run_at: Timestamp,
    pub lease_until: Option<Timestamp>,
    pub worker: Option<String>,
    /// Why the last attempt did not do.
    pub error: Option<String>,
    /// W3C `traceparent` of what caused it.
    pub trace_parent: Option<String>,
}

impl Job {
    pub(super) fn from_row(row: &Row) -> Result<Self, Error> {
        let repository = row.read_optional("repository")?;
        let number = row.read_optional("number")?;
        Ok(Self {
            id: row.read("id")?,
            key: row.read("key")?,
            kind: row.read("kind")?,
            payload: row.read("payload")?,
            pull_request: repository
                .zip(number)
                .map(|(repository, number)| PullRequestId { repository, number }),
            generation: row.read_optional("generation")?,
            retry_policy: row.read("repeats")?,
            state: row.read("state")?,
            attempts: row.read("attempts")?,
            lost_leases: row.read("lost_leases")?,
            run_at: row.read("run_at")?,
            lease_until: row.read_optional("lease_until")?,
            worker: row.read_optional("worker")?,
            error: row.read_optional("error")?,
            trace_parent: row.read_optional("trace_parent")?,
        })
    }
}

/// Puts a job into the queue; none when its `dedupe` is already there.
pub(super) async fn enqueue(
    tx: &mut Tx,
    job: &NewJob,
    now: Timestamp,
) -> Result<Option<JobId>, Error> {
    const ENQUEUE: &str = "INSERT INTO jobs \
         (id, key, kind, payload, dedupe, repository, number, generation, repeats, state, \
         attempts, lost_leases, run_at, fence, created_at, trace_parent) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'open', 0, 0, $10, 0, $11, $12) \
         ON CONFLICT (dedupe) DO NOTHING RETURNING id";
    let id = tx.next(Counter::Jobs).await?;
    let generation = match job.pull_request {
        Some(pull_request) => {
            let known = pull_requests::load(tx, pull_request).await?;
            Some(known.map_or(0, |pull_request| pull_request.generation))
        }
        None => None,
    };
    let cells = binds![
        id,
        job.key,
        job.kind,
        job.payload,
        job.dedupe,
        job.pull_request.map(|pull_request| pull_request.repository),
        job.pull_request.map(|pull_request| pull_request.number),
        generation,
        job.retry_policy,
        job.run_at,
        now,
        job.trace_parent,
    ];
    tx.row(ENQUEUE, cells).await?.map(|row| row.read("id")).transpose()
}

impl Store {
    /// Puts a job into the queue; none when its `dedupe` is already there.
    pub async fn enqueue(&self, job: &NewJob, now: Timestamp) -> Result<Option<JobId>, Error> {
        let mut tx = self.db.begin().await?;
        let id = enqueue(&mut tx, job, now).await?;
        tx.commit().await?;
        self.wake_workers();
        Ok(id)
    }

    pub async fn job(&self, id: JobId) -> Result<Option<Job>, Error> {
        let row = self.db.row("SELECT * FROM jobs WHERE id = $1", binds![id]).await?;
        row.as_ref().map(Job::from_row).transpose()
    }

    /// All that wait or run, in order.
    pub async fn open_jobs(&self) -> Result<Vec<Job>, Error> {
        const OPEN: &str = "SELECT * FROM jobs WHERE state IN ('open', 'running') ORDER BY id";
        self.db.rows(OPEN, Vec::new()).await?.iter().map(Job::from_row).collect()
    }

    /// The newest jobs that failed for good.
    pub async fn failed_jobs(&self, limit: i64) -> Result<Vec<Job>, Error> {
        const FAILED: &str = "SELECT * FROM jobs WHERE state = 'failed' ORDER BY id DESC LIMIT $1";
        self.db.rows(FAILED, binds![limit]).await?.iter().map(Job::from_row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_job_has_no_character_that_like_would_widen() {
        assert!(JobKind::parse("plan-group").is_ok());
        for word in ["", "plan_", "%", "Plan", "a,b"] {
            assert!(JobKind::parse(word).is_err(), "{word:?} was taken");
        }
    }
}
