//! What is known of a change.

use serde::{Deserialize, Serialize};

use super::{ChangeState, StackChange, StackProgress, Warning};
use crate::{
    approval::{Principal, plan_set_digest},
    digest::Digest,
    finding::{Finding, has_error},
    names::{BranchName, Sha},
    plan::PlanSummary,
    repo_config::SettingChange,
    verdict::Requirement,
};

/// All that is known of a change at one moment: as it is stored, and as people are told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRecord {
    pub head: Sha,
    pub state: ChangeState,
    /// The digest of the plan set that is to be approved or confirmed, once there is one.
    pub digest: Option<Digest>,
    /// Into which branch and under which settings it was planned, once it is: another of either is
    /// another plan to approve, so the comment has to differ.
    pub basis: Option<Basis>,
    pub stacks: Vec<StackChange>,
    /// What it makes of `planwright.yaml`, if it touches that.
    pub settings: Option<SettingsChange>,
    /// What is wrong with files that belong to no stack, such as `planwright.yaml`.
    pub findings: Vec<Finding>,
    /// Files that keep head from being merged into base; then no stack is known.
    pub conflicts: Vec<String>,
    /// The tree of the verdict, once there is something to judge.
    pub verdict: Option<Requirement>,
    pub principals: Vec<Principal>,
    pub warnings: Vec<Warning>,
}

/// What a plan was made for, beside its head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    pub base: BranchName,
    pub settings: Digest,
}

/// What a pull request makes of `planwright.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SettingsChange {
    Removed,
    /// The settings that differ; none where only comments or layout do.
    Changed(Vec<SettingChange>),
}

impl ChangeRecord {
    /// Returns the stacks as people want them: what failed, then the riskiest, then by name.
    pub fn riskiest_first(&self) -> Vec<&StackChange> {
        let mut stacks: Vec<&StackChange> = self.stacks.iter().collect();
        stacks.sort_by_cached_key(|stack| {
            (!stack.has_errors(), stack.risk().map_or((1, None), |r| (0, Some(r))), &stack.stack)
        });
        stacks
    }

    /// Returns how many resources all plans touch together.
    pub fn summary(&self) -> PlanSummary {
        let mut sum = PlanSummary::default();
        for plan in self.stacks.iter().filter_map(StackChange::plan_at_stake) {
            sum += plan.summary();
        }
        sum
    }

    /// Over the plans of all stacks that have one: what an approval is bound to.
    pub fn plan_set_digest(&self) -> Digest {
        let digest =
            |stack: &StackChange| Some((stack.stack.clone(), stack.plan_at_stake()?.digest()));
        plan_set_digest(&self.stacks.iter().filter_map(digest).collect())
    }

    /// Returns whether any stack has a plan.
    pub fn has_plans(&self) -> bool {
        self.stacks.iter().any(|stack| stack.plan_at_stake().is_some())
    }

    /// Returns whether applying any stack has failed.
    pub fn has_failed_stacks(&self) -> bool {
        let has_failed =
            |stack: &StackChange| matches!(stack.progress, Some(StackProgress::Failed { .. }));
        self.stacks.iter().any(has_failed)
    }

    /// Returns whether no stack is affected, and the settings neither.
    pub fn is_about_nothing(&self) -> bool {
        self.stacks.is_empty() && self.settings.is_none()
    }

    /// Returns whether the settings are all that it changes.
    pub fn is_about_settings_only(&self) -> bool {
        self.stacks.is_empty() && self.settings.is_some()
    }

    /// Returns whether something is wrong that has to be mended before anything can be planned or
    /// applied.
    pub fn has_errors(&self) -> bool {
        !self.conflicts.is_empty()
            || has_error(&self.findings)
            || self.stacks.iter().any(StackChange::has_errors)
    }
}
