//! The fifth stage: records the plan set, and computes the verdict.

use planwright_core::{
    change::{Basis, PlannedSet},
    pull_request::PullRequestState,
};
use planwright_store::PlanSet;

use super::{Planning, affect::Affected, publish::Outcome, stacks::PlannedStacks};
use crate::flow::{Result, facts, merge_preview::MergePreview};

/// Records the plan set and computes the verdict on the change.
pub async fn judge(
    planning: &Planning<'_>,
    preview: &MergePreview,
    affected: Affected,
    planned: PlannedStacks,
) -> Result<Outcome> {
    let (context, pull) = (planning.context, planning.pull());
    let app = context.app;
    let Affected { change, config, settings_digest, .. } = affected;
    let change = change.planned(PlannedSet {
        stacks: planned.stacks,
        basis: Basis { base: pull.base_ref.clone(), settings: settings_digest.clone() },
        allows_self_approval: config.approvals.own,
    })?;
    let set = PlanSet {
        pull_request: planning.id(),
        head: pull.head.clone(),
        base_commit: preview.base_commit.clone(),
        merge_tree: preview.tree.clone(),
        base_ref: pull.base_ref.clone(),
        digest: change.plan_set_digest(),
        settings_digest: settings_digest.clone(),
        created_at: app.now(),
        plans: planned.plans,
    };
    planning.looked.snapshot.still_holds(app).await?;
    let id = app.store.record_plan_set(&set, &change).await?;
    // Only the recorded plan set has the time at which an equal one was posted before.
    let recorded = app.store.plan_set(id).await?;
    let input = facts::VerdictInput {
        target: context.target,
        pull,
        config: &config,
        settings_digest,
        plan_set: recorded.as_ref(),
        change: &change,
    };
    let (_, judgement) = facts::gather_facts(app, &input).await?;
    let mut change = change.judged(judgement)?;
    if pull.state == PullRequestState::Merged {
        change = change.merged()?;
    }
    Ok(Outcome { plan_set: Some(id), ..Outcome::for_all(change) })
}
