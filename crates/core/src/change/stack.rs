//! One stack of a change: its plan, its drift, and how applying it goes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    finding::Finding,
    names::{PrNumber, Sha, StackId},
    plan::{Plan, Value},
    risk::{self, Risk},
    verdict::Outcome,
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackChange {
    pub stack: StackId,
    pub plan: PlanOutcome,
    pub drift: DriftCheck,
    /// Addresses in protected slots that the plan deletes or replaces.
    pub protected: BTreeSet<String>,
    /// Whether other code is run for it than before, which an empty plan does not show.
    pub changes_code: bool,
    /// After the merge.
    pub progress: Option<StackProgress>,
}

/// How planning a stack went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlanOutcome {
    Pending,
    Planned(Plan),
    Invalid(Vec<Finding>),
    /// What the engine said, already scrubbed of secrets.
    EngineFailed(String),
    NotPlanned(NotPlanned),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotPlanned {
    Fork,
    /// Whoever pushed has no write access.
    PusherMayNotWrite,
    /// The pull request changes the bytes of this package.
    PackageBytes(String),
    /// The files moved; a state does not.
    Renamed {
        from: StackId,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DriftCheck {
    /// It was never applied, so nothing can have drifted.
    NeverApplied,
    /// It was not checked, and why.
    Unknown(String),
    /// The plan of the last applied tree.
    Checked(Plan),
}

/// How applying a stack goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StackProgress {
    /// Its place in the queue for the lock, from 1, and who holds the lock.
    Queued {
        position: usize,
        behind: Option<PrNumber>,
    },
    Applying,
    /// Applied and verified, with the outputs as they are now.
    Applied {
        outputs: BTreeMap<String, Value>,
    },
    /// Planned again after the merge, and another plan came out.
    Differs {
        now: Plan,
    },
    /// What the engine said, already scrubbed of secrets, and what is known to stand.
    Failed {
        message: String,
    },
    /// A stack that it depends on failed.
    NotStarted {
        because_of: StackId,
    },
    Superseded {
        by: Sha,
    },
}

impl StackChange {
    pub fn risk(&self) -> Option<Risk> {
        self.plan_at_stake().and_then(risk::worst)
    }

    /// Returns the plan that the reader decides on: after the merge the one that came out then.
    pub fn plan_at_stake(&self) -> Option<&Plan> {
        match &self.progress {
            Some(StackProgress::Differs { now }) => Some(now),
            _ => self.plan.plan(),
        }
    }

    /// Returns how planning it ended, for a verdict.
    pub fn outcome(&self) -> Outcome {
        match self.plan_at_stake() {
            Some(plan) if plan.is_empty() => Outcome::NoChanges,
            Some(_) => Outcome::Planned,
            None => self.plan.outcome(),
        }
    }

    /// Puts what came out after the merge in the place of what was approved before it, and forgets
    /// how an earlier apply went.
    pub(super) fn accept(&mut self) {
        if let Some(StackProgress::Differs { now }) = self.progress.take() {
            self.plan = PlanOutcome::Planned(now);
        }
    }

    pub fn has_errors(&self) -> bool {
        match &self.plan {
            PlanOutcome::Invalid(_) | PlanOutcome::EngineFailed(_) => true,
            PlanOutcome::NotPlanned(why) => matches!(why, NotPlanned::Renamed { .. }),
            PlanOutcome::Pending | PlanOutcome::Planned(_) => false,
        }
    }

    /// Returns whether nothing of it was run, although nothing is wrong with it.
    pub fn is_withheld(&self) -> bool {
        matches!(self.plan, PlanOutcome::NotPlanned(_)) && !self.has_errors()
    }

    /// Returns the command that shows the same to someone with a checkout.
    pub fn command(&self) -> String {
        format!("planwright plan stacks/{}", self.stack)
    }
}

impl PlanOutcome {
    pub fn plan(&self) -> Option<&Plan> {
        match self {
            Self::Planned(plan) => Some(plan),
            _ => None,
        }
    }

    pub fn is_planned(&self) -> bool {
        self.plan().is_some()
    }

    /// Returns the same for a verdict.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Pending => Outcome::Pending,
            Self::Planned(plan) if plan.is_empty() => Outcome::NoChanges,
            Self::Planned(_) => Outcome::Planned,
            Self::Invalid(_) => Outcome::Invalid,
            Self::EngineFailed(_) => Outcome::EngineFailed,
            Self::NotPlanned(_) => Outcome::NotPlanned,
        }
    }
}
