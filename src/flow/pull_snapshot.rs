//! A look at a pull request on GitHub, and whether what it showed still holds.
//!
//! Planning, judging and applying have keys of their own and run side by side: what was read as open
//! may be merged, and even applied, before a word is said of it.

use planwright_core::{job::Target, pull_request::PullRequest};
use planwright_store as store;

use super::{Error, Result, id_of};
use crate::app::App;

/// A pull request as it was at one moment.
pub struct PullSnapshot {
    pub pull: PullRequest,
    id: store::PullRequestId,
    generation: i64,
}

/// Reads a pull request and remembers what it showed.
pub async fn pull_snapshot(app: &App, target: &Target) -> Result<PullSnapshot> {
    let id = id_of(target);
    // Asked before the look, so that whatever is told of from here on is news.
    let generation = app.store.generation(id).await?;
    let pull = app.github.pull_request(&target.repository, target.number).await?;
    app.store.record_pull_request(id, &pull.head, pull.state).await?;
    Ok(PullSnapshot { pull, id, generation })
}

impl PullSnapshot {
    /// Stops whoever is about to speak of a pull request that has moved on since: it was pushed to,
    /// merged or closed, and the job of that has the last word.
    pub async fn still_holds(&self, app: &App) -> Result<()> {
        let known = app.store.pull_request(self.id).await?;
        let holds = known.is_some_and(|known| {
            known.generation == self.generation && known.state == Some(self.pull.state)
        });
        if holds { Ok(()) } else { Err(Error::Stopped) }
    }
}
