//! The state of a change, derived from what is known of it.

use serde::{Deserialize, Serialize};

use super::{ChangeRecord, PlanOutcome, StackChange, StackProgress, Warning};

/// The state of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ChangeState {
    Planning,
    /// No stack is affected.
    NothingAffected,
    AwaitingApproval,
    Approved,
    /// There are errors, conflicts, or a requirement that no approval can meet.
    Blocked,
    /// Merged, waiting for the lock of a stack.
    Queued,
    Applying,
    /// Applied, and a second plan was empty.
    Applied,
    /// Merged, but the plan of now is not the one that was approved.
    AwaitingConfirmation,
    Failed,
    /// Some stacks were applied, or one of them in part.
    Partial,
    /// A newer change of the same stacks was applied first.
    Superseded,
    /// Closed without a merge.
    #[serde(rename = "Released")]
    Closed,
    /// Planning was cancelled, or replaced by that of a newer head.
    Stopped,
    /// The bot itself failed before there was a plan.
    #[serde(rename = "Broken")]
    InternalError,
    /// Merged, with changes of settings or code only: they are active, and there is nothing to
    /// apply.
    #[serde(rename = "InForce")]
    SettingsActive,
}

impl ChangeState {
    pub const ALL: [Self; 16] = [
        Self::Planning,
        Self::NothingAffected,
        Self::AwaitingApproval,
        Self::Approved,
        Self::Blocked,
        Self::Queued,
        Self::Applying,
        Self::Applied,
        Self::AwaitingConfirmation,
        Self::Failed,
        Self::Partial,
        Self::Superseded,
        Self::Closed,
        Self::Stopped,
        Self::InternalError,
        Self::SettingsActive,
    ];

    /// Returns whether the state is one from before the merge. A change keeps it until the apply
    /// that follows the merge begins.
    pub fn is_before_merge(self) -> bool {
        matches!(
            self,
            Self::Planning
                | Self::NothingAffected
                | Self::AwaitingApproval
                | Self::Approved
                | Self::Blocked
                | Self::Closed
        )
    }

    /// Returns whether the state is final: another plan is another change.
    pub fn is_over(self) -> bool {
        matches!(
            self,
            Self::Applied
                | Self::Superseded
                | Self::Stopped
                | Self::InternalError
                | Self::SettingsActive
        )
    }
}

impl ChangeRecord {
    /// Returns the state of an open pull request, from its plans and its verdict.
    pub fn state_before_merge(&self) -> ChangeState {
        let is_pending = |stack: &StackChange| stack.plan == PlanOutcome::Pending;
        let is_other_base = |warning: &Warning| matches!(warning, Warning::OtherBase { .. });
        match &self.verdict {
            _ if self.has_errors() => ChangeState::Blocked,
            // Nothing was planned, so `NothingAffected` would be wrong.
            _ if self.warnings.iter().any(is_other_base) => ChangeState::Blocked,
            _ if self.stacks.iter().any(is_pending) => ChangeState::Planning,
            _ if self.is_about_nothing() => ChangeState::NothingAffected,
            Some(verdict) if verdict.met => ChangeState::Approved,
            Some(verdict) if verdict.is_unfinished() => ChangeState::Blocked,
            _ if self.stacks.iter().any(|stack| !stack.plan.is_planned()) => ChangeState::Blocked,
            _ => ChangeState::AwaitingApproval,
        }
    }

    /// Returns the state after an apply, from the progress of each stack. `has_begun` is whether a
    /// resource of any stack may have changed.
    pub(super) fn state_after_apply(&self, has_begun: bool) -> ChangeState {
        let progress = || self.stacks.iter().filter_map(|stack| stack.progress.as_ref());
        let applied = progress().filter(|it| matches!(it, StackProgress::Applied { .. })).count();
        let superseded =
            progress().filter(|it| matches!(it, StackProgress::Superseded { .. })).count();
        match progress().count() {
            all if superseded == all && all > 0 => ChangeState::Superseded,
            all if applied + superseded == all => ChangeState::Applied,
            _ if applied > 0 || has_begun => ChangeState::Partial,
            _ => ChangeState::Failed,
        }
    }
}
