//! What was last applied to each stack.
//!
//! Only the holder of a stack's lock writes here. Whether a merge is newer than what was applied is
//! determined from git, elsewhere.

use jiff::Timestamp;

use planwright_core::{
    digest::Digest,
    names::{PrNumber, RepositoryId, Sha, StackId},
};

use super::{
    Error, LockHeld, Store, WriteOutcome,
    column::{Row, binds},
    stack_locks,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedStack {
    pub stack: StackId,
    /// The merge commit whose tree was applied.
    pub commit: Sha,
    pub number: PrNumber,
    pub input_digest: Digest,
    pub at: Timestamp,
    /// Whether the stack was destroyed and no longer exists.
    pub removed: bool,
}

impl AppliedStack {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            stack: row.read("stack")?,
            commit: row.read("applied_commit")?,
            number: row.read("applied_number")?,
            input_digest: row.read("input_digest")?,
            at: row.read("applied_at")?,
            removed: row.read("removed")?,
        })
    }
}

impl Store {
    /// Records what was applied, if `lock` still holds that stack.
    pub async fn record_applied(
        &self,
        lock: &LockHeld,
        applied: &AppliedStack,
    ) -> Result<WriteOutcome, Error> {
        const RECORD: &str = "INSERT INTO stacks (repository, stack, applied_commit, \
             applied_number, input_digest, applied_at, removed) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (repository, stack) DO UPDATE SET \
             applied_commit = excluded.applied_commit, applied_number = excluded.applied_number, \
             input_digest = excluded.input_digest, applied_at = excluded.applied_at, \
             removed = excluded.removed";
        let mut tx = self.db.begin().await?;
        if !stack_locks::is_held(&mut tx, lock, &applied.stack).await? {
            return Ok(WriteOutcome::Lost);
        }
        let cells = binds![
            lock.pull_request().repository,
            applied.stack,
            applied.commit,
            applied.number,
            applied.input_digest,
            applied.at,
            applied.removed,
        ];
        tx.execute(RECORD, cells).await?;
        tx.commit().await?;
        Ok(WriteOutcome::Written)
    }

    /// Returns `None` for a stack that was never applied.
    pub async fn applied_stack(
        &self,
        repository: RepositoryId,
        stack: &StackId,
    ) -> Result<Option<AppliedStack>, Error> {
        const SELECT: &str = "SELECT * FROM stacks WHERE repository = $1 AND stack = $2";
        let row = self.db.row(SELECT, binds![repository, stack]).await?;
        row.as_ref().map(AppliedStack::from_row).transpose()
    }

    /// Returns all stacks that were ever applied, including removed ones, by name.
    pub async fn applied_stacks(
        &self,
        repository: RepositoryId,
    ) -> Result<Vec<AppliedStack>, Error> {
        const LIST: &str = "SELECT * FROM stacks WHERE repository = $1 ORDER BY stack";
        let rows = self.db.rows(LIST, binds![repository]).await?;
        rows.iter().map(AppliedStack::from_row).collect()
    }
}
