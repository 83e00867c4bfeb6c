//! Applies a merged change if the current plan is still the approved one, and verifies the result.
//!
//! The order is fixed: verdict, locks in the order of the merges, a new plan with the credentials
//! of an apply, comparison, journal, apply, verification. This module does not use the model. An
//! apply is never retried automatically; `recover` examines what an interrupted one has done.

mod confirm;
mod merged_trees;
mod recover;
mod run;
mod steps;

use std::time::Duration;

use confirm::{confirm, settings_changed, waiting};
use merged_trees::{MergedTrees, merged_trees};

use planwright_core::{
    change::{Change, ChangeState, QueuePlace},
    job::{self, Apply, Invocation, Job, Lane, Target},
    pull_request::{PullRequest, PullRequestState},
    verdict::RequirementsMet,
};
use planwright_git::Want;
use planwright_store as store;
use planwright_store::{
    CodeApproval, CodeBasis, LockAnswer, LockHeld, PlanSetId, QueuePosition, RecordedPlanSet,
    Subject,
};
use planwright_view::{Missing, NextStep, Refusal};

use super::{Run, verdict};
use crate::{
    app::App,
    flow::{
        Error, JobContext, Result, facts, id_of, merge_preview, outbox,
        pull_snapshot::pull_snapshot, soon,
    },
};
pub use recover::given_up;

/// How long a lock is shown as held without a renewal; when the lease has expired it stays held.
const LEASE: Duration = Duration::from_secs(60);

/// The merged change that is being applied.
pub(super) struct ApplyContext<'a> {
    pub target: &'a Target,
    pub pull: &'a PullRequest,
    pub recorded: &'a RecordedPlanSet,
    pub trees: &'a MergedTrees,
    /// The command that requested it; `None` if the merge was enough.
    pub asked: Option<&'a Invocation>,
    /// The digest in the command, as it was typed.
    pub digest: Option<&'a str>,
}

impl ApplyContext<'_> {
    /// Returns the subject for the page of the apply.
    fn subject(&self) -> Subject {
        Subject {
            repository: self.target.repository.clone(),
            title: self.pull.title.clone(),
            head: self.pull.head.clone(),
            asked_by: self.asked.map(|asked| asked.by.login.clone()),
        }
    }
}

impl Run for Apply {
    const AFTER_FAILURE: NextStep = NextStep::ApplyAgain;

    async fn run(&self, context: &JobContext<'_>) -> Result<Vec<Job>> {
        apply(self, context).await
    }

    async fn give_up(&self, context: &JobContext<'_>, _id: &str) -> Result<()> {
        context.app.store.leave_queues(id_of(&self.target)).await?;
        Ok(())
    }
}

/// Applies a merged change.
async fn apply(job: &Apply, context: &JobContext<'_>) -> Result<Vec<Job>> {
    let (app, target, context) = (context.app, &job.target, &context.logged());
    let (asked, digest) = (job.asked.as_ref(), job.digest.as_deref());
    let ended = in_turn(app, target, asked, digest, context).await;
    context.log.write().await;
    if !matches!(ended, Err(Error::Later { .. } | Error::Away(_))) {
        // An apply that does not come back must not block later changes.
        app.store.leave_queues(id_of(target)).await?;
    }
    ended
}

/// Waits in the queues, without calls to GitHub, and applies when the change is first in them.
async fn in_turn(
    app: &App,
    target: &Target,
    asked: Option<&Invocation>,
    digest: Option<&str>,
    context: &JobContext<'_>,
) -> Result<Vec<Job>> {
    let positions = app.store.waits(id_of(target)).await?;
    if !positions.is_empty()
        && let Some(recorded) = app.store.latest_plan_set(id_of(target)).await?
        && !recorded.change.state.is_over()
    {
        let waiting = Waiting { plan_set: recorded.id, change: recorded.change, positions };
        return queued(app, target, waiting, context).await;
    }
    let pull = pull_snapshot(app, target).await?.pull;
    if pull.state != PullRequestState::Merged {
        return if asked.is_some() { Err(Refusal::NotMerged.into()) } else { Ok(Vec::new()) };
    }
    if !pull.is_into_default_branch() {
        return match asked {
            Some(_) => Err(Refusal::NotMet(Missing::MergedElsewhere).into()),
            None => Ok(Vec::new()),
        };
    }
    let recorded = app.store.latest_plan_set(id_of(target)).await?;
    let Some(recorded) = recorded.filter(|recorded| recorded.plan_set.head == pull.head) else {
        return unplanned(target, asked);
    };
    if recorded.change.stacks.is_empty() {
        return nothing_to_apply(app, target, &pull, &recorded, asked).await;
    }
    let trees = merged_trees(app, target, &pull, &recorded).await?;
    let (pull, recorded, trees) = (&pull, &recorded, &trees);
    let apply = ApplyContext { target, pull, recorded, trees, asked, digest };
    if let Some(change) = recover::settled(app, &apply, context).await? {
        return refuse_unless_applied(asked, &change);
    }
    if let Some(ended) = ended(recorded, asked) {
        ended?;
        // Only the final comment may be missing.
        return outbox::comment(app, target, &recorded.change).await.map(|()| Vec::new());
    }
    if !trees.unreadable.is_empty() {
        let change = recorded.change.clone();
        let change = change.settings_unreadable(trees.unreadable.clone())?;
        return waiting(app, &apply, change).await.map(|()| Vec::new());
    }
    if trees.settings_digest != recorded.plan_set.settings_digest {
        wait_for_pr_jobs(app, target, asked).await?;
        return settings_changed(app, &apply).await;
    }
    if let Some(asked) = asked {
        confirm(app, &apply, asked).await?;
    }
    approved(app, &apply, context).await
}

/// Applies the change if its requirements are met and it gets its locks.
async fn approved(
    app: &App,
    apply: &ApplyContext<'_>,
    context: &JobContext<'_>,
) -> Result<Vec<Job>> {
    let change = apply.recorded.change.clone();
    let (change, met) = requirements_met(app, apply, Some(apply.recorded), change).await?;
    let Some(met) = met else {
        wait_for_pr_jobs(app, apply.target, apply.asked).await?;
        return waiting(app, apply, change).await.map(|()| Vec::new());
    };
    match locks(app, apply).await? {
        LockAnswer::Held(lock) => {
            let approved = run::Approved { met, lock, change };
            refuse_unless_applied(apply.asked, &run::run(app, apply, approved, context).await?)
        }
        LockAnswer::Waiting(positions) => {
            let waiting = Waiting { plan_set: apply.recorded.id, change, positions };
            queued(app, apply.target, waiting, context).await
        }
    }
}

/// Fails with the refusal for the person who requested an apply, unless the change is applied.
fn refuse_unless_applied(asked: Option<&Invocation>, change: &Change) -> Result<Vec<Job>> {
    let refusal = match (change.state, &change.digest) {
        _ if asked.is_none() => return Ok(Vec::new()),
        (ChangeState::Applied, _) => return Ok(Vec::new()),
        (ChangeState::Superseded, _) => Refusal::Superseded,
        (ChangeState::AwaitingConfirmation, Some(current)) => {
            Refusal::PlanNeeded { current: current.clone() }
        }
        _ => Refusal::ApplyFailed,
    };
    Err(refusal.into())
}

/// Returns the result if there is nothing left to do. A repeated or late webhook retries nothing,
/// and an applied or superseded change stays so.
fn ended(recorded: &RecordedPlanSet, asked: Option<&Invocation>) -> Option<Result<(), Refusal>> {
    let refusal = match recorded.change.state {
        ChangeState::Applied => Refusal::AlreadyApplied,
        ChangeState::Superseded => Refusal::Superseded,
        ChangeState::Failed | ChangeState::Partial if asked.is_none() => {
            return Some(Ok(()));
        }
        _ => return None,
    };
    Some(if asked.is_some() { Err(refusal) } else { Ok(()) })
}

/// Handles a change that affects no stack: a later push reverted what was planned, or only the
/// settings change, which are active from the merge on.
async fn nothing_to_apply(
    app: &App,
    target: &Target,
    pull: &PullRequest,
    recorded: &RecordedPlanSet,
    asked: Option<&Invocation>,
) -> Result<Vec<Job>> {
    let known = &recorded.change;
    if known.is_about_rules_only() && known.state != ChangeState::SettingsActive {
        wait_for_pr_jobs(app, target, asked).await?;
        let mirror =
            merge_preview::fetch(app, target, &[Want::Branch(pull.base_ref.clone())]).await?;
        // The settings before the change apply: it must not decide about itself.
        let base = &recorded.plan_set.base_commit;
        let config = merge_preview::config(&mirror, &mirror.tree(base).await?).await?;
        let change = verdict::judged(app, target, pull, recorded, config).await?.merged()?;
        if change.verdict.as_ref().is_some_and(|root| root.met) {
            approve_code(app, target, recorded).await?;
        }
        app.store.record_change(recorded.id, &change).await?;
        outbox::comment(app, target, &change).await?;
    }
    match asked {
        Some(_) => Err(Refusal::NothingToApply.into()),
        None => Ok(Vec::new()),
    }
}

/// Records the code of a change whose requirements are met: it may run from now on.
async fn approve_code(app: &App, target: &Target, recorded: &RecordedPlanSet) -> Result<()> {
    let of_plans = recorded.plan_set.plans.iter().filter_map(|plan| plan.code.as_ref());
    let added = recorded.change.code.iter().filter_map(|code| code.digest.as_ref());
    for digest in of_plans.chain(added) {
        let approval = CodeApproval {
            digest: digest.clone(),
            basis: CodeBasis::Approved,
            number: Some(target.number),
            by: None,
            at: app.now(),
        };
        app.store.approve_code(target.repository.id, &approval).await?;
    }
    Ok(())
}

/// Handles a change that was merged before it was planned, so that nothing can have been approved:
/// enqueues its plan, which then has to be confirmed.
fn unplanned(target: &Target, asked: Option<&Invocation>) -> Result<Vec<Job>> {
    match asked {
        Some(_) => Err(Refusal::NothingPlanned.into()),
        None => {
            Ok(vec![job::Plan { target: target.clone(), asked: None, stacks: Vec::new() }.into()])
        }
    }
}

/// Returns the change with its current verdict and, if all requirements are met, the token that
/// allows an apply.
pub(super) async fn requirements_met(
    app: &App,
    apply: &ApplyContext<'_>,
    recorded: Option<&RecordedPlanSet>,
    change: Change,
) -> Result<(Change, Option<RequirementsMet>)> {
    let judged = facts::VerdictInput {
        target: apply.target,
        pull: apply.pull,
        config: &apply.trees.config,
        settings_digest: apply.trees.settings_digest.clone(),
        plan_set: recorded,
        change: &change,
    };
    let (verdict, judgement) = facts::gather_facts(app, &judged).await?;
    Ok((change.judged(judgement)?, verdict.requirements_met()))
}

/// Fails with `Error::Later` while earlier jobs of the pull request are open: for example, a review
/// that came just before the merge may not be recorded yet.
async fn wait_for_pr_jobs(app: &App, target: &Target, asked: Option<&Invocation>) -> Result<()> {
    let jobs = app.store.open_jobs().await?;
    let lane = Lane::PullRequest(target.into()).to_string();
    let is_before = |job: &store::Job| job.key == lane;
    if asked.is_some() || !jobs.iter().any(is_before) {
        return Ok(());
    }
    let why = "something that came before the merge is still worked on".into();
    Err(Error::Later { at: soon(app, 2), why })
}

/// Takes the locks of all stacks of the change, or a place in their queues.
async fn locks(app: &App, apply: &ApplyContext<'_>) -> Result<LockAnswer> {
    let plans = &apply.recorded.plan_set.plans;
    let stacks: Vec<_> = plans.iter().map(|plan| plan.stack.clone()).collect();
    let id = id_of(apply.target);
    let merged_at = apply.pull.merged_at.map_or(0, |at| at.as_second());
    app.store.queue_for_locks(id, &stacks, merged_at, app.now()).await?;
    Ok(app.store.take_locks(id, &stacks, app.now(), LEASE).await?)
}

/// A change that waits for the locks of its stacks.
struct Waiting {
    plan_set: PlanSetId,
    change: Change,
    positions: Vec<QueuePosition>,
}

/// Shows the change's place in the queues, and fails with `Error::Later` or, if cancelled,
/// `Error::Stopped`.
async fn queued(
    app: &App,
    target: &Target,
    waiting: Waiting,
    context: &JobContext<'_>,
) -> Result<Vec<Job>> {
    let place = |waits: &QueuePosition| QueuePlace {
        position: waits.ahead.len(),
        behind: waits.ahead.first().copied(),
    };
    let places = waiting.positions.iter().map(|waits| (waits.stack.clone(), place(waits)));
    let mut change = waiting.change.queued(&places.collect())?;
    let is_cancelled = context.stop.is_cancelled();
    if is_cancelled {
        change = change.cancelled()?;
    }
    app.store.record_change(waiting.plan_set, &change).await?;
    // Makes no call to GitHub while the text stays the same.
    outbox::comment(app, target, &change).await?;
    if is_cancelled {
        return Err(Error::Stopped);
    }
    Err(Error::Later { at: soon(app, 5), why: "another change holds the lock of a stack".into() })
}

/// Stores the change and updates its comment.
pub(super) async fn show(app: &App, apply: &ApplyContext<'_>, change: &Change) -> Result<()> {
    app.store.record_change(apply.recorded.id, change).await?;
    outbox::comment(app, apply.target, change).await
}

/// Releases the locks, whatever the result of the run.
pub(super) async fn release(app: &App, lock: LockHeld) -> Result<()> {
    let _ = app.store.release_locks(lock).await?;
    Ok(())
}
