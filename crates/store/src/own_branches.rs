//! The branches that the bot made, and where it left them.
//!
//! What that means for a branch of such a name is decided in `core::proposal`.

use jiff::Timestamp;

use planwright_core::{
    names::{BranchName, PrNumber, RepositoryId, Sha},
    proposal::OwnBranch,
};

use super::{Error, Store, column::binds};

impl Store {
    /// Records that the bot is about to make a branch at `base`. What was remembered of an earlier
    /// one of that name is forgotten.
    pub async fn record_own_branch(
        &self,
        repository: RepositoryId,
        branch: &BranchName,
        base: &Sha,
        at: Timestamp,
    ) -> Result<(), Error> {
        const RECORD: &str = "INSERT INTO own_branches (repository, branch, base, made_at) \
             VALUES ($1, $2, $3, $4) ON CONFLICT (repository, branch) DO UPDATE SET \
             base = excluded.base, head = NULL, pull_request = NULL, made_at = excluded.made_at";
        self.db.execute(RECORD, binds![repository, branch, base, at]).await.map(drop)
    }

    /// Forgets a branch that the bot could not make.
    pub async fn forget_own_branch(
        &self,
        repository: RepositoryId,
        branch: &BranchName,
    ) -> Result<(), Error> {
        const FORGET: &str = "DELETE FROM own_branches WHERE repository = $1 AND branch = $2";
        self.db.execute(FORGET, binds![repository, branch]).await.map(drop)
    }

    /// Records where the bot left a branch of its own.
    pub async fn record_own_head(
        &self,
        repository: RepositoryId,
        branch: &BranchName,
        head: &Sha,
    ) -> Result<(), Error> {
        const HEAD: &str =
            "UPDATE own_branches SET head = $3 WHERE repository = $1 AND branch = $2";
        self.db.execute(HEAD, binds![repository, branch, head]).await.map(drop)
    }

    /// Records the pull request that was opened from a branch of the bot.
    pub async fn record_own_pull_request(
        &self,
        repository: RepositoryId,
        branch: &BranchName,
        number: PrNumber,
    ) -> Result<(), Error> {
        const OPENED: &str =
            "UPDATE own_branches SET pull_request = $3 WHERE repository = $1 AND branch = $2";
        self.db.execute(OPENED, binds![repository, branch, number]).await.map(drop)
    }

    pub async fn own_branch(
        &self,
        repository: RepositoryId,
        branch: &BranchName,
    ) -> Result<Option<OwnBranch>, Error> {
        const OWN: &str = "SELECT base, head, pull_request FROM own_branches \
             WHERE repository = $1 AND branch = $2";
        let Some(row) = self.db.row(OWN, binds![repository, branch]).await? else {
            return Ok(None);
        };
        Ok(Some(OwnBranch {
            base: row.read("base")?,
            head: row.read_optional("head")?,
            pull_request: row.read_optional("pull_request")?,
        }))
    }
}
