//! Deletes data that is older than the setting `--retention`.

use crate::app::App;

/// Deletes old data once; several processes may do so at the same time.
pub async fn delete_old(app: &App) -> anyhow::Result<()> {
    let before = app.now().checked_sub(app.retention.duration())?;
    let deleted = app.store.delete_before(before).await?;
    tracing::debug!(%before, ?deleted, "what was older than the retention is deleted");
    Ok(())
}
