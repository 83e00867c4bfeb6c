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
        let known = self.state_owners(repository).await?;
        let missing = owners.iter().filter(|(key, _)| !known.contains_key(*key));
        let mut tx = self.db.begin().await?;
        for (key, stack) in missing {
            tx.execute(RECORD, binds![repository, key, stack, at]).await?;
        }
        tx.commit().await
    }

    /// Gives a state to a stack, unless it belongs to one already; returns the stack that has it.
    pub async fn claim_state(
        &self,
        repository: RepositoryId,
        key: &str,
        stack: &StackId,
        at: Timestamp,
    ) -> Result<StackId, Error> {
        let claimed = [(key.to_owned(), stack.clone())].into();
        self.record_state_owners(repository, &claimed, at).await?;
        let owners = self.state_owners(repository).await?;
        Ok(owners.get(key).unwrap_or(stack).clone())
    }
}
