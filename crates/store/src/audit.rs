//! The audit log: who overrode the normal process, and how. Append-only.

use jiff::Timestamp;
use serde_json::Value as Json;

use super::{
    Error, Store,
    column::binds,
    db::{Counter, Tx},
};

#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    pub at: Timestamp,
    /// The login of a person, or a component of the bot.
    pub actor: String,
    pub action: String,
    pub detail: Json,
}

pub(super) async fn append(tx: &mut Tx, entry: &AuditEntry) -> Result<(), Error> {
    const APPEND: &str = "INSERT INTO audit (id, happened_at, actor, action, detail) \
         VALUES ($1, $2, $3, $4, $5)";
    let id = tx.next(Counter::Audit).await?;
    let cells = binds![id, entry.at, entry.actor, entry.action, entry.detail];
    tx.execute(APPEND, cells).await.map(drop)
}

impl Store {
    pub async fn audit(&self, entry: &AuditEntry) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        append(&mut tx, entry).await?;
        tx.commit().await
    }

    /// Returns the newest entries, newest first.
    pub async fn audit_entries(&self, limit: i64) -> Result<Vec<AuditEntry>, Error> {
        const LIST: &str = "SELECT * FROM audit ORDER BY id DESC LIMIT $1";
        let rows = self.db.rows(LIST, binds![limit]).await?;
        rows.iter()
            .map(|row| {
                Ok(AuditEntry {
                    at: row.read("happened_at")?,
                    actor: row.read("actor")?,
                    action: row.read("action")?,
                    detail: row.read("detail")?,
                })
            })
            .collect()
    }
}
