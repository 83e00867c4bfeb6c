//! Which stack each state belongs to, by the key of the state. Append-only.

use std::collections::BTreeMap;

use jiff::Timestamp;

use planwright_core::names::{RepositoryId, StackId};

use super::{Error, Store, column::binds};

impl Store {
    /// Returns the stack of each state key that was ever used in a repository.
    pub async fn state_owners(
        &self,
        repository: RepositoryId,
    ) -> Result<BTreeMap<String, StackId>, Error> {
        const OWNERS: &str = "SELECT state_key, stack FROM state_keys WHERE repository = $1";
        let rows = self.db.rows(OWNERS, binds![repository]).await?;
        rows.iter().map(|row| Ok((row.read("state_key")?, row.read("stack")?))).collect()
    }

    /// Records the stacks of state keys; a key that belongs to a stack already stays there.
    pub async fn record_state_owners(
        &self,
        repository: RepositoryId,
        owners: &BTreeMap<String, StackId>,
        at: Timestamp,
    ) -> Result<(), Error> {
        const RECORD: &str = "INSERT INTO state_keys (repository, state_key, stack, recorded_at) \
             VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
        let mut tx = self.db.begin().await?;
        for (key, stack) in owners {
            tx.execute(RECORD, binds![repository, key, stack, at]).await?;
        }
        tx.commit().await
    }
}
