//! Handles a pull request that was closed without a merge: nothing of it will be applied.

use planwright_core::{
    job::{Job, Release, Target},
    pull_request::PullRequestState,
};

use super::Run;
use crate::{
    app::App,
    flow::{JobContext, Result, id_of, outbox, pull_snapshot::pull_snapshot},
};

impl Run for Release {
    async fn run(&self, context: &JobContext<'_>) -> Result<Vec<Job>> {
        release(context.app, &self.target).await.map(|()| Vec::new())
    }
}

/// Leaves the queues, and updates the comment and check run if there was a plan.
async fn release(app: &App, target: &Target) -> Result<()> {
    let snapshot = pull_snapshot(app, target).await?;
    if snapshot.pull.state != PullRequestState::Closed {
        // It was reopened or merged since, which has its own job.
        return Ok(());
    }
    app.store.leave_queues(id_of(target)).await?;
    let Some(recorded) = app.store.latest_plan_set(id_of(target)).await? else { return Ok(()) };
    let change = recorded.change.closed()?;
    snapshot.still_holds(app).await?;
    app.store.record_change(recorded.id, &change).await?;
    outbox::show(app, target, &change).await
}
