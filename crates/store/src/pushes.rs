//! Pushes, each recorded when it arrives, even before its branch has a pull request. Append-only.
//!
//! Whoever pushed shaped the configuration and so is a principal of the change.

use std::collections::BTreeMap;

use jiff::Timestamp;

use planwright_core::names::{BranchName, Login, RepositoryId, Sha, UserId};

use super::{Error, Store, column::binds, db::Tx};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    pub repository: RepositoryId,
    /// The full ref, as GitHub sends it: `refs/heads/main`.
    pub git_ref: String,
    /// Forty zeros if the push created the branch.
    pub before: Sha,
    /// Forty zeros if the push deleted the branch.
    pub after: Sha,
    pub user: UserId,
    pub login: Login,
    pub at: Timestamp,
}

pub(super) async fn record(tx: &mut Tx, push: &Push) -> Result<(), Error> {
    const RECORD: &str = "INSERT INTO pushes \
         (repository, git_ref, before_sha, after_sha, user_id, login, pushed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
    let cells = binds![
        push.repository,
        push.git_ref,
        push.before,
        push.after,
        push.user,
        push.login,
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

    /// Returns who ever pushed to `branch`, or pushed one of `heads` to any branch.
    ///
    /// Pushes to an earlier, deleted branch of the same name count too: one principal too many
    /// means that another approver is needed, but one too few could approve their own change.
    pub async fn pushers(
        &self,
        repository: RepositoryId,
        branch: &BranchName,
        heads: &[Sha],
    ) -> Result<BTreeMap<UserId, Login>, Error> {
        // The two databases have no common way to bind a list. Hashes all have the same length and
        // alphabet, so one can be searched for in a text that contains all of them.
        const PUSHERS: &str = "SELECT user_id, login FROM pushes WHERE repository = $1 \
             AND (git_ref = $2 OR $3 LIKE '%' || after_sha || '%') ORDER BY pushed_at";
        let heads: String = heads.iter().flat_map(|head| [head.as_str(), " "]).collect();
        let git_ref = format!("refs/heads/{branch}");
        let rows = self.db.rows(PUSHERS, binds![repository, git_ref, heads]).await?;
        rows.iter().map(|row| Ok((row.read("user_id")?, row.read("login")?))).collect()
    }
}
