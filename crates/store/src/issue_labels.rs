//! The label of each repository that asks Planwright to look at an issue, as far as it is known.
//!
//! What is kept here saves a look at the settings; where it is missing or old, they are read.

use jiff::Timestamp;

use planwright_core::names::RepositoryId;

use super::{Error, Store, column::binds};

impl Store {
    /// The label of a repository, if its settings were read since then and have not changed.
    pub async fn issue_label(
        &self,
        repository: RepositoryId,
        since: Timestamp,
    ) -> Result<Option<String>, Error> {
        const FIND: &str =
            "SELECT label FROM issue_labels WHERE repository = $1 AND known_at >= $2";
        let row = self.db.row(FIND, binds![repository, since]).await?;
        row.map_or(Ok(None), |row| row.read_optional("label"))
    }

    /// Notes what the settings said at `known_at`: `None` that they have become others. What is known
    /// of a later time stays.
    pub async fn record_issue_label(
        &self,
        repository: RepositoryId,
        label: Option<&str>,
        known_at: Timestamp,
    ) -> Result<(), Error> {
        const RECORD: &str = "INSERT INTO issue_labels (repository, label, known_at) \
             VALUES ($1, $2, $3) ON CONFLICT (repository) DO UPDATE \
             SET label = excluded.label, known_at = excluded.known_at \
             WHERE issue_labels.known_at <= excluded.known_at";
        self.db
            .execute(RECORD, binds![repository, label.map(str::to_owned), known_at])
            .await
            .map(drop)
    }
}
