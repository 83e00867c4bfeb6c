//! A pull request was opened or pushed to, or somebody asked: plan every stack that it affects.
//!
//! Ends with one comment and one check run that say what would happen and what is still missing.
//! Nothing is applied here.

mod stack;

use std::collections::BTreeMap;

use futures::future;

use crate::{
    app::App,
    domain::{
        approval::plan_set_digest,
        digest::Digest,
        job::{Asked, Target},
        names::StackId,
        pull_request::{PullRequest, PullRequestState},
        reply::{Basis, Refusal, Report, State, Warning},
        verdict::Verdict,
    },
    store::{self, PlanSet, PlanSetId},
};

use super::{
    Error, Result, Watch,
    ground::{self, Ground, Merged},
    id_of, judge, outbox,
};

pub use stack::{Kind, Planning, Work, drift_of, planned};

/// Plans what the pull request would do; `asked` by whom, and for which stacks (none: all).
pub async fn plan(
    app: &App,
    target: &Target,
    (asked, stacks): (Option<&Asked>, &[StackId]),
    watch: &Watch,
) -> Result<()> {
    let pull = app.github.pull_request(&target.repository, target.number).await?;
    remember(app, target, &pull).await?;
    let mut report = Report::planning(pull.head.clone());
    if !pull.is_into_default_branch() && pull.state == PullRequestState::Open {
        return other_base(app, target, &pull, report).await;
    }
    let ground = match (pull.state, &pull.merge_commit) {
        (PullRequestState::Merged, _) if !pull.is_into_default_branch() => return Ok(()),
        (PullRequestState::Open, _) => {
            // Stacks that are named may be refused, and then nothing would end the check.
            if stacks.is_empty() {
                outbox::check(app, target, &report, true).await?;
            }
            match ground::ground(app, target, &pull).await? {
                Merged::Ground(ground) => ground,
                Merged::Conflict(paths) => {
                    report.conflicts = paths;
                    report.state = State::Blocked;
                    return tell(app, target, &report).await.map(drop);
                }
            }
        }
        (PullRequestState::Merged, Some(commit))
            if asked.is_none() && !is_planned(app, target, &pull).await? =>
        {
            // It was merged before it was planned: what would happen still has to be read.
            ground::merged_ground(app, target, (&pull, commit)).await?
        }
        _ => return if asked.is_some() { Err(Refusal::Closed.into()) } else { Ok(()) },
    };
    let change = Change { target, pull: &pull, ground: &ground, asked, stacks };
    match plan_change(app, &change, report, watch).await {
        Err(Error::Stopped) => stopped(app, target, &pull).await,
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
    outbox::check(app, target, &report, false).await?;
    Err(Error::Stopped)
}

/// Nothing is run of it, and its check never passes.
async fn other_base(
    app: &App,
    target: &Target,
    pull: &PullRequest,
    mut report: Report,
) -> Result<()> {
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
        digest: digest_of(&report),
        policy_digest: policy,
        created_at: app.now(),
        report: report.clone(),
        plans: Vec::new(),
    };
    app.store.record_plan_set(&set).await?;
    tell(app, target, &report).await
}

/// A pull request as it is being planned.
pub struct Change<'a> {
    pub target: &'a Target,
    pub pull: &'a PullRequest,
    pub ground: &'a Ground,
    pub asked: Option<&'a Asked>,
    /// Which stacks were asked for; none means all.
    pub stacks: &'a [StackId],
}

async fn plan_change(
    app: &App,
    change: &Change<'_>,
    mut report: Report,
    watch: &Watch,
) -> Result<()> {
    let affected = match change.ground.affected() {
        Ok(affected) => affected,
        Err(findings) => return block(app, change, report, findings).await,
    };
    if let Some(stack) = change.stacks.iter().find(|stack| !affected.contains_key(*stack)) {
        return Err(Refusal::NotAffected { stack: stack.clone() }.into());
    }
    if !change.stacks.is_empty() {
        outbox::check(app, change.target, &report, true).await?;
    }
    if affected.is_empty() {
        return nothing_affected(app, change, report).await;
    }
    let config = match &change.ground.config {
        Ok(config) => config,
        Err(findings) => return block(app, change, report, findings.clone()).await,
    };
    let shared = change.ground.shared_state();
    if !shared.is_empty() {
        return block(app, change, report, shared).await;
    }
    let policy = ground::policy_digest(config);
    let planning = Planning::of(app, change, (config, &policy)).await?;
    let planned = future::try_join_all(
        affected.iter().map(|(stack, reasons)| planning.plan(stack, reasons, watch)),
    )
    .await?;
    report.warnings.extend(config.approvals.own.then_some(Warning::SelfApproval));
    let mut rows = Vec::new();
    for (stack, row) in planned {
        report.stacks.push(stack);
        rows.extend(row);
    }
    // The digest of no plan at all would look like one that can be confirmed.
    let is_planned = report.stacks.iter().any(|stack| stack.plan.is_planned());
    report.digest = is_planned.then(|| digest_of(&report));
    record(app, change, (&policy, rows), report).await
}

/// A check is enough, unless something was said before that no longer holds.
async fn nothing_affected(app: &App, change: &Change<'_>, mut report: Report) -> Result<()> {
    let Change { target, ground, .. } = change;
    report.state = State::NothingAffected;
    let was_planned = app.store.latest_plan_set(id_of(target)).await?.is_some();
    match &ground.config {
        Ok(config) if was_planned => {
            let policy = ground::policy_digest(config);
            record(app, change, (&policy, Vec::new()), report).await
        }
        _ if outbox::has_commented(app, target).await? => tell(app, target, &report).await,
        _ => outbox::check(app, target, &report, false).await,
    }
}

/// Over the plans of all stacks that have one.
pub fn digest_of(report: &Report) -> Digest {
    let digests: BTreeMap<StackId, Digest> = report
        .stacks
        .iter()
        .filter_map(|stack| Some((stack.stack.clone(), stack.plan_at_stake()?.digest())))
        .collect();
    plan_set_digest(&digests)
}

/// Stores the plan set, judges it, shows it, and notes when it was first shown.
async fn record(
    app: &App,
    change: &Change<'_>,
    (policy, plans): (&Digest, Vec<store::StackPlan>),
    mut report: Report,
) -> Result<()> {
    let Change { target, pull, ground, .. } = change;
    report.basis = Some(Basis { base: pull.base_ref.clone(), policy: policy.clone() });
    let set = PlanSet {
        pull_request: id_of(target),
        head: pull.head.clone(),
        base_commit: ground.base_commit.clone(),
        merge_tree: ground.tree.clone(),
        base_ref: pull.base_ref.clone(),
        digest: digest_of(&report),
        policy_digest: policy.clone(),
        created_at: app.now(),
        report: report.clone(),
        plans,
    };
    let id = app.store.record_plan_set(&set).await?;
    let verdict = judged(app, change, id, &mut report).await?;
    report.state = match pull.state {
        PullRequestState::Merged if !report.stacks.is_empty() && !report.has_errors() => {
            State::AwaitingConfirmation
        }
        _ => State::before_merge(&report, Some(&verdict)),
    };
    app.store.record_report(id, &report).await?;
    outbox::show(app, target, &report, true).await?;
    make_ready(app, change, &report).await
}

/// A draft of our own is for people to look at once its plan has succeeded.
async fn make_ready(app: &App, change: &Change<'_>, report: &Report) -> Result<()> {
    let Change { target, pull, .. } = change;
    let is_due = pull.is_draft && pull.state == PullRequestState::Open && !report.has_errors();
    if is_due && pull.author.login == *app.github.login().await? {
        app.github.mark_ready(&target.repository, &pull.node_id).await?;
    }
    Ok(())
}

/// Puts the verdict on a plan set into its report.
async fn judged(
    app: &App,
    change: &Change<'_>,
    id: PlanSetId,
    report: &mut Report,
) -> Result<Verdict> {
    let plan_set = app.store.plan_set(id).await?;
    let Ok(config) = &change.ground.config else {
        return Err(anyhow::anyhow!("a plan set without settings was recorded").into());
    };
    let case = judge::Case {
        target: change.target,
        pull: change.pull,
        config,
        policy: ground::policy_digest(config),
        plan_set: plan_set.as_ref(),
        report,
    };
    let (verdict, principals) = judge::judge(app, &case).await?;
    report.verdict = Some(verdict.requirement().clone());
    report.principals = principals;
    Ok(verdict)
}

/// Ends with findings that belong to no stack.
async fn block(
    app: &App,
    change: &Change<'_>,
    mut report: Report,
    findings: Vec<crate::domain::finding::Finding>,
) -> Result<()> {
    report.findings = findings;
    report.state = State::Blocked;
    tell(app, change.target, &report).await
}

async fn tell(app: &App, target: &Target, report: &Report) -> Result<()> {
    outbox::show(app, target, report, true).await
}

/// Remembers what a look at GitHub showed.
pub async fn remember(app: &App, target: &Target, pull: &PullRequest) -> Result<()> {
    let state = match pull.state {
        PullRequestState::Open => store::PullRequestState::Open,
        PullRequestState::Closed => store::PullRequestState::Closed,
        PullRequestState::Merged => store::PullRequestState::Merged,
    };
    Ok(app.store.record_pull_request(id_of(target), &pull.head, state).await?)
}
