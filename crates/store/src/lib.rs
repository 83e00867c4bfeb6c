//! Storage for what has to survive the process: deliveries, jobs, plans, approvals, locks, the
//! journal.
//!
//! One SQL dialect over SQLite (for one machine) and Postgres (for several); one file per table
//! family. Public values are plain data with types of `core`. The current time is always an
//! argument. This crate makes no decisions and knows nothing of GitHub, git or the engine.

mod agent_runs;
mod allowances;
mod approvals;
mod approved_code;
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
mod lifts;
mod outbox;
mod own_branches;
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
mod state_keys;

use jiff::Timestamp;
use tokio::sync::watch;

pub use agent_runs::{AgentFacts, AgentRun, Unfinished};
pub use allowances::Allowance;
pub use approvals::{Approval, ApprovalKind};
pub use approved_code::{ApprovedCode, CodeApproval, CodeBasis};
pub use audit::AuditEntry;
pub use claim::{Claim, HeartbeatReply, Lease, Outcome};
pub use deliveries::{Delivery, Effects, Receipt};
pub use error::Error;
pub use jobs::{Job, JobId, JobKind, JobState, NewJob, RetryPolicy};
pub use journal::{Child, JournalEntry};
pub use lifts::Lift;
pub use outbox::{Request, RequestState, Sending};
pub use plan_sets::{
    PlanInput, PlanKind, PlanSet, PlanSetId, RecordedPlanSet, StackPlan, StateVersion,
};
pub use pull_requests::{HeadBranch, PullRequest, PullRequestId};
pub use pushes::{Push, PushedTo};
pub use queue_stats::QueueStats;
pub use retention::Deleted;
pub use run_notes::{NotedRun, RunLines, RunStep, Stage, StepState, Subject};
pub use runs::{Run, RunId, RunKind, RunState};
pub use stack_locks::{LockAnswer, LockHeld, LockState, QueuePosition, StackLock, Unlock};
pub use stacks::AppliedStack;

use db::Db;
use planwright_core::diagnosis::Tables;

/// The database, and a signal that wakes the workers of this process.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
    wake: watch::Sender<()>,
}

/// Who does something, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp<'a> {
    /// A process name, or the login of a person.
    pub by: &'a str,
    pub at: Timestamp,
}

/// The outcome of a write that only the current holder of a lease or lock may make.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    Written,
    /// Somebody else holds it now, or nobody does; nothing was written.
    Lost,
}

impl Store {
    /// Opens `sqlite:PATH` (creating the file if needed) or `postgres://…`, and migrates its
    /// tables.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Ok(Self { db: connect::open(url).await?, wake: watch::Sender::new(()) })
    }

    /// Returns which tables exist, without creating any. Fails where [`Store::connect`] would.
    pub async fn schema_status(url: &str) -> Result<Tables, Error> {
        schema_status::schema_status(url).await
    }

    /// Fails if the database does not answer; used for the readiness check.
    pub async fn ping(&self) -> Result<(), Error> {
        self.db.row("SELECT name FROM counters", Vec::new()).await.map(drop)
    }

    /// Returns a receiver that changes whenever this process may have made a job claimable.
    ///
    /// Subscribe before looking for a job, and await `changed()` after finding none: unlike a plain
    /// notification, this does not miss a change in between. Changes by other processes do not
    /// show, so a worker also polls and looks at [`Store::next_due`].
    pub fn wakes(&self) -> watch::Receiver<()> {
        self.wake.subscribe()
    }

    fn wake_workers(&self) {
        self.wake.send_replace(());
    }

    /// Closes the connections at an orderly shutdown.
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
