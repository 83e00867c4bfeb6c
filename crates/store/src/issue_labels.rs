//! A cache of the label with which each repository requests work on an issue.
//!
//! It saves reading the settings; where an entry is missing or old, the settings are read.

use jiff::Timestamp;

use planwright_core::names::RepositoryId;

use super::{Error, Store, column::binds};

impl Store {
    /// Returns the label of a repository if it was recorded at or after `since`, and is still
    /// valid.
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

    /// Records the label that the settings had at `known_at`; `None` means that the settings have
    /// changed since they were read. An entry with a later time is kept.
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
