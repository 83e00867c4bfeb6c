//! Statistics of the job queue, for metrics.

use jiff::Timestamp;

use super::{Error, JobKind, JobState, Store, column::binds};

/// Statistics of the jobs of one kind in one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueStats {
    pub kind: JobKind,
    /// `Open` or `Running`.
    pub state: JobState,
    pub jobs: i64,
    /// When the oldest of them became due; `None` if all wait for a later time or are running.
    pub due_since: Option<Timestamp>,
}

impl Store {
    /// Returns the open and running jobs by kind and state.
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
