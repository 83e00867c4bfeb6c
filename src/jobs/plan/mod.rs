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
use planwright_core::change::{Basis, Report, State, Warning};
use planwright_core::{
    digest::Digest,
    finding::Finding,
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

    async fn give_up(&self, context: &JobContext<'_>, text: &str) -> Result<()> {
        broken(context.app, &self.target, text).await
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
    let mut report = Report::planning(pull.head.clone());
    if !pull.is_into_default_branch() && pull.state == PullRequestState::Open {
        return other_base(app, &scene, report).await;
    }
    let preview = match pull.state {
        PullRequestState::Merged if !pull.is_into_default_branch() => return Ok(()),
        PullRequestState::Open => {
            // What is asked for may be refused, and then nothing would end the check.
            if asked.is_none() {
                scene.begin().await;
                outbox::check(app, target, &report).await?;
            }
            match merge_preview::merge_preview(app, target, pull, &watch.log).await? {
                Merged::MergePreview(preview) => preview,
                Merged::Conflict(paths) => {
                    report.conflicts = paths;
                    report.state = State::Blocked;
                    return tell(app, &scene, &report).await;
                }
            }
        }
        PullRequestState::Merged if asked.is_none() && !is_planned(app, target, pull).await? => {
            // It was merged before it was planned: what would happen still has to be read.
            merge_preview::merged_preview(app, target, pull).await?
        }
        _ => return if asked.is_some() { Err(Refusal::Closed.into()) } else { Ok(()) },
    };
    let change = Change { scene, preview: &preview, stacks: &job.stacks };
    match plan_change(app, &change, report).await {
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
    let mut report = Report::planning(pull.head.clone());
    report.state = State::Stopped;
    let known = app.store.pull_request(id_of(target)).await?;
    let is_cancelled = known.is_some_and(|it| it.cancel_requested >= Some(it.generation));
    if is_cancelled {
        // Otherwise something newer is about to be told there.
        outbox::comment(app, target, &report).await?;
    }
    outbox::check(app, target, &report).await?;
    Err(Error::Stopped)
}

/// Ends the check that a plan has left in progress when it failed for good, with what is said of
/// that.
async fn broken(app: &App, target: &Target, text: &str) -> Result<()> {
    let known = app.store.pull_request(id_of(target)).await?;
    let Some(head) = known.and_then(|known| known.head) else { return Ok(()) };
    let mut report = Report::planning(head);
    report.state = State::InternalError;
    report.warnings.push(Warning::Other(text.to_owned()));
    outbox::end_check(app, target, &report).await
}

/// Nothing is run of it, and its check never passes.
async fn other_base(app: &App, scene: &PlanContext<'_>, mut report: Report) -> Result<()> {
    let PlanContext { target, look, .. } = *scene;
    let pull = &look.pull;
    let trusted = pull.default_branch.as_ref().map_or("the default branch", |b| b.as_str());
    report.state = State::Blocked;
    report.warnings.push(Warning::Other(format!(
        "Only pull requests into {trusted} are planned: its settings are the ones that are trusted. \
         This one is into {}; change its base.",
        pull.base_ref
    )));
    // A plan set without plans: what was approved for another base is not approved any more.
    let policy = Digest::from_text("none");
    report.basis = Some(Basis { base: pull.base_ref.clone(), policy: policy.clone() });
    let set = PlanSet {
        pull_request: id_of(target),
        head: pull.head.clone(),
        base_commit: pull.base.clone(),
        merge_tree: pull.base.clone(),
        base_ref: pull.base_ref.clone(),
        digest: report.plan_set_digest(),
        policy_digest: policy,
        created_at: app.now(),
        report: report.clone(),
        plans: Vec::new(),
    };
    look.still_holds(app).await?;
    app.store.record_plan_set(&set).await?;
    tell(app, scene, &report).await
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
pub struct Change<'a> {
    pub scene: PlanContext<'a>,
    pub preview: &'a MergePreview,
    /// Which stacks were asked for; none means all.
    pub stacks: &'a [StackId],
}

type Affected = BTreeMap<StackId, BTreeSet<Reason>>;

async fn plan_change(app: &App, change: &Change<'_>, mut report: Report) -> Result<()> {
    let scene = &change.scene;
    let affected = match change.preview.affected() {
        Ok(affected) => affected,
        Err(findings) => return block(app, change, report, findings).await,
    };
    if let Some(stack) = change.stacks.iter().find(|stack| !affected.contains_key(*stack)) {
        return Err(Refusal::NotAffected { stack: stack.clone() }.into());
    }
    gate::refuse_own_code(app, change, &affected).await?;
    // From here on nothing is refused any more, so something will end the check.
    scene.begin().await;
    if scene.asked.is_some() {
        outbox::check(app, scene.target, &report).await?;
    }
    report.settings = match change.preview.settings() {
        Ok(settings) => settings,
        Err(findings) => return block(app, change, report, findings).await,
    };
    if affected.is_empty() && report.settings.is_none() {
        return nothing_affected(app, change, report).await;
    }
    let config = change.preview.config.clone();
    let config = match merge_preview::rules(config, affected.is_empty()) {
        Ok(config) => config,
        Err(findings) => return block(app, change, report, findings).await,
    };
    let shared = change.preview.shared_state();
    if !shared.is_empty() {
        return block(app, change, report, shared).await;
    }
    let plans = plan_stacks(app, change, (&config, &affected), &mut report).await?;
    record(app, change, (&config, plans), report).await
}

/// Plans each stack that is affected, side by side.
async fn plan_stacks(
    app: &App,
    change: &Change<'_>,
    (config, affected): (&RepoConfig, &Affected),
    report: &mut Report,
) -> Result<Vec<store::StackPlan>> {
    if affected.is_empty() {
        return Ok(Vec::new());
    }
    let policy = merge_preview::policy_digest(config);
    let hold = PlanGate::of(app, change).await?;
    let planning = Planning { app, change, config, policy: &policy, hold };
    let planned =
        future::try_join_all(affected.iter().map(|(stack, reasons)| planning.plan(stack, reasons)))
            .await?;
    let mut plans = Vec::new();
    for (stack, plan) in planned {
        report.stacks.push(stack);
        plans.extend(plan);
    }
    Ok(plans)
}

/// A check is enough, unless something was said before that no longer holds.
async fn nothing_affected(app: &App, change: &Change<'_>, mut report: Report) -> Result<()> {
    let (PlanContext { target, look, .. }, preview) = (change.scene, change.preview);
    report.state = State::NothingAffected;
    let was_planned = app.store.latest_plan_set(id_of(target)).await?.is_some();
    match &preview.config {
        Ok(config) if was_planned => record(app, change, (config, Vec::new()), report).await,
        _ if outbox::has_commented(app, target).await? => tell(app, &change.scene, &report).await,
        _ => {
            look.still_holds(app).await?;
            change.scene.watch.log.outcome(None, Some(&report)).await;
            outbox::check(app, target, &report).await
        }
    }
}

/// Stores the plan set, judges it, shows it, and notes when it was first shown.
async fn record(
    app: &App,
    change: &Change<'_>,
    (config, plans): (&RepoConfig, Vec<store::StackPlan>),
    mut report: Report,
) -> Result<()> {
    let (PlanContext { target, look, watch, .. }, preview) = (change.scene, change.preview);
    let (pull, policy) = (&look.pull, merge_preview::policy_digest(config));
    report.tell_self_approval(config.approvals.own && !report.is_about_nothing());
    // The digest of no plan at all would look like one that can be confirmed.
    let is_planned = report.stacks.iter().any(|stack| stack.plan.is_planned());
    report.digest = is_planned.then(|| report.plan_set_digest());
    report.basis = Some(Basis { base: pull.base_ref.clone(), policy: policy.clone() });
    let set = PlanSet {
        pull_request: id_of(target),
        head: pull.head.clone(),
        base_commit: preview.base_commit.clone(),
        merge_tree: preview.tree.clone(),
        base_ref: pull.base_ref.clone(),
        digest: report.plan_set_digest(),
        policy_digest: policy,
        created_at: app.now(),
        report: report.clone(),
        plans,
    };
    look.still_holds(app).await?;
    let id = app.store.record_plan_set(&set).await?;
    judged(app, change, (config, id), &mut report).await?;
    report.state = match pull.state {
        PullRequestState::Merged if report.is_about_settings_only() => State::SettingsActive,
        PullRequestState::Merged if !report.stacks.is_empty() && !report.has_errors() => {
            State::AwaitingConfirmation
        }
        _ => State::before_merge(&report, report.verdict.as_ref()),
    };
    look.still_holds(app).await?;
    app.store.record_report(id, &report).await?;
    watch.log.outcome(Some(id), None).await;
    outbox::show(app, target, &report).await?;
    make_ready(app, change, &report).await
}

/// A draft of our own is for people to look at once its plan has succeeded.
async fn make_ready(app: &App, change: &Change<'_>, report: &Report) -> Result<()> {
    let (target, pull) = (change.scene.target, &change.scene.look.pull);
    let is_due = pull.is_draft && pull.state == PullRequestState::Open && !report.has_errors();
    // What a run left unfinished is for people to finish.
    let run = app.store.agent_run_of_pull_request(id_of(target)).await?;
    let is_due = is_due && run.is_none_or(|run| run.facts.is_complete);
    if is_due && pull.author.login == *app.github.login().await? {
        app.github.mark_ready(&target.repository, &pull.node_id).await?;
    }
    Ok(())
}

/// Puts the verdict on a plan set into its report.
async fn judged(
    app: &App,
    change: &Change<'_>,
    (config, id): (&RepoConfig, PlanSetId),
    report: &mut Report,
) -> Result<()> {
    let plan_set = app.store.plan_set(id).await?;
    let case = facts::VerdictInput {
        target: change.scene.target,
        pull: &change.scene.look.pull,
        config,
        policy: merge_preview::policy_digest(config),
        plan_set: plan_set.as_ref(),
        report,
    };
    let (verdict, principals) = facts::gather_facts(app, &case).await?;
    report.verdict = Some(verdict.requirement().clone());
    report.principals = principals;
    Ok(())
}

/// Ends with findings that belong to no stack.
async fn block(
    app: &App,
    change: &Change<'_>,
    mut report: Report,
    findings: Vec<Finding>,
) -> Result<()> {
    report.findings = findings;
    report.state = State::Blocked;
    tell(app, &change.scene, &report).await
}

async fn tell(app: &App, scene: &PlanContext<'_>, report: &Report) -> Result<()> {
    scene.look.still_holds(app).await?;
    scene.begin().await;
    scene.watch.log.outcome(None, Some(report)).await;
    outbox::show(app, scene.target, report).await
}
