//! The journal: the steps of a run, each recorded before and after it is done. Append-only.
//!
//! After a crash, recovery depends on it. What follows from it is decided elsewhere.

use jiff::Timestamp;
use serde_json::Value as Json;

use planwright_core::names::StackId;

use super::{
    Error, RunId, Store,
    column::{Row, binds},
    db::Counter,
};

/// A process that outlives the bot if the bot dies. Process ids are reused, so both numbers are
/// needed to identify it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Child {
    pub pid: i64,
    /// The start time in the operating system's unit; it is only compared for equality.
    pub started: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct JournalEntry {
    /// The stack that the step is about; `None` for a step of the whole run.
    pub stack: Option<StackId>,
    /// A word, such as `applying`.
    pub step: String,
    pub detail: Json,
    pub child: Option<Child>,
    pub at: Timestamp,
}

impl JournalEntry {
    fn from_row(row: &Row) -> Result<Self, Error> {
        let pid = row.read_optional("pid")?;
        let started = row.read_optional("process_started")?;
        Ok(Self {
            stack: row.read_optional("stack")?,
            step: row.read("step")?,
            detail: row.read("detail")?,
            child: pid.zip(started).map(|(pid, started)| Child { pid, started }),
            at: row.read("written_at")?,
        })
    }
}

impl Store {
    /// Records a step; it is on disk when this returns.
    pub async fn journal(&self, run: RunId, entry: &JournalEntry) -> Result<(), Error> {
        const WRITE: &str = "INSERT INTO journal \
             (id, run, stack, step, detail, pid, process_started, written_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let mut tx = self.db.begin().await?;
        let id = tx.next(Counter::Journal).await?;
        let cells = binds![
            id,
            run,
            entry.stack,
            entry.step,
            entry.detail,
            entry.child.map(|child| child.pid),
            entry.child.map(|child| child.started),
            entry.at,
        ];
        tx.execute(WRITE, cells).await?;
        tx.commit().await
    }

    /// Returns the steps of a run in the order in which they were recorded.
    pub async fn steps(&self, run: RunId) -> Result<Vec<JournalEntry>, Error> {
        const STEPS: &str = "SELECT * FROM journal WHERE run = $1 ORDER BY id";
        let rows = self.db.rows(STEPS, binds![run]).await?;
        rows.iter().map(JournalEntry::from_row).collect()
    }
}
