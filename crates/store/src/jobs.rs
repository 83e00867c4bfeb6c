//! Jobs in the queue: what a job is, enqueuing, and queries.
//!
//! Claiming and finishing jobs is in `claim`. What each kind does is defined in `core::job` and by
//! the worker.

use std::fmt;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::{
    Error, PullRequestId, Store,
    column::{Column, Row, binds, text_enum},
    db::{Counter, Tx},
    pull_requests,
};

/// The id of a job; rises in the order in which jobs were enqueued.
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

/// The kind of a job: a word of lower-case letters and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobKind(String);

impl JobKind {
    /// Fails if the word contains anything but lower-case letters and `-`: a claim matches it with
    /// `LIKE`, where `_` and `%` are wildcards.
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
    /// What happens to a job whose worker died, or whose pull request changed.
    RetryPolicy {
        /// It is simply run again, and stops when its pull request has a newer generation.
        Freely = "freely",
        /// It may have had an effect that must not happen twice (an apply). It comes back marked as
        /// recovered, is never retried, and a newer generation does not stop it.
        Never = "never",
    }
}

/// A job to enqueue.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    /// Jobs with the same key run one at a time, in order.
    pub key: String,
    pub kind: JobKind,
    pub payload: Json,
    /// A natural key: while a job with the same one is stored, this job is not enqueued.
    pub dedupe: Option<String>,
    /// The pull request whose generation and cancellation the job follows, if any.
    pub pull_request: Option<PullRequestId>,
    pub retry_policy: RetryPolicy,
    /// The earliest time to run it.
    pub run_at: Timestamp,
    /// W3C `traceparent` of what causes the job; `None` if nothing is traced.
    pub trace_parent: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    pub id: JobId,
    pub key: String,
    pub kind: JobKind,
    pub payload: Json,
    pub pull_request: Option<PullRequestId>,
    /// The generation of the pull request when the job was enqueued.
    pub generation: Option<i64>,
    pub retry_policy: RetryPolicy,
    pub state: JobState,
    /// How often it was started, the current attempt included.
    pub attempts: i64,
    /// How often its worker died while running it.
    pub lost_leases: i64,
    pub run_at: Timestamp,
    pub lease_until: Option<Timestamp>,
    pub worker: Option<String>,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// W3C `traceparent` of what caused the job.
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

/// Enqueues a job; returns `None` if one with the same `dedupe` key is already stored.
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
    /// Enqueues a job; returns `None` if one with the same `dedupe` key is already stored.
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

    /// Returns all jobs that wait or run, in order.
    pub async fn open_jobs(&self) -> Result<Vec<Job>, Error> {
        const OPEN: &str = "SELECT * FROM jobs WHERE state IN ('open', 'running') ORDER BY id";
        self.db.rows(OPEN, Vec::new()).await?.iter().map(Job::from_row).collect()
    }

    /// Returns the newest jobs that failed for good.
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
