//! The fourth stage: the plan of each affected stack.

use futures::future;

use planwright_core::change::StackChange;
use planwright_store as store;

use super::{Planning, affect::Affected, gate::PlanGate, stack::StackPlanning};
use crate::flow::{Result, merge_preview::MergePreview};

/// The planned stacks of a change, and the plans to store.
#[derive(Default)]
pub struct PlannedStacks {
    pub stacks: Vec<StackChange>,
    pub plans: Vec<store::StackPlan>,
}

/// Plans all affected stacks concurrently.
pub async fn plan_stacks(
    planning: &Planning<'_>,
    preview: &MergePreview,
    affected: &Affected,
) -> Result<PlannedStacks> {
    if affected.stacks.is_empty() {
        return Ok(PlannedStacks::default());
    }
    let gate = PlanGate::new(planning, affected.code.clone()).await?;
    let stacks = StackPlanning {
        planning,
        preview,
        config: &affected.config,
        settings_digest: &affected.settings_digest,
        state_owners: &affected.state_owners,
        gate,
    };
    let plans = affected.stacks.iter().map(|(stack, reasons)| stacks.plan(stack, reasons));
    let (stacks, plans): (Vec<_>, Vec<_>) = future::try_join_all(plans).await?.into_iter().unzip();
    Ok(PlannedStacks { stacks, plans: plans.into_iter().flatten().collect() })
}
