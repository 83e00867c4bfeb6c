//! What is known of a change.

use std::collections::BTreeSet;

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

/// All that is known of a change at one moment: what is stored, and what people are shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRecord {
    pub head: Sha,
    pub state: ChangeState,
    /// The digest of the plan set that is to be approved or confirmed, once there is one.
    pub digest: Option<Digest>,
    /// What it was planned for, once it has been. A change of either field makes another plan to
    /// approve, so the comment shows both.
    pub basis: Option<Basis>,
    pub stacks: Vec<StackChange>,
    /// How it changes `planwright.yaml`, if it does.
    pub settings: Option<SettingsChange>,
    /// The code that it adds or changes, whether or not a stack runs it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub code: Vec<CodeChange>,
    /// Errors in files that belong to no stack, such as `planwright.yaml`.
    pub findings: Vec<Finding>,
    /// Files whose conflicts prevent a merge of the head into the base; then no stack is known.
    pub conflicts: Vec<String>,
    /// The tree of requirements, once there is a verdict.
    pub verdict: Option<Requirement>,
    pub principals: Vec<Principal>,
    pub warnings: Vec<Warning>,
}

/// What a plan was made for, besides its head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    pub base: BranchName,
    pub settings: Digest,
}

/// How a pull request changes `planwright.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SettingsChange {
    Removed,
    /// The settings that differ; empty if only comments or layout differ.
    Changed(Vec<SettingChange>),
}

/// Code that a pull request adds or changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeChange {
    /// The folder of a package, or a file that decides who approves.
    pub path: String,
    /// The content digest of a package.
    pub digest: Option<Digest>,
    /// What it does beside the resources that a plan shows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cautions: Vec<Finding>,
}

impl ChangeRecord {
    /// Returns the stacks in the order in which they are shown: failed ones, then by risk, then by
    /// name.
    pub fn riskiest_first(&self) -> Vec<&StackChange> {
        let mut stacks: Vec<&StackChange> = self.stacks.iter().collect();
        stacks.sort_by_cached_key(|stack| {
            (!stack.has_errors(), stack.risk().map_or((1, None), |r| (0, Some(r))), &stack.stack)
        });
        stacks
    }

    /// Returns how many resources all plans together would change, by action.
    pub fn summary(&self) -> PlanSummary {
        let mut sum = PlanSummary::default();
        for plan in self.stacks.iter().filter_map(StackChange::plan_at_stake) {
            sum += plan.summary();
        }
        sum
    }

    /// Returns the digest over the plans of all stacks that have one, their inputs and the code, to
    /// which an approval is bound.
    pub fn plan_set_digest(&self) -> Digest {
        let digest = |stack: &StackChange| Some((stack.stack.clone(), stack.digest()?));
        plan_set_digest(&self.stacks.iter().filter_map(digest).collect(), &self.code_digests())
    }

    /// Returns the content digests of the repository's own code that it adds, changes or runs.
    pub fn code_digests(&self) -> BTreeSet<Digest> {
        let added = self.code.iter().filter_map(|code| code.digest.clone());
        added.chain(self.stacks.iter().filter_map(|stack| stack.code.clone())).collect()
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

    /// Returns whether it affects no stack and changes neither the settings nor code.
    pub fn is_about_nothing(&self) -> bool {
        self.stacks.is_empty() && !self.changes_rules()
    }

    /// Returns whether it takes an approval although it affects no stack, because it changes the
    /// settings or code. Then nothing is applied for it.
    pub fn is_about_rules_only(&self) -> bool {
        self.stacks.is_empty() && self.changes_rules()
    }

    /// Returns whether it changes the settings or code, by which later changes are made.
    fn changes_rules(&self) -> bool {
        self.settings.is_some() || !self.code.is_empty()
    }

    /// Returns whether there are errors that have to be corrected before anything is planned or
    /// applied.
    pub fn has_errors(&self) -> bool {
        !self.conflicts.is_empty()
            || has_error(&self.findings)
            || self.stacks.iter().any(StackChange::has_errors)
    }
}
