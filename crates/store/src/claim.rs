//! The queue in motion: taking a job, keeping it, and saying how it ended.
//!
//! A claim carries a fence that rises each time a job is taken. Every later word about the job says
//! its fence, so whoever was lost and comes back (a zombie) changes nothing and is told so.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Error, Job, JobId, JobKind, JobState, NewJob, RetryPolicy, Store, WriteOutcome,
    column::binds,
    db::{Db, Tx},
    jobs, pull_requests,
};

/// The right to speak about a job, as long as nobody else has taken it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    id: JobId,
    fence: i64,
}

/// A job that this worker holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    pub job: Job,
    pub lease: Lease,
    /// A worker was lost over this job, which must not simply be run again: first look at what was
    /// done. Stays so for later claims of the job.
    pub recovered: bool,
}

/// What the queue says to a job that is still at work.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeartbeatReply {
    Going,
    /// Somebody who may do so asked to stop.
    Cancelled,
    /// The pull request has moved on; what this job does is of no use.
    Superseded,
    /// The job is not ours any more: stop, and write nothing.
    Lost,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// Something of ours went wrong; try again from `at` on. Refused for [`RetryPolicy::Never`].
    Retry {
        at: Timestamp,
        error: String,
    },
    /// Nothing was begun (a lock was not free); look again from `at` on. Counts as no attempt.
    Requeue {
        at: Timestamp,
    },
    Failed {
        error: String,
    },
}

/// The oldest job that is due, of a kind that is wanted, and the first of its key.
///
/// The clause at the end lets Postgres's workers pass by what another is just taking; SQLite has one
/// writer at a time and needs none.
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
    /// Takes the next job that is due and of one of `kinds`, for as long as `length`.
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

    /// Says that the job is still at work, which renews its lease, and hears whether it should be.
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

    /// Says how the attempt ended and enqueues what follows from it, all or nothing.
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

    /// When a worker for `kinds` should look next, if nothing is enqueued before: a job falls due or
    /// a lease runs out.
    pub async fn next_due(&self, kinds: &[JobKind]) -> Result<Option<Timestamp>, Error> {
        const DUE: &str = "SELECT MIN(CASE WHEN j.state = 'running' THEN j.lease_until \
             ELSE j.run_at END) AS due FROM jobs j WHERE j.state IN ('open', 'running') \
             AND $1 LIKE '%,' || j.kind || ',%' AND NOT EXISTS (SELECT 1 FROM jobs earlier \
             WHERE earlier.key = j.key AND earlier.id < j.id \
             AND earlier.state IN ('open', 'running'))";
        let row = self.db.row(DUE, binds![kind_list(kinds)]).await?;
        row.map_or(Ok(None), |row| row.read_optional("due"))
    }

    /// Ends the leases of a worker that starts anew under its old name; returns how many.
    ///
    /// Only for a name that no other process can have: what ran under it is surely dead.
    pub async fn abandon_leases(&self, worker: &str, now: Timestamp) -> Result<u64, Error> {
        const ABANDON: &str = "UPDATE jobs SET lease_until = $2 \
             WHERE worker = $1 AND state = 'running' AND lease_until > $2";
        let touched = self.db.execute(ABANDON, binds![worker, now]).await?;
        self.wake_workers();
        Ok(touched)
    }
}

/// What a job that still holds its lease is to hear.
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

/// `,plan,ack,`: a list cannot be bound in a way that both databases know.
fn kind_list(kinds: &[JobKind]) -> String {
    kinds.iter().fold(",".to_owned(), |list, kind| list + kind.as_str() + ",")
}

/// The end of a lease; an absurdly long one lasts as long as time does.
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
