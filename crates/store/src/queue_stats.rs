//! How much waits in the queue, for metrics.

use jiff::Timestamp;

use super::{Error, JobKind, JobState, Store, column::binds};

/// The jobs of one kind that are in one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueStats {
    pub kind: JobKind,
    /// Open or running.
    pub state: JobState,
    pub jobs: i64,
    /// Since when the oldest of them could have been begun; none where all wait for a time or run.
    pub due_since: Option<Timestamp>,
}

impl Store {
    /// Returns what waits and what runs, by kind and state.
    pub async fn queue_stats(&self, now: Timestamp) -> Result<Vec<QueueStats>, Error> {
        const STATS: &str = "SELECT kind, state, COUNT(*) AS jobs, \
             MIN(CASE WHEN state = 'open' AND run_at <= $1 THEN run_at END) AS due \
             FROM jobs WHERE state IN ('open', 'running') GROUP BY kind, state ORDER BY kind, state";
        let mut stats = Vec::new();
        for row in self.db.rows(STATS, binds![now]).await? {
            stats.push(QueueStats {
                kind: row.read("kind")?,
                state: row.read("state")?,
                jobs: row.read("jobs")?,
                due_since: row.read_optional("due")?,
            });
        }
        Ok(stats)
    }
}
