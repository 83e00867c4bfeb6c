//! Agent runs: the append-only log of each, and facts about it that can be queried.
//!
//! The meaning of an event, and whether a log is complete, is decided in `core::agent`.

use jiff::Timestamp;

use planwright_core::{
    agent::event::Entry,
    names::{PrNumber, RepositoryId, Sha},
    verdict,
};

use super::{
    Error, PullRequestId, RunId, Store, WriteOutcome,
    column::{Row, binds},
    db::Tx,
    records::v1,
};

/// An agent run: what can be looked up without reading its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentRun {
    pub id: RunId,
    /// The issue in which the run was requested.
    pub asked_in: PullRequestId,
    pub facts: AgentFacts,
    pub started_at: Timestamp,
}

/// The facts about an agent run that change as its log grows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentFacts {
    pub pull_request: Option<PrNumber>,
    pub is_over: bool,
    /// Whether its pull request may leave draft state.
    pub is_complete: bool,
    /// The head that it published although its work is unfinished.
    pub unfinished: Option<Unfinished>,
    /// Cost so far, in millionths of a dollar.
    pub spent: i64,
}

/// A published head that does not contain everything that was requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    pub head: Sha,
    pub why: verdict::Unfinished,
}

impl AgentRun {
    fn from_row(row: &Row) -> Result<Self, Error> {
        let head: Option<Sha> = row.read_optional("unfinished_head")?;
        let why: Option<String> = row.read_optional("unfinished_why")?;
        let why = why.as_deref().map(v1::unfinished_from_text).transpose().map_err(|e| {
            Error::Column { column: "agent_runs.unfinished_why", why: e.to_string() }
        })?;
        Ok(Self {
            id: row.read("id")?,
            asked_in: PullRequestId {
                repository: row.read("repository")?,
                number: row.read("number")?,
            },
            facts: AgentFacts {
                pull_request: row.read_optional("pull_request")?,
                is_over: row.read("is_over")?,
                is_complete: row.read("is_complete")?,
                unfinished: head.zip(why).map(|(head, why)| Unfinished { head, why }),
                spent: row.read("spent")?,
            },
            started_at: row.read("started_at")?,
        })
    }
}

async fn insert(tx: &mut Tx, run: RunId, entry: &Entry) -> Result<u64, Error> {
    const APPEND: &str = "INSERT INTO agent_events (run, seq, at, body, hash) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    let seq = i64::try_from(entry.seq).unwrap_or(i64::MAX);
    let cells = binds![run, seq, entry.at, entry.text, entry.hash];
    tx.execute(APPEND, cells).await
}

impl Store {
    /// Starts a run with the first entry of its log, or returns the run that the same `request`
    /// started before.
    pub async fn start_agent_run(
        &self,
        request: &str,
        asked_in: PullRequestId,
        first: &Entry,
    ) -> Result<AgentRun, Error> {
        const START: &str = "INSERT INTO agent_runs (id, request, repository, number, is_over, \
             is_complete, spent, started_at, changed_at) VALUES ($1, $2, $3, $4, 0, 0, 0, $5, $5) \
             ON CONFLICT (request) DO NOTHING";
        const FIND: &str = "SELECT * FROM agent_runs WHERE request = $1";
        let id = RunId::new(first.at);
        let PullRequestId { repository, number } = asked_in;
        let mut tx = self.db.begin().await?;
        let started = tx.execute(START, binds![id, request, repository, number, first.at]).await?;
        if started == 1 {
            insert(&mut tx, id, first).await?;
        }
        let row = tx.row(FIND, binds![request]).await?;
        let missing = || Error::Column { column: "agent_runs.request", why: "null".into() };
        let run = AgentRun::from_row(&row.ok_or_else(missing)?)?;
        tx.commit().await?;
        Ok(run)
    }

    /// Appends the next entry; returns `Lost` if somebody else appended one in the meantime.
    pub async fn append_agent_event(
        &self,
        run: RunId,
        entry: &Entry,
        facts: &AgentFacts,
    ) -> Result<WriteOutcome, Error> {
        const FACTS: &str = "UPDATE agent_runs SET pull_request = $2, is_over = $3, \
             is_complete = $4, spent = $5, unfinished_head = $6, unfinished_why = $7, \
             changed_at = $8 WHERE id = $1";
        let mut tx = self.db.begin().await?;
        if insert(&mut tx, run, entry).await? == 0 {
            return Ok(WriteOutcome::Lost);
        }
        let AgentFacts { pull_request, is_over, is_complete, unfinished, spent } = facts.clone();
        let (head, why) = unfinished.map(|it| (it.head, v1::unfinished_to_text(&it.why))).unzip();
        let cells = binds![run, pull_request, is_over, is_complete, spent, head, why, entry.at];
        tx.execute(FACTS, cells).await?;
        tx.commit().await?;
        Ok(WriteOutcome::Written)
    }

    /// Returns the whole log of a run, in order.
    pub async fn agent_log(&self, run: RunId) -> Result<Vec<Entry>, Error> {
        const LOG: &str =
            "SELECT seq, at, body, hash FROM agent_events WHERE run = $1 ORDER BY seq";
        let rows = self.db.rows(LOG, binds![run]).await?;
        rows.iter().map(entry).collect()
    }

    pub async fn agent_run(&self, run: RunId) -> Result<Option<AgentRun>, Error> {
        let row = self.db.row("SELECT * FROM agent_runs WHERE id = $1", binds![run]).await?;
        row.as_ref().map(AgentRun::from_row).transpose()
    }

    /// Returns the runs that were requested in an issue, oldest first.
    pub async fn agent_runs(&self, issue: PullRequestId) -> Result<Vec<AgentRun>, Error> {
        const LIST: &str = "SELECT * FROM agent_runs WHERE repository = $1 AND number = $2 \
             ORDER BY started_at, id";
        let rows = self.db.rows(LIST, binds![issue.repository, issue.number]).await?;
        rows.iter().map(AgentRun::from_row).collect()
    }

    /// Returns the newest run that opened this pull request.
    pub async fn agent_run_of_pull_request(
        &self,
        id: PullRequestId,
    ) -> Result<Option<AgentRun>, Error> {
        const FIND: &str = "SELECT * FROM agent_runs WHERE repository = $1 AND pull_request = $2 \
             ORDER BY started_at DESC, id DESC";
        let row = self.db.row(FIND, binds![id.repository, id.number]).await?;
        row.as_ref().map(AgentRun::from_row).transpose()
    }

    /// Returns what the runs of a repository that changed since `since` have cost, in millionths of
    /// a dollar.
    pub async fn agent_spending(
        &self,
        repository: RepositoryId,
        since: Timestamp,
    ) -> Result<i64, Error> {
        // `SUM` returns a different type in each database, so the sum is computed here.
        const SPENT: &str =
            "SELECT spent FROM agent_runs WHERE repository = $1 AND changed_at >= $2";
        let rows = self.db.rows(SPENT, binds![repository, since]).await?;
        rows.iter().try_fold(0_i64, |sum, row| Ok(sum.saturating_add(row.read("spent")?)))
    }
}

fn entry(row: &Row) -> Result<Entry, Error> {
    let text: String = row.read("body")?;
    let event = v1::event_from_text(&text)
        .map_err(|e| Error::Column { column: "agent_events.body", why: e.to_string() })?;
    let seq: i64 = row.read("seq")?;
    Ok(Entry {
        seq: u64::try_from(seq).unwrap_or(u64::MAX),
        at: row.read("at")?,
        event,
        text,
        hash: row.read("hash")?,
    })
}
