//! What has to survive the process: deliveries, jobs, plans, approvals, locks, the journal.
//!
//! One SQL dialect over SQLite (one machine) and Postgres (several); one file per table family.
//! Public values are plain data with domain types. Every time is an argument, there is no clock
//! here; no decision is made here either, and nothing is known of GitHub, git or the engine.

mod agent_runs;
mod allowances;
mod approvals;
mod audit;
mod claim;
mod column;
mod connect;
mod db;
mod deliveries;
mod error;
mod issue_labels;
mod jobs;
mod journal;
mod outbox;
mod plan_sets;
mod pull_requests;
mod pushes;
mod queue_stats;
pub mod records;
mod retention;
mod run_notes;
mod runs;
mod schema_status;
mod stack_locks;
mod stacks;

use jiff::Timestamp;
use tokio::sync::watch;

pub use agent_runs::{AgentFacts, AgentRun, Unfinished};
pub use allowances::Allowance;
pub use approvals::{Approval, ApprovalKind};
pub use audit::AuditEntry;
pub use claim::{Claim, HeartbeatReply, Lease, Outcome};
pub use deliveries::{Delivery, Effects, Receipt};
pub use error::Error;
pub use jobs::{Job, JobId, JobKind, JobState, NewJob, RetryPolicy};
pub use journal::{Child, JournalEntry};
pub use outbox::{Request, RequestState, Sending};
pub use plan_sets::{
    PlanInput, PlanKind, PlanSet, PlanSetId, RecordedPlanSet, StackPlan, StateVersion,
};
pub use pull_requests::{PullRequest, PullRequestId};
pub use pushes::Push;
pub use queue_stats::QueueStats;
pub use retention::Deleted;
pub use run_notes::{NotedRun, RunLines, RunStep, Stage, StepState, Subject};
pub use runs::{Run, RunId, RunKind, RunState};
pub use stack_locks::{LockAnswer, LockHeld, LockState, QueuePosition, StackLock, Unlock};
pub use stacks::AppliedStack;

use db::Db;
use planwright_core::diagnosis::Tables;

/// The database, and the word to the workers of this process that there is something to do.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
    wake: watch::Sender<()>,
}

/// Who does something, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp<'a> {
    /// A process, or the login of a person.
    pub by: &'a str,
    pub at: Timestamp,
}

/// What became of a write that only the present holder of a lease or lock may make.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    Written,
    /// Someone else holds it now (or nobody does): nothing was written.
    Lost,
}

impl Store {
    /// Opens `sqlite:PATH` (the file is made where there is none) or `postgres://…`, and brings its
    /// tables up to date.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Ok(Self { db: connect::open(url).await?, wake: watch::Sender::new(()) })
    }

    /// What tables are there, without making any; errors where [`Store::connect`] would.
    pub async fn schema_status(url: &str) -> Result<Tables, Error> {
        schema_status::schema_status(url).await
    }

    /// Whether the database answers, for readiness.
    pub async fn ping(&self) -> Result<(), Error> {
        self.db.row("SELECT name FROM counters", Vec::new()).await.map(drop)
    }

    /// Changes whenever this process may have made a job claimable.
    ///
    /// Subscribe before looking for a job, and await `changed()` after finding none: a change in
    /// between is not missed, which a plain notification would be. Other processes are not heard;
    /// a worker also looks at [`Store::next_due`] and polls.
    pub fn wakes(&self) -> watch::Receiver<()> {
        self.wake.subscribe()
    }

    fn wake_workers(&self) {
        self.wake.send_replace(());
    }

    /// Closes the connections, when the process ends in order.
    pub async fn close(&self) {
        match &self.db {
            Db::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Db::Postgres(pool) => pool.close().await,
        }
    }
}
