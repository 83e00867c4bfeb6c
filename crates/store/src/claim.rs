//! Claiming a job from the queue, keeping its lease, and recording how it ended.
//!
//! Each claim raises the job's fence. Every later write about the job names the fence of its claim,
//! so a worker that lost its lease and comes back changes nothing and learns that it lost.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Error, Job, JobId, JobKind, JobState, NewJob, RetryPolicy, Store, WriteOutcome,
    column::binds,
    db::{Db, Tx},
    jobs, pull_requests,
};

/// The right to write about a job, valid until another worker claims it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    id: JobId,
    fence: i64,
}

/// A job that this worker has claimed.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    pub job: Job,
    pub lease: Lease,
    /// Whether a worker died during an earlier attempt at a job that must not simply be run again:
    /// find out first what that attempt did. Stays true for later claims of the job.
    pub recovered: bool,
}

/// What a worker learns about its job when it renews the lease.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeartbeatReply {
    Going,
    /// Somebody with permission asked to cancel.
    Cancelled,
    /// The pull request has changed since; the result of this job would be useless.
    Superseded,
    /// Another worker has claimed the job: stop, and write nothing.
    Lost,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// An internal error; try again at `at`. An error for jobs with [`RetryPolicy::Never`].
    Retry {
        at: Timestamp,
        error: String,
    },
    /// Nothing was started (a lock was not free); claim again at `at`. Does not count as an
    /// attempt.
    Requeue {
        at: Timestamp,
    },
    Failed {
        error: String,
    },
}

/// Selects the oldest due job of a wanted kind that is the first open job of its key.
///
/// The clause at the end lets Postgres workers skip rows that another worker is claiming. SQLite
/// has only one writer at a time and needs no clause.
macro_rules! next_job {
    ($lock:literal) => {
        concat!(
            "SELECT j.id, j.state FROM jobs j WHERE \
             ((j.state = 'open' AND j.run_at <= $1) OR (j.state = 'running' AND j.lease_until <= $1)) \
             AND $2 LIKE '%,' || j.kind || ',%' AND NOT EXISTS (SELECT 1 FROM jobs earlier \
             WHERE earlier.key = j.key AND earlier.id < j.id \
             AND earlier.state IN ('open', 'running')) ORDER BY j.id LIMIT 1",
            $lock
        )
    };
}

impl Store {
    /// Claims the next due job of one of `kinds`, with a lease of `length`.
    pub async fn claim(
        &self,
        worker: &str,
        kinds: &[JobKind],
        now: Timestamp,
        length: Duration,
    ) -> Result<Option<Claim>, Error> {
        const TAKE: &str = "UPDATE jobs SET state = 'running', worker = $2, lease_until = $3, \
             fence = fence + 1, attempts = attempts + 1, lost_leases = lost_leases + $4 \
             WHERE id = $1 RETURNING *";
        let next = match &self.db {
            Db::Sqlite { .. } => next_job!(""),
            Db::Postgres(_) => next_job!(" FOR UPDATE OF j SKIP LOCKED"),
        };
        let mut tx = self.db.begin().await?;
        let Some(row) = tx.row(next, binds![now, kind_list(kinds)]).await? else { return Ok(None) };
        let id: JobId = row.read("id")?;
        let lost = i64::from(row.read::<JobState>("state")? == JobState::Running);
        let cells = binds![id, worker, lease_end(now, length), lost];
        let Some(row) = tx.row(TAKE, cells).await? else { return Ok(None) };
        let job = Job::from_row(&row)?;
        let lease = Lease { id, fence: row.read("fence")? };
        tx.commit().await?;
        let recovered = job.retry_policy == RetryPolicy::Never && job.lost_leases > 0;
        Ok(Some(Claim { job, lease, recovered }))
    }

    /// Renews the lease, and returns whether the job should go on.
    pub async fn heartbeat(
        &self,
        lease: Lease,
        now: Timestamp,
        length: Duration,
    ) -> Result<HeartbeatReply, Error> {
        const BEAT: &str = "UPDATE jobs SET lease_until = $3 \
             WHERE id = $1 AND fence = $2 AND state = 'running' RETURNING *";
        let mut tx = self.db.begin().await?;
        let cells = binds![lease.id, lease.fence, lease_end(now, length)];
        let Some(row) = tx.row(BEAT, cells).await? else { return Ok(HeartbeatReply::Lost) };
        let reply = heartbeat_reply(&mut tx, &Job::from_row(&row)?).await?;
        tx.commit().await?;
        Ok(reply)
    }

    /// Records how the attempt ended and enqueues the `next` jobs, in one transaction.
    pub async fn finish(
        &self,
        lease: Lease,
        outcome: &Outcome,
        next: &[NewJob],
        now: Timestamp,
    ) -> Result<WriteOutcome, Error> {
        const FINISH: &str = "UPDATE jobs SET state = $3, run_at = COALESCE($4, run_at), \
             error = $5, finished_at = $6, attempts = attempts - $7, lease_until = NULL \
             WHERE id = $1 AND fence = $2 AND state = 'running' RETURNING repeats";
        let (state, at, error) = match outcome {
            Outcome::Done => (JobState::Done, None, None),
            Outcome::Retry { at, error } => (JobState::Open, Some(*at), Some(error.clone())),
            Outcome::Requeue { at } => (JobState::Open, Some(*at), None),
            Outcome::Failed { error } => (JobState::Failed, None, Some(error.clone())),
        };
        let finished_at = at.is_none().then_some(now);
        let uncounted = i64::from(matches!(outcome, Outcome::Requeue { .. }));
        let mut tx = self.db.begin().await?;
        let cells = binds![lease.id, lease.fence, state, at, error, finished_at, uncounted];
        let Some(row) = tx.row(FINISH, cells).await? else { return Ok(WriteOutcome::Lost) };
        let is_retry = matches!(outcome, Outcome::Retry { .. });
        if is_retry && row.read::<RetryPolicy>("repeats")? == RetryPolicy::Never {
            return Err(Error::NeverRepeated(lease.id.0));
        }
        for job in next {
            jobs::enqueue(&mut tx, job, now).await?;
        }
        tx.commit().await?;
        self.wake_workers();
        Ok(WriteOutcome::Written)
    }

    /// Returns when a worker for `kinds` should look for a job next, if none is enqueued before:
    /// the time at which a job becomes due or a lease expires.
    pub async fn next_due(&self, kinds: &[JobKind]) -> Result<Option<Timestamp>, Error> {
        const DUE: &str = "SELECT MIN(CASE WHEN j.state = 'running' THEN j.lease_until \
             ELSE j.run_at END) AS due FROM jobs j WHERE j.state IN ('open', 'running') \
             AND $1 LIKE '%,' || j.kind || ',%' AND NOT EXISTS (SELECT 1 FROM jobs earlier \
             WHERE earlier.key = j.key AND earlier.id < j.id \
             AND earlier.state IN ('open', 'running'))";
        let row = self.db.row(DUE, binds![kind_list(kinds)]).await?;
        row.map_or(Ok(None), |row| row.read_optional("due"))
    }

    /// Ends the leases of a worker that restarts under its old name; returns how many there were.
    ///
    /// Only call this for a name that no other process can have, so that its old process is
    /// certainly dead.
    pub async fn abandon_leases(&self, worker: &str, now: Timestamp) -> Result<u64, Error> {
        const ABANDON: &str = "UPDATE jobs SET lease_until = $2 \
             WHERE worker = $1 AND state = 'running' AND lease_until > $2";
        let touched = self.db.execute(ABANDON, binds![worker, now]).await?;
        self.wake_workers();
        Ok(touched)
    }
}

/// Returns the reply to a job that still holds its lease.
async fn heartbeat_reply(tx: &mut Tx, job: &Job) -> Result<HeartbeatReply, Error> {
    let (Some(id), Some(generation)) = (job.pull_request, job.generation) else {
        return Ok(HeartbeatReply::Going);
    };
    let Some(pull_request) = pull_requests::load(tx, id).await? else {
        return Ok(HeartbeatReply::Going);
    };
    let is_cancelled = pull_request.cancel_requested.is_some_and(|upto| generation <= upto);
    let is_stale = job.retry_policy == RetryPolicy::Freely && generation < pull_request.generation;
    Ok(match (is_cancelled, is_stale) {
        (true, _) => HeartbeatReply::Cancelled,
        (false, true) => HeartbeatReply::Superseded,
        (false, false) => HeartbeatReply::Going,
    })
}

/// Returns the kinds as `,plan,ack,` for `LIKE`, because the two databases have no common way to
/// bind a list.
fn kind_list(kinds: &[JobKind]) -> String {
    kinds.iter().fold(",".to_owned(), |list, kind| list + kind.as_str() + ",")
}

/// Returns when a lease ends; `Timestamp::MAX` if the sum overflows.
pub(super) fn lease_end(now: Timestamp, lease: Duration) -> Timestamp {
    now.checked_add(lease).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_kind_at_all_matches_no_job() {
        assert_eq!(kind_list(&[]), ",");
        let kinds = ["plan", "ack"].map(|kind| JobKind::parse(kind).unwrap());
        assert_eq!(kind_list(&kinds), ",plan,ack,");
    }
}
