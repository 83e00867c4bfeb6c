//! What is stored of each pull request: its generation, cancellation, last known head and state,
//! and the branch of its head.
//!
//! The *generation* rises with each delivery that makes earlier work stale. A job has the
//! generation at which it was enqueued, so a running job can see that it is superseded or
//! cancelled.

use std::fmt;

use jiff::Timestamp;

use planwright_core::{
    names::{BranchName, PrNumber, RepositoryId, Sha},
    pull_request::PullRequestState,
};

use super::{
    Error, Store,
    column::{Column, Row, binds},
    db::Tx,
};

/// A pull request, identified by numbers that never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PullRequestId {
    pub repository: RepositoryId,
    pub number: PrNumber,
}

impl fmt::Display for PullRequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.repository, self.number)
    }
}

impl Column for PullRequestState {
    type Raw = String;
    fn raw(&self) -> String {
        let word = match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Merged => "merged",
        };
        word.to_owned()
    }
    fn parse(raw: String) -> Result<Self, String> {
        match raw.as_str() {
            "open" => Ok(Self::Open),
            "closed" => Ok(Self::Closed),
            "merged" => Ok(Self::Merged),
            other => Err(format!("`{other}` where one of open, closed, merged should be")),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    pub id: PullRequestId,
    pub generation: i64,
    /// Jobs of this generation and earlier ones are to stop.
    pub cancel_requested: Option<i64>,
    /// The last known head; `None` until the pull request is first read from GitHub.
    pub head: Option<Sha>,
    pub state: Option<PullRequestState>,
}

/// Where the head of a pull request is, and when it was merged by GitHub's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadBranch {
    /// `None` if it was a fork that is deleted.
    pub repository: Option<RepositoryId>,
    pub name: BranchName,
    pub merged_at: Option<Timestamp>,
}

impl PullRequest {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            id: id_from_row(row)?,
            generation: row.read("generation")?,
            cancel_requested: row.read_optional("cancel_requested")?,
            head: row.read_optional("head")?,
            state: row.read_optional("state")?,
        })
    }
}

/// Reads the columns `repository` and `number`, which most tables have.
pub(super) fn id_from_row(row: &Row) -> Result<PullRequestId, Error> {
    Ok(PullRequestId { repository: row.read("repository")?, number: row.read("number")? })
}

/// Makes all queued jobs of the pull request stale; returns the new generation.
pub(super) async fn raise_generation(tx: &mut Tx, id: PullRequestId) -> Result<i64, Error> {
    const RAISE: &str = "INSERT INTO pull_requests (repository, number, generation) \
         VALUES ($1, $2, 1) ON CONFLICT (repository, number) \
         DO UPDATE SET generation = pull_requests.generation + 1 RETURNING generation";
    let rows = tx.rows(RAISE, binds![id.repository, id.number]).await?;
    rows.first().map_or(Ok(0), |row| row.read("generation"))
}

const SELECT: &str = "SELECT repository, number, generation, cancel_requested, head, state \
     FROM pull_requests WHERE repository = $1 AND number = $2";

/// Returns the pull request as this transaction sees it.
pub(super) async fn load(tx: &mut Tx, id: PullRequestId) -> Result<Option<PullRequest>, Error> {
    let row = tx.row(SELECT, binds![id.repository, id.number]).await?;
    row.as_ref().map(PullRequest::from_row).transpose()
}

impl Store {
    /// Makes all queued jobs of the pull request stale; returns the new generation.
    pub async fn raise_generation(&self, id: PullRequestId) -> Result<i64, Error> {
        let mut tx = self.db.begin().await?;
        let generation = raise_generation(&mut tx, id).await?;
        tx.commit().await?;
        Ok(generation)
    }

    /// Returns the generation; 0 for an unknown pull request.
    pub async fn generation(&self, id: PullRequestId) -> Result<i64, Error> {
        Ok(self.pull_request(id).await?.map_or(0, |pull_request| pull_request.generation))
    }

    /// Asks the jobs of `generation` and earlier ones to stop.
    ///
    /// `generation` is the one at the time of the person's request, not the newest: work that is
    /// started afterwards has a higher one and goes on.
    pub async fn request_cancel(&self, id: PullRequestId, generation: i64) -> Result<(), Error> {
        const CANCEL: &str = "INSERT INTO pull_requests \
             (repository, number, generation, cancel_requested) VALUES ($1, $2, $3, $3) \
             ON CONFLICT (repository, number) DO UPDATE SET cancel_requested = \
             CASE WHEN pull_requests.cancel_requested > $3 \
             THEN pull_requests.cancel_requested ELSE $3 END";
        let cells = binds![id.repository, id.number, generation];
        self.db.execute(CANCEL, cells).await.map(drop)
    }

    /// Records the head and state that GitHub returned. `Merged` is final: another state was read
    /// before the merge.
    pub async fn record_pull_request(
        &self,
        id: PullRequestId,
        head: &Sha,
        state: PullRequestState,
    ) -> Result<(), Error> {
        const RECORD: &str = "INSERT INTO pull_requests (repository, number, generation, head, state) \
             VALUES ($1, $2, 0, $3, $4) ON CONFLICT (repository, number) \
             DO UPDATE SET head = excluded.head, state = excluded.state \
             WHERE pull_requests.state IS NULL OR pull_requests.state <> 'merged'";
        let cells = binds![id.repository, id.number, head, state];
        self.db.execute(RECORD, cells).await.map(drop)
    }

    /// Records the branch of a recorded pull request. A deleted fork and a merge are not forgotten.
    pub async fn record_head_branch(
        &self,
        id: PullRequestId,
        branch: &HeadBranch,
    ) -> Result<(), Error> {
        const RECORD: &str = "UPDATE pull_requests \
             SET head_repository = COALESCE($3, head_repository), head_ref = $4, \
             merged_at = COALESCE($5, merged_at) WHERE repository = $1 AND number = $2";
        let cells =
            binds![id.repository, id.number, branch.repository, branch.name, branch.merged_at];
        self.db.execute(RECORD, cells).await.map(drop)
    }

    pub async fn pull_request(&self, id: PullRequestId) -> Result<Option<PullRequest>, Error> {
        let row = self.db.row(SELECT, binds![id.repository, id.number]).await?;
        row.as_ref().map(PullRequest::from_row).transpose()
    }

    /// Returns all pull requests of a repository in one state, by number.
    pub async fn pull_requests_in(
        &self,
        repository: RepositoryId,
        state: PullRequestState,
    ) -> Result<Vec<PullRequest>, Error> {
        const LIST: &str = "SELECT repository, number, generation, cancel_requested, head, state \
             FROM pull_requests WHERE repository = $1 AND state = $2 ORDER BY number";
        let rows = self.db.rows(LIST, binds![repository, state]).await?;
        rows.iter().map(PullRequest::from_row).collect()
    }
}
