//! Deletion of old rows, in small transactions so that nothing has to wait long.
//!
//! Each statement may be run again, and by several processes at once. What decides about an apply
//! is kept: pull requests, pushes, lifts, branches of the bot, the record of code, states, plan
//! sets, approvals, stacks, locks, runs, the journal, the audit log. The id of a delivery and the digest of its body are kept too, since GitHub, or
//! somebody who captured it, may send it again.

use jiff::Timestamp;
use uuid::Uuid;

use planwright_core::{
    names::{PrNumber, RepositoryId},
    pull_request::PullRequestState,
};

use super::{
    Error, PullRequestId, RunId, Store,
    column::{Cell, binds},
    db::Tx,
    pull_requests,
};

/// How many rows were deleted or emptied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Deliveries whose body was deleted; their rows are kept.
    pub bodies: u64,
    pub jobs: u64,
    pub run_steps: u64,
    /// Rows of engine output.
    pub run_lines: u64,
    /// Requests to GitHub that were sent or refused.
    pub requests: u64,
}

// Bodies can be megabytes, so their batches are smaller than others.
const BODIES: &str = "UPDATE deliveries SET body = '' WHERE id IN (SELECT id FROM deliveries \
     WHERE received_at < $1 AND body <> '' ORDER BY received_at LIMIT 100)";
const JOBS: &str = "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs \
     WHERE finished_at < $1 ORDER BY finished_at LIMIT 500)";
const STEPS: &str = "DELETE FROM run_steps WHERE run IN (SELECT run FROM run_steps \
     WHERE run < $1 ORDER BY run LIMIT 500)";
const LINES: &str = "DELETE FROM run_lines WHERE run IN (SELECT run FROM run_lines \
     WHERE run < $1 ORDER BY run LIMIT 100)";
/// How many requests are examined in one transaction.
const REQUESTS: usize = 500;

impl Store {
    /// Deletes what ended before `at`: bodies of deliveries, jobs, steps and output of runs,
    /// requests.
    ///
    /// A job's dedupe key is deleted with it. Requests of a pull request are kept until it is
    /// closed, and the request of its report comment for good, because that comment is edited in
    /// place.
    pub async fn delete_before(&self, at: Timestamp) -> Result<Deleted, Error> {
        // Run ids begin with the time, so this comparison uses an index.
        let first_run = RunId(Uuid::from_bytes(first_id(at)));
        Ok(Deleted {
            bodies: self.in_batches(BODIES, binds![at]).await?,
            jobs: self.in_batches(JOBS, binds![at]).await?,
            run_steps: self.in_batches(STEPS, binds![first_run]).await?,
            run_lines: self.in_batches(LINES, binds![first_run]).await?,
            requests: self.delete_requests(at).await?,
        })
    }

    async fn in_batches(&self, sql: &'static str, cells: Vec<Cell>) -> Result<u64, Error> {
        let mut all = 0;
        loop {
            let touched = self.db.execute(sql, cells.clone()).await?;
            all += touched;
            if touched == 0 {
                return Ok(all);
            }
        }
    }

    async fn delete_requests(&self, at: Timestamp) -> Result<u64, Error> {
        const OLD: &str = "SELECT key FROM outbox WHERE state IN ('done', 'refused') \
             AND COALESCE(touched_at, created_at) < $1 AND key > $2 ORDER BY key LIMIT 500";
        // The row may have been replaced since it was read.
        const DELETE: &str = "DELETE FROM outbox WHERE key = $1 \
             AND state IN ('done', 'refused') AND COALESCE(touched_at, created_at) < $2";
        let (mut all, mut last) = (0, String::new());
        loop {
            let mut tx = self.db.begin().await?;
            let mut seen = 0;
            for row in tx.rows(OLD, binds![at, last]).await? {
                seen += 1;
                last = row.read("key")?;
                if is_needless(&mut tx, &last).await? {
                    all += tx.execute(DELETE, binds![last, at]).await?;
                }
            }
            tx.commit().await?;
            if seen < REQUESTS {
                return Ok(all);
            }
        }
    }
}

/// Returns whether no later request will be compared with this one or replace it.
async fn is_needless(tx: &mut Tx, key: &str) -> Result<bool, Error> {
    match subject(key) {
        RequestSubject::Reaction => Ok(true),
        RequestSubject::Change | RequestSubject::Unknown => Ok(false),
        RequestSubject::PullRequest(id) => {
            let known = pull_requests::load(tx, id).await?;
            let state = known.and_then(|pull_request| pull_request.state);
            Ok(matches!(state, Some(PullRequestState::Closed | PullRequestState::Merged)))
        }
    }
}

/// What a request is about, parsed from its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RequestSubject {
    Reaction,
    /// The one report comment of a pull request.
    Change,
    PullRequest(PullRequestId),
    Unknown,
}

fn subject(key: &str) -> RequestSubject {
    let mut parts = key.splitn(4, '/');
    let kind = parts.next();
    let numbers = parts.next().zip(parts.next());
    let rest = parts.next().unwrap_or_default();
    let numbers = numbers.and_then(|(repository, number)| {
        Some((repository.parse::<i64>().ok()?, number.parse::<i64>().ok()?))
    });
    match (kind, numbers) {
        (Some("reaction"), Some(_)) => RequestSubject::Reaction,
        (Some("comment"), Some(_)) if rest == "<!-- planwright:report -->" => {
            RequestSubject::Change
        }
        (Some("comment" | "check"), Some((repository, number))) => {
            RequestSubject::PullRequest(PullRequestId {
                repository: RepositoryId(repository),
                number: PrNumber(number),
            })
        }
        _ => RequestSubject::Unknown,
    }
}

/// Returns the smallest id of a run that starts at `at`.
fn first_id(at: Timestamp) -> [u8; 16] {
    let mut bytes = [0; 16];
    let millis = u64::try_from(at.as_millisecond()).unwrap_or(0).to_be_bytes();
    bytes[..6].copy_from_slice(&millis[2..]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_what_a_request_is_about() {
        let pull_request = |repository, number| {
            RequestSubject::PullRequest(PullRequestId {
                repository: RepositoryId(repository),
                number: PrNumber(number),
            })
        };
        for (key, expected) in [
            ("reaction/1/99/Seen", RequestSubject::Reaction),
            ("comment/1/7/<!-- planwright:report -->", RequestSubject::Change),
            ("comment/1/7/<!-- planwright:reply:5:0 -->", pull_request(1, 7)),
            ("check/1/7/abc", pull_request(1, 7)),
            ("check/one/7/abc", RequestSubject::Unknown),
            ("label/1/7", RequestSubject::Unknown),
            ("", RequestSubject::Unknown),
        ] {
            assert_eq!(subject(key), expected, "{key}");
        }
    }
}
