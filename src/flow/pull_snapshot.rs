//! A snapshot of a pull request on GitHub, and whether it is still current.
//!
//! Planning, verdicts and applying have separate queue keys and run concurrently: a pull request
//! that was read as open may be merged, and even applied, before the result is reported.

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

/// Reads a pull request and records its head, state and branch.
pub async fn pull_snapshot(app: &App, target: &Target) -> Result<PullSnapshot> {
    let id = id_of(target);
    // Read before the snapshot, so that any later delivery makes the snapshot stale.
    let generation = app.store.generation(id).await?;
    let pull = app.github.pull_request(&target.repository, target.number).await?;
    app.store.record_pull_request(id, &pull.head, pull.state).await?;
    let branch = store::HeadBranch {
        repository: pull.head_repository,
        name: pull.head_ref.clone(),
        merged_at: pull.merged_at,
    };
    app.store.record_head_branch(id, &branch).await?;
    Ok(PullSnapshot { pull, id, generation })
}

impl PullSnapshot {
    /// Fails with `Error::Stopped` if the pull request has changed since: it was pushed to, merged
    /// or closed, and the job of that event reports on it.
    pub async fn still_holds(&self, app: &App) -> Result<()> {
        let known = app.store.pull_request(self.id).await?;
        let holds = known.is_some_and(|known| {
            known.generation == self.generation && known.state == Some(self.pull.state)
        });
        if holds { Ok(()) } else { Err(Error::Stopped) }
    }
}
