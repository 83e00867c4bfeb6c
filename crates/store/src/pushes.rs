//! Pushes, each recorded when it arrives, even before its branch has a pull request. Append-only.
//!
//! Whoever pushed shaped the configuration and so is a principal of the change. Who is one is
//! decided in `core::people`.

use jiff::{SignedDuration, Timestamp};

use planwright_core::{
    names::{BranchName, Login, RepositoryId, Sha, UserId},
    people::{self, PushKind},
};

use super::{
    Error, PullRequestId, Store,
    column::{Column, Row, binds},
    db::Tx,
};

/// How much earlier than the merge of an earlier pull request a push may seem to have arrived and
/// still count: merges are dated by GitHub's clock, pushes by ours.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    pub repository: RepositoryId,
    /// The full ref, as GitHub sends it: `refs/heads/main`.
    pub git_ref: String,
    /// Forty zeros if the push created the branch.
    pub before: Sha,
    /// Forty zeros if the push deleted the branch, or if somebody asked for one.
    pub after: Sha,
    pub user: UserId,
    pub login: Login,
    pub kind: PushKind,
    pub at: Timestamp,
}

/// The pull request whose pushes are wanted.
#[derive(Clone, Copy, Debug)]
pub struct PushedTo<'a> {
    pub pull_request: PullRequestId,
    /// The repository of its head, which may be a fork; `None` if that is deleted.
    pub repository: Option<RepositoryId>,
    pub branch: &'a BranchName,
    pub opened_at: Timestamp,
    pub commits: &'a [Sha],
}

impl Column for PushKind {
    type Raw = String;
    fn raw(&self) -> String {
        let word = match self {
            Self::Push => "push",
            Self::Deletion => "deletion",
            Self::Asked => "asked",
        };
        word.to_owned()
    }
    fn parse(raw: String) -> Result<Self, String> {
        match raw.as_str() {
            "push" => Ok(Self::Push),
            "deletion" => Ok(Self::Deletion),
            "asked" => Ok(Self::Asked),
            other => Err(format!("`{other}` where one of push, deletion, asked should be")),
        }
    }
}

pub(super) async fn record(tx: &mut Tx, push: &Push) -> Result<(), Error> {
    const RECORD: &str = "INSERT INTO pushes \
         (repository, git_ref, before_sha, after_sha, user_id, login, what, pushed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
    let cells = binds![
        push.repository,
        push.git_ref,
        push.before,
        push.after,
        push.user,
        push.login,
        push.kind,
        push.at,
    ];
    tx.execute(RECORD, cells).await.map(drop)
}

impl Store {
    /// Records a push for which no webhook arrives; recording it again changes nothing.
    pub async fn record_push(&self, push: &Push) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        record(&mut tx, push).await?;
        tx.commit().await
    }

    /// Returns the pushes to the branch of a pull request, and of its commits to any branch, oldest
    /// first.
    ///
    /// Pushes to an earlier, deleted branch of the same name count too, unless it was merged before
    /// this pull request was opened: one principal too many means that another approver is needed,
    /// but one too few could approve their own change.
    pub async fn pushes_to(&self, of: &PushedTo<'_>) -> Result<Vec<people::Push>, Error> {
        // The two databases have no common way to bind a list. Hashes all have the same length and
        // alphabet, so one can be searched for in a text that contains all of them.
        const PUSHES: &str = "SELECT before_sha, after_sha, user_id, login, what FROM pushes \
             WHERE (repository = $1 AND git_ref = $2 AND pushed_at > $3) \
             OR (repository = $4 AND git_ref = $5) \
             OR ((repository = $1 OR repository = $4) AND $6 LIKE '%' || after_sha || '%') \
             ORDER BY pushed_at";
        let id = of.pull_request;
        let commits: String = of.commits.iter().flat_map(|sha| [sha.as_str(), " "]).collect();
        let cells = binds![
            of.repository,
            format!("refs/heads/{}", of.branch),
            self.merged_before(of).await?,
            id.repository,
            format!("refs/pull/{}/head", id.number),
            commits,
        ];
        self.db.rows(PUSHES, cells).await?.iter().map(from_row).collect()
    }

    /// Returns the time from which on pushes to the branch belong to the pull request.
    async fn merged_before(&self, of: &PushedTo<'_>) -> Result<Timestamp, Error> {
        const MERGED: &str = "SELECT MAX(merged_at) AS merged_at FROM pull_requests \
             WHERE head_repository = $1 AND head_ref = $2 AND merged_at <= $3 \
             AND NOT (repository = $4 AND number = $5)";
        let id = of.pull_request;
        let cells = binds![of.repository, of.branch, of.opened_at, id.repository, id.number];
        let row = self.db.row(MERGED, cells).await?;
        let merged_at: Option<Timestamp> =
            row.map(|row| row.read_optional("merged_at")).transpose()?.flatten();
        Ok(merged_at.and_then(|at| at.checked_sub(SKEW).ok()).unwrap_or(Timestamp::UNIX_EPOCH))
    }
}

fn from_row(row: &Row) -> Result<people::Push, Error> {
    let sha = |column| Ok::<_, Error>(Some(row.read(column)?).filter(|sha: &Sha| !sha.is_zero()));
    let after = sha("after_sha")?;
    // Of an old row nobody knows whether somebody asked or only deleted the branch, so it counts.
    let guessed = if after.is_none() { PushKind::Asked } else { PushKind::Push };
    Ok(people::Push {
        before: sha("before_sha")?,
        after,
        by: row.read("user_id")?,
        login: row.read("login")?,
        kind: row.read_optional("what")?.unwrap_or(guessed),
    })
}
