//! The end of a planning: reports the outcome on GitHub.

use planwright_core::{change::Change, job::Target, pull_request::PullRequestState};
use planwright_store::PlanSetId;

use super::{Planning, look::Subject};
use crate::{
    app::App,
    flow::{Error, Result, id_of, outbox},
};

/// The outcome of a planning.
pub struct Outcome {
    pub change: Change,
    /// The recorded plan set, if there is one.
    pub plan_set: Option<PlanSetId>,
    pub audience: Audience,
}

/// Where an outcome is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    Check,
    CommentAndCheck,
}

impl Outcome {
    /// Returns the outcome for a change without a plan set, to be reported in comment and check
    /// run.
    pub fn for_all(change: Change) -> Self {
        Self { change, plan_set: None, audience: Audience::CommentAndCheck }
    }
}

/// Publishes the outcome of a planning, unless the pull request has changed since.
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

/// Takes a draft pull request of the bot out of draft state once its plan has succeeded.
async fn make_ready(planning: &Planning<'_>, change: &Change) -> Result<()> {
    let (app, pull) = (planning.context.app, planning.pull());
    if !pull.is_draft || pull.state != PullRequestState::Open || change.has_errors() {
        return Ok(());
    }
    // What an agent run left unfinished has to be finished by people.
    let run = app.store.agent_run_of_pull_request(planning.id()).await?;
    let is_complete = run.is_none_or(|run| run.facts.is_complete);
    if is_complete && pull.author.login == *app.github.login().await? {
        app.github.mark_ready(&planning.context.target.repository, &pull.node_id).await?;
    }
    Ok(())
}

/// Completes the check run of a head whose planning was stopped, if it is in progress; otherwise it
/// would be so for ever.
pub async fn stopped(planning: &Planning<'_>) -> Result<()> {
    let (app, target) = (planning.context.app, planning.context.target);
    let change = planning.change().stopped()?;
    let known = app.store.pull_request(planning.id()).await?;
    let is_cancelled = known.is_some_and(|it| it.cancel_requested >= Some(it.generation));
    if is_cancelled && planning.looked.subject != Subject::OtherBase {
        // Otherwise a newer planning is about to update the comment.
        outbox::comment(app, target, &change).await?;
    }
    outbox::end_check(app, target, &change).await?;
    Err(Error::Stopped)
}

/// Completes the check run that a planning left in progress when it failed for good; `id` is the
/// failure's id in the log.
pub async fn internal_error(app: &App, target: &Target, id: &str) -> Result<()> {
    let known = app.store.pull_request(id_of(target)).await?;
    let Some(head) = known.and_then(|known| known.head) else { return Ok(()) };
    let change = Change::planning(head).failed_internally(id.to_owned())?;
    outbox::end_check(app, target, &change).await
}
