//! Runs that people can look up: of a plan, a drift check, an apply, or the agent.
//!
//! A crash leaves behind a run that was started and never finished; what it did is in the journal.

use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;

use super::{
    Error, LockHeld, PullRequestId, Store, WriteOutcome,
    column::{Column, Row, binds, text_enum},
    db::Tx,
    pull_requests::id_from_row,
    stack_locks,
};

/// The id of a run in logs, comments and page addresses: a UUID v7, which sorts by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub Uuid);

impl RunId {
    /// Returns a new id for a run that starts at `now`.
    pub fn new(now: Timestamp) -> Self {
        let seconds = u64::try_from(now.as_second()).unwrap_or(0);
        let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
        let time = uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanoseconds);
        Self(Uuid::new_v7(time))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Column for RunId {
    type Raw = String;
    fn raw(&self) -> String {
        self.0.to_string()
    }
    fn parse(raw: String) -> Result<Self, String> {
        raw.parse().map(Self).map_err(|e: uuid::Error| e.to_string())
    }
}

text_enum! {
    RunKind { Plan = "plan", Drift = "drift", Apply = "apply", Agent = "agent" }
    RunState {
        Running = "running",
        Succeeded = "succeeded",
        Failed = "failed",
        /// Some stacks were applied and some were not; a person has to decide.
        Partial = "partial",
        Cancelled = "cancelled",
        Superseded = "superseded",
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub id: RunId,
    pub kind: RunKind,
    pub pull_request: PullRequestId,
    pub state: RunState,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
}

impl Run {
    pub(super) fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.read("id")?,
            kind: row.read("kind")?,
            pull_request: id_from_row(row)?,
            state: row.read("state")?,
            started_at: row.read("started_at")?,
            finished_at: row.read_optional("finished_at")?,
        })
    }
}

impl Store {
    /// Starts a run under `lock`; the run is stored durably when this returns. Returns `None` if
    /// one of the locks is no longer held.
    pub async fn start_run(
        &self,
        kind: RunKind,
        lock: &LockHeld,
        now: Timestamp,
    ) -> Result<Option<RunId>, Error> {
        const START: &str = "INSERT INTO runs (id, kind, repository, number, state, started_at) \
             VALUES ($1, $2, $3, $4, 'running', $5)";
        let mut tx = self.db.begin().await?;
        for stack in lock.stacks() {
            if !stack_locks::is_held(&mut tx, lock, stack).await? {
                return Ok(None);
            }
        }
        let id = RunId::new(now);
        let PullRequestId { repository, number } = lock.pull_request();
        tx.execute(START, binds![id, kind, repository, number, now]).await?;
        tx.commit().await?;
        Ok(Some(id))
    }

    /// Ends a run, once; returns `Lost` if it had already ended or does not exist.
    pub async fn finish_run(
        &self,
        id: RunId,
        state: RunState,
        now: Timestamp,
    ) -> Result<WriteOutcome, Error> {
        let mut tx = self.db.begin().await?;
        let fenced = finish(&mut tx, id, state, now).await?;
        tx.commit().await?;
        Ok(fenced)
    }

    pub async fn run(&self, id: RunId) -> Result<Option<Run>, Error> {
        let row = self.db.row("SELECT * FROM runs WHERE id = $1", binds![id]).await?;
        row.as_ref().map(Run::from_row).transpose()
    }

    /// Returns the runs of a pull request, oldest first.
    pub async fn runs(&self, id: PullRequestId) -> Result<Vec<Run>, Error> {
        const LIST: &str = "SELECT * FROM runs WHERE repository = $1 AND number = $2 \
             ORDER BY started_at, id";
        let rows = self.db.rows(LIST, binds![id.repository, id.number]).await?;
        rows.iter().map(Run::from_row).collect()
    }

    /// Returns the runs that were started and not finished; at start-up, those that a crash left
    /// behind.
    pub async fn unfinished_runs(&self, kind: RunKind) -> Result<Vec<Run>, Error> {
        const UNFINISHED: &str =
            "SELECT * FROM runs WHERE state = 'running' AND kind = $1 ORDER BY started_at, id";
        self.db.rows(UNFINISHED, binds![kind]).await?.iter().map(Run::from_row).collect()
    }
}

/// Ends a run within a transaction.
pub(super) async fn finish(
    tx: &mut Tx,
    id: RunId,
    state: RunState,
    now: Timestamp,
) -> Result<WriteOutcome, Error> {
    const FINISH: &str =
        "UPDATE runs SET state = $2, finished_at = $3 WHERE id = $1 AND state = 'running'";
    let touched = tx.execute(FINISH, binds![id, state, now]).await?;
    Ok(if touched == 1 { WriteOutcome::Written } else { WriteOutcome::Lost })
}

/// Returns the apply of a change that was started and has not ended.
pub(super) async fn running_apply(tx: &mut Tx, id: PullRequestId) -> Result<Option<RunId>, Error> {
    const RUNNING: &str = "SELECT id FROM runs WHERE repository = $1 AND number = $2 \
         AND kind = 'apply' AND state = 'running' ORDER BY started_at DESC, id DESC";
    let row = tx.row(RUNNING, binds![id.repository, id.number]).await?;
    row.map(|row| row.read("id")).transpose()
}
