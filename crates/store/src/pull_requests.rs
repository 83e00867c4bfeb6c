//! What is remembered of each pull request: its generation, who may stop its jobs, its last head.
//!
//! The *generation* rises with each delivery that makes earlier work stale. A job carries the one it
//! was enqueued under, so a running job can see that it is superseded or cancelled.

use std::fmt;

use planwright_core::{
    names::{PrNumber, RepositoryId, Sha},
    pull_request::PullRequestState,
};

use super::{
    Error, Store,
    column::{Column, Row, binds},
    db::Tx,
};

/// A pull request, by what never changes.
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
    /// Jobs of this generation and of earlier ones are to stop.
    pub cancel_requested: Option<i64>,
    /// As last seen; unknown before the first look.
    pub head: Option<Sha>,
    pub state: Option<PullRequestState>,
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

/// The columns `repository` and `number`, which most tables have.
pub(super) fn id_from_row(row: &Row) -> Result<PullRequestId, Error> {
    Ok(PullRequestId { repository: row.read("repository")?, number: row.read("number")? })
}

/// Makes all jobs of the pull request that stand in the queue stale; returns the new generation.
pub(super) async fn raise_generation(tx: &mut Tx, id: PullRequestId) -> Result<i64, Error> {
    const RAISE: &str = "INSERT INTO pull_requests (repository, number, generation) \
         VALUES ($1, $2, 1) ON CONFLICT (repository, number) \
         DO UPDATE SET generation = pull_requests.generation + 1 RETURNING generation";
    let rows = tx.rows(RAISE, binds![id.repository, id.number]).await?;
    rows.first().map_or(Ok(0), |row| row.read("generation"))
}

const SELECT: &str = "SELECT repository, number, generation, cancel_requested, head, state \
     FROM pull_requests WHERE repository = $1 AND number = $2";

/// As this transaction sees it.
pub(super) async fn load(tx: &mut Tx, id: PullRequestId) -> Result<Option<PullRequest>, Error> {
    let row = tx.row(SELECT, binds![id.repository, id.number]).await?;
    row.as_ref().map(PullRequest::from_row).transpose()
}

impl Store {
    /// Makes all jobs of the pull request that stand in the queue stale; returns the new generation.
    pub async fn raise_generation(&self, id: PullRequestId) -> Result<i64, Error> {
        let mut tx = self.db.begin().await?;
        let generation = raise_generation(&mut tx, id).await?;
        tx.commit().await?;
        Ok(generation)
    }

    /// The generation, 0 for a pull request never heard of.
    pub async fn generation(&self, id: PullRequestId) -> Result<i64, Error> {
        Ok(self.pull_request(id).await?.map_or(0, |pull_request| pull_request.generation))
    }

    /// Tells the jobs of `generation` and earlier ones to stop.
    ///
    /// `generation` is the one that the person saw who asked, not the newest; whatever starts work
    /// anew afterwards raises it.
    pub async fn request_cancel(&self, id: PullRequestId, generation: i64) -> Result<(), Error> {
        const CANCEL: &str = "INSERT INTO pull_requests \
             (repository, number, generation, cancel_requested) VALUES ($1, $2, $3, $3) \
             ON CONFLICT (repository, number) DO UPDATE SET cancel_requested = \
             CASE WHEN pull_requests.cancel_requested > $3 \
             THEN pull_requests.cancel_requested ELSE $3 END";
        let cells = binds![id.repository, id.number, generation];
        self.db.execute(CANCEL, cells).await.map(drop)
    }

    /// Remembers what a look at GitHub showed. Merged is for good: whoever says otherwise looked
    /// before that.
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

    pub async fn pull_request(&self, id: PullRequestId) -> Result<Option<PullRequest>, Error> {
        let row = self.db.row(SELECT, binds![id.repository, id.number]).await?;
        row.as_ref().map(PullRequest::from_row).transpose()
    }

    /// All of a repository in one state, by number.
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
