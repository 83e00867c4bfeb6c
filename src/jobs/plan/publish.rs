//! The one exit of a planning: says on GitHub what came of it.

use planwright_core::{change::Change, job::Target, pull_request::PullRequestState};
use planwright_store::PlanSetId;

use super::Planning;
use crate::{
    app::App,
    flow::{Error, Result, id_of, outbox},
};

/// What came of a planning.
pub struct Outcome {
    pub change: Change,
    /// The plan set by which it was judged, if it came to that.
    pub plan_set: Option<PlanSetId>,
    pub audience: Audience,
}

/// Where an outcome is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    Check,
    CommentAndCheck,
}

impl Outcome {
    /// Returns the outcome of a change that came to no plan set, for all to read.
    pub fn told(change: Change) -> Self {
        Self { change, plan_set: None, audience: Audience::CommentAndCheck }
    }
}

/// Publishes what came of a planning, unless the pull request has moved on.
pub async fn publish(planning: &Planning<'_>, outcome: Outcome) -> Result<()> {
    let Outcome { change, plan_set, audience } = outcome;
    let (app, target, log) = (planning.context.app, planning.context.target, &planning.context.log);
    planning.looked.snapshot.still_holds(app).await?;
    if let Some(plan_set) = plan_set {
        app.store.record_change(plan_set, &change).await?;
    }
    planning.begin_page().await;
    log.outcome(plan_set, plan_set.is_none().then_some(&change)).await;
    match audience {
        Audience::Check => outbox::check(app, target, &change).await?,
        Audience::CommentAndCheck => outbox::show(app, target, &change).await?,
    }
    if plan_set.is_some() { make_ready(planning, &change).await } else { Ok(()) }
}

/// Takes a draft of our own out of draft once its plan has succeeded: it is for people to look at.
async fn make_ready(planning: &Planning<'_>, change: &Change) -> Result<()> {
    let (app, pull) = (planning.context.app, planning.pull());
    if !pull.is_draft || pull.state != PullRequestState::Open || change.has_errors() {
        return Ok(());
    }
    // What a run left unfinished is for people to finish.
    let run = app.store.agent_run_of_pull_request(planning.id()).await?;
    let is_complete = run.is_none_or(|run| run.facts.is_complete);
    if is_complete && pull.author.login == *app.github.login().await? {
        app.github.mark_ready(&planning.context.target.repository, &pull.node_id).await?;
    }
    Ok(())
}

/// Ends the check of a head whose plan was stopped, or it would be in progress for ever.
pub async fn stopped(planning: &Planning<'_>) -> Result<()> {
    let (app, target) = (planning.context.app, planning.context.target);
    let change = planning.change().stopped()?;
    let known = app.store.pull_request(planning.id()).await?;
    let is_cancelled = known.is_some_and(|it| it.cancel_requested >= Some(it.generation));
    if is_cancelled {
        // Otherwise something newer is about to be told there.
        outbox::comment(app, target, &change).await?;
    }
    outbox::check(app, target, &change).await?;
    Err(Error::Stopped)
}

/// Ends the check that a planning has left in progress when it failed for good; the log has the failure
/// under `id`.
pub async fn internal_error(app: &App, target: &Target, id: &str) -> Result<()> {
    let known = app.store.pull_request(id_of(target)).await?;
    let Some(head) = known.and_then(|known| known.head) else { return Ok(()) };
    let change = Change::planning(head).failed_internally(id.to_owned())?;
    outbox::end_check(app, target, &change).await
}
