//! Who shaped the configuration of a change other than by a push: asked, revised, co-authored.
//!
//! Append-only: nobody stops being a principal. Who counts as one is decided in `domain`.

use jiff::Timestamp;

use crate::domain::names::UserId;

use super::{Error, PullRequestId, Store, column::binds};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub user: UserId,
    /// A word or two for people, e.g. `opened the issue`; the same person may have several.
    pub why: String,
    pub at: Timestamp,
}

impl Store {
    /// Adds a principal; the second time for the same reason changes nothing.
    pub async fn add_principal(
        &self,
        pull_request: PullRequestId,
        principal: &Principal,
    ) -> Result<(), Error> {
        const ADD: &str = "INSERT INTO principals (repository, number, user_id, why, added_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
        let PullRequestId { repository, number } = pull_request;
        let cells = binds![repository, number, principal.user, principal.why, principal.at];
        self.db.execute(ADD, cells).await.map(drop)
    }

    /// All of them, in the order in which they came.
    pub async fn principals(&self, pull_request: PullRequestId) -> Result<Vec<Principal>, Error> {
        const LIST: &str = "SELECT user_id, why, added_at FROM principals \
             WHERE repository = $1 AND number = $2 ORDER BY added_at, user_id, why";
        let PullRequestId { repository, number } = pull_request;
        let rows = self.db.rows(LIST, binds![repository, number]).await?;
        rows.iter()
            .map(|row| {
                Ok(Principal {
                    user: row.read("user_id")?,
                    why: row.read("why")?,
                    at: row.read("added_at")?,
                })
            })
            .collect()
    }
}
