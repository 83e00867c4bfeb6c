//! A pull request was opened or pushed to, or somebody asked: plan every stack that it affects.
//!
//! Ends with one comment and one check run that say what would happen and what is still missing.
//! Nothing is applied here.

mod gate;
mod stack;

use std::collections::{BTreeMap, BTreeSet};

use futures::future;

use crate::{
    agent,
    app::App,
    flow::{
        Error, JobContext, Result, facts, id_of,
        merge_preview::{self, MergePreview, Merged},
        outbox,
        pull_snapshot::{PullSnapshot, pull_snapshot},
    },
};
use planwright_core::{
    change::{Basis, Block, Change, PlannedSet, StackChange},
    digest::Digest,
    job::{Invocation, Job, Plan, Target},
    names::StackId,
    pull_request::{PullRequest, PullRequestState},
    repo_config::RepoConfig,
};
use planwright_package::affected::Reason;
use planwright_store as store;
use planwright_store::{PlanSet, PlanSetId, Subject};
use planwright_view::Refusal;

use super::Run;

use gate::PlanGate;

pub use stack::{Kind, Planning, Site, Work, drift_of, planned};

impl Run for Plan {
    async fn run(&self, context: &JobContext<'_>) -> Result<Vec<Job>> {
        plan(self, context).await?;
        agent::plan_failed(context.app, &self.target).await
    }

    async fn give_up(&self, context: &JobContext<'_>, id: &str) -> Result<()> {
        broken(context.app, &self.target, id).await
    }
}

/// Plans what the pull request would do, or the stacks that were named.
async fn plan(job: &Plan, context: &JobContext<'_>) -> Result<()> {
    let watch = context.logged();
    let ended = plan_pull(job, &watch).await;
    watch.log.end_planning(&ended).await;
    ended
}

async fn plan_pull(job: &Plan, watch: &JobContext<'_>) -> Result<()> {
    let (app, target, asked) = (watch.app, &job.target, job.asked.as_ref());
    let look = pull_snapshot(app, target).await?;
    let pull = &look.pull;
    let scene = PlanContext { target, look: &look, asked, watch };
    let change = Change::planning(pull.head.clone());
    if !pull.is_into_default_branch() && pull.state == PullRequestState::Open {
        return other_base(app, &scene, change).await;
    }
    let preview = match pull.state {
        PullRequestState::Merged if !pull.is_into_default_branch() => return Ok(()),
        PullRequestState::Open => {
            // What is asked for may be refused, and then nothing would end the check.
            if asked.is_none() {
                scene.begin().await;
                outbox::check(app, target, &change).await?;
            }
            match merge_preview::merge_preview(app, target, pull, &watch.log).await? {
                Merged::MergePreview(preview) => preview,
                Merged::Conflict(paths) => {
                    let change = change.blocked(Block::Conflicts(paths))?;
                    return tell(app, &scene, &change).await;
                }
            }
        }
        PullRequestState::Merged if asked.is_none() && !is_planned(app, target, pull).await? => {
            // It was merged before it was planned: what would happen still has to be read.
            merge_preview::merged_preview(app, target, pull).await?
        }
        _ => return if asked.is_some() { Err(Refusal::Closed.into()) } else { Ok(()) },
    };
    let request = PlanRequest { scene, preview: &preview, stacks: &job.stacks };
    match plan_change(app, &request, change).await {
        Err(Error::Stopped) => stopped(app, target, pull).await,
        ended => ended,
    }
}

/// Whether there is a plan of this very head.
async fn is_planned(app: &App, target: &Target, pull: &PullRequest) -> Result<bool> {
    let known = app.store.latest_plan_set(id_of(target)).await?;
    Ok(known.is_some_and(|known| known.plan_set.head == pull.head))
}

/// Ends the check of a head whose plan was stopped, or it would be in progress for ever.
async fn stopped(app: &App, target: &Target, pull: &PullRequest) -> Result<()> {
    let change = Change::planning(pull.head.clone()).stopped()?;
    let known = app.store.pull_request(id_of(target)).await?;
    let is_cancelled = known.is_some_and(|it| it.cancel_requested >= Some(it.generation));
    if is_cancelled {
        // Otherwise something newer is about to be told there.
        outbox::comment(app, target, &change).await?;
    }
    outbox::check(app, target, &change).await?;
    Err(Error::Stopped)
}

/// Ends the check that a plan has left in progress when it failed for good, which the log has under
/// `id`.
async fn broken(app: &App, target: &Target, id: &str) -> Result<()> {
    let known = app.store.pull_request(id_of(target)).await?;
    let Some(head) = known.and_then(|known| known.head) else { return Ok(()) };
    let change = Change::planning(head).failed_internally(id.to_owned())?;
    outbox::end_check(app, target, &change).await
}

/// Nothing is run of it, and its check never passes.
async fn other_base(app: &App, scene: &PlanContext<'_>, change: Change) -> Result<()> {
    let PlanContext { target, look, .. } = *scene;
    let pull = &look.pull;
    // A plan set without plans: what was approved for another base is not approved any more.
    let settings = Digest::from_text("none");
    let basis = Basis { base: pull.base_ref.clone(), settings: settings.clone() };
    let trusted = pull.default_branch.clone();
    let change = change.blocked(Block::OtherBase { basis, trusted })?;
    let set = PlanSet {
        pull_request: id_of(target),
        head: pull.head.clone(),
        base_commit: pull.base.clone(),
        merge_tree: pull.base.clone(),
        base_ref: pull.base_ref.clone(),
        digest: change.plan_set_digest(),
        settings_digest: settings,
        created_at: app.now(),
        plans: Vec::new(),
    };
    look.still_holds(app).await?;
    app.store.record_plan_set(&set, &change).await?;
    tell(app, scene, &change).await
}

/// What a planning is about, and who watches it.
#[derive(Clone, Copy)]
pub struct PlanContext<'a> {
    pub target: &'a Target,
    pub look: &'a PullSnapshot,
    pub asked: Option<&'a Invocation>,
    pub watch: &'a JobContext<'a>,
}

impl PlanContext<'_> {
    /// Gives the planning a page, once it is sure that something will be said of it.
    async fn begin(&self) {
        let pull = &self.look.pull;
        let subject = Subject {
            repository: self.target.repository.clone(),
            title: pull.title.clone(),
            head: pull.head.clone(),
            asked_by: self.asked.map(|asked| asked.by.login.clone()),
        };
        self.watch.log.begin_planning(self.target, subject).await;
    }
}

/// A pull request as it is being planned.
pub struct PlanRequest<'a> {
    pub scene: PlanContext<'a>,
    pub preview: &'a MergePreview,
    /// Which stacks were asked for; none means all.
    pub stacks: &'a [StackId],
}

type Affected = BTreeMap<StackId, BTreeSet<Reason>>;

async fn plan_change(app: &App, request: &PlanRequest<'_>, change: Change) -> Result<()> {
    let scene = &request.scene;
    let block = async |change: Change, findings| {
        let change = change.blocked(Block::Findings(findings))?;
        tell(app, scene, &change).await
    };
    let affected = match request.preview.affected() {
        Ok(affected) => affected,
        Err(findings) => return block(change, findings).await,
    };
    if let Some(stack) = request.stacks.iter().find(|stack| !affected.contains_key(*stack)) {
        return Err(Refusal::NotAffected { stack: stack.clone() }.into());
    }
    gate::refuse_own_code(app, request, &affected).await?;
    // From here on nothing is refused any more, so something will end the check.
    scene.begin().await;
    if scene.asked.is_some() {
        outbox::check(app, scene.target, &change).await?;
    }
    let change = match request.preview.settings() {
        Ok(settings) => change.touches_settings(settings)?,
        Err(findings) => return block(change, findings).await,
    };
    if affected.is_empty() && change.settings.is_none() {
        return nothing_affected(app, request, change).await;
    }
    let config = request.preview.config.clone();
    let config = match merge_preview::rules(config, affected.is_empty()) {
        Ok(config) => config,
        Err(findings) => return block(change, findings).await,
    };
    let shared = request.preview.shared_state();
    if !shared.is_empty() {
        return block(change, shared).await;
    }
    let planned = plan_stacks(app, request, &config, &affected).await?;
    record(app, request, &config, planned, change).await
}

/// The stacks of a change as they were planned, and what is stored of those that have a plan.
#[derive(Default)]
struct PlannedStacks {
    stacks: Vec<StackChange>,
    plans: Vec<store::StackPlan>,
}

/// Plans each stack that is affected, side by side.
async fn plan_stacks(
    app: &App,
    request: &PlanRequest<'_>,
    config: &RepoConfig,
    affected: &Affected,
) -> Result<PlannedStacks> {
    if affected.is_empty() {
        return Ok(PlannedStacks::default());
    }
    let settings = merge_preview::settings_digest(config);
    let hold = PlanGate::of(app, request).await?;
    let planning = Planning { app, request, config, settings: &settings, hold };
    let planned =
        future::try_join_all(affected.iter().map(|(stack, reasons)| planning.plan(stack, reasons)))
            .await?;
    let (stacks, plans): (Vec<_>, Vec<_>) = planned.into_iter().unzip();
    Ok(PlannedStacks { stacks, plans: plans.into_iter().flatten().collect() })
}

/// A check is enough, unless something was said before that no longer holds.
async fn nothing_affected(app: &App, request: &PlanRequest<'_>, change: Change) -> Result<()> {
    let (PlanContext { target, look, .. }, preview) = (request.scene, request.preview);
    let was_planned = app.store.latest_plan_set(id_of(target)).await?.is_some();
    match &preview.config {
        Ok(config) if was_planned => {
            record(app, request, config, PlannedStacks::default(), change).await
        }
        _ if outbox::has_commented(app, target).await? => {
            tell(app, &request.scene, &change.unaffected()?).await
        }
        _ => {
            let change = change.unaffected()?;
            look.still_holds(app).await?;
            request.scene.watch.log.outcome(None, Some(&change)).await;
            outbox::check(app, target, &change).await
        }
    }
}

/// Stores the plan set, judges it, shows it, and notes when it was first shown.
async fn record(
    app: &App,
    request: &PlanRequest<'_>,
    config: &RepoConfig,
    PlannedStacks { stacks, plans }: PlannedStacks,
    change: Change,
) -> Result<()> {
    let (PlanContext { target, look, watch, .. }, preview) = (request.scene, request.preview);
    let (pull, settings) = (&look.pull, merge_preview::settings_digest(config));
    let basis = Basis { base: pull.base_ref.clone(), settings: settings.clone() };
    let allows_self_approval = config.approvals.own;
    let change = change.planned(PlannedSet { stacks, basis, allows_self_approval })?;
    let set = PlanSet {
        pull_request: id_of(target),
        head: pull.head.clone(),
        base_commit: preview.base_commit.clone(),
        merge_tree: preview.tree.clone(),
        base_ref: pull.base_ref.clone(),
        digest: change.plan_set_digest(),
        settings_digest: settings,
        created_at: app.now(),
        plans,
    };
    look.still_holds(app).await?;
    let id = app.store.record_plan_set(&set, &change).await?;
    let mut change = judged(app, request, config, id, change).await?;
    if pull.state == PullRequestState::Merged {
        change = change.merged()?;
    }
    look.still_holds(app).await?;
    app.store.record_change(id, &change).await?;
    watch.log.outcome(Some(id), None).await;
    outbox::show(app, target, &change).await?;
    make_ready(app, request, &change).await
}

/// A draft of our own is for people to look at once its plan has succeeded.
async fn make_ready(app: &App, request: &PlanRequest<'_>, change: &Change) -> Result<()> {
    let (target, pull) = (request.scene.target, &request.scene.look.pull);
    let is_due = pull.is_draft && pull.state == PullRequestState::Open && !change.has_errors();
    // What a run left unfinished is for people to finish.
    let run = app.store.agent_run_of_pull_request(id_of(target)).await?;
    let is_due = is_due && run.is_none_or(|run| run.facts.is_complete);
    if is_due && pull.author.login == *app.github.login().await? {
        app.github.mark_ready(&target.repository, &pull.node_id).await?;
    }
    Ok(())
}

/// Judges a change by its plan set as it was recorded.
async fn judged(
    app: &App,
    request: &PlanRequest<'_>,
    config: &RepoConfig,
    id: PlanSetId,
    change: Change,
) -> Result<Change> {
    let plan_set = app.store.plan_set(id).await?;
    let case = facts::VerdictInput {
        target: request.scene.target,
        pull: &request.scene.look.pull,
        config,
        settings_digest: merge_preview::settings_digest(config),
        plan_set: plan_set.as_ref(),
        change: &change,
    };
    let (_, judgement) = facts::gather_facts(app, &case).await?;
    Ok(change.judged(judgement)?)
}

async fn tell(app: &App, scene: &PlanContext<'_>, change: &Change) -> Result<()> {
    scene.look.still_holds(app).await?;
    scene.begin().await;
    scene.watch.log.outcome(None, Some(change)).await;
    outbox::show(app, scene.target, change).await
}
