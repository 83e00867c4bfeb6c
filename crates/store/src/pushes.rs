//! Every push, stored when it arrives, also before its branch has a pull request.
//!
//! Who pushed shaped the configuration, so this is where principals come from. Append-only.

use std::collections::BTreeMap;

use jiff::Timestamp;

use planwright_core::names::{BranchName, Login, RepositoryId, Sha, UserId};

use super::{Error, Store, column::binds, db::Tx};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    pub repository: RepositoryId,
    /// In full, as GitHub sends it: `refs/heads/main`.
    pub git_ref: String,
    /// Forty zeros when the push made the branch.
    pub before: Sha,
    /// Forty zeros when the push deleted it.
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
    /// Notes a push that no webhook tells of; the second time changes nothing.
    pub async fn record_push(&self, push: &Push) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        record(&mut tx, push).await?;
        tx.commit().await
    }

    /// Who ever pushed to `branch`, or pushed one of `heads` to any branch.
    ///
    /// A branch of that name that was deleted before counts too: one principal too many is asked for
    /// another approver, one too few approves their own change.
    pub async fn pushers(
        &self,
        repository: RepositoryId,
        branch: &BranchName,
        heads: &[Sha],
    ) -> Result<BTreeMap<UserId, Login>, Error> {
        // A list cannot be bound in a way that both databases know; ids of one length and alphabet
        // can be looked for in a text that holds them all.
        const PUSHERS: &str = "SELECT user_id, login FROM pushes WHERE repository = $1 \
             AND (git_ref = $2 OR $3 LIKE '%' || after_sha || '%') ORDER BY pushed_at";
        let heads: String = heads.iter().flat_map(|head| [head.as_str(), " "]).collect();
        let git_ref = format!("refs/heads/{branch}");
        let rows = self.db.rows(PUSHERS, binds![repository, git_ref, heads]).await?;
        rows.iter().map(|row| Ok((row.read("user_id")?, row.read("login")?))).collect()
    }
}
