//! One stack of a change: its plan, its drift, and how applying it goes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Inputs;
use crate::{
    digest::Digest,
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
    /// Addresses of protected resources that the plan deletes or replaces.
    pub protected: BTreeSet<String>,
    /// Whether other code would run for the stack than before, or its commands would get other
    /// values, which an empty plan does not show.
    pub changes_code: bool,
    /// The content digest of the repository's own code that it runs; `None` if all of it came with
    /// the binary, or is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Digest>,
    /// What its plan is made from; `None` if it is not planned, or was planned by a version that did
    /// not record it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Inputs>,
    /// What is to be read with the plan: what the code does that it does not show, and whether it
    /// repeats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cautions: Vec<Finding>,
    /// How applying it goes; `None` before the merge.
    pub progress: Option<StackProgress>,
}

/// How planning a stack went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlanOutcome {
    Pending,
    Planned(Plan),
    Invalid(Vec<Finding>),
    /// The message of the engine, without secrets.
    EngineFailed(String),
    NotPlanned(NotPlanned),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotPlanned {
    Fork,
    /// Whoever pushed the head has no write access.
    PusherMayNotWrite,
    /// The pull request changes the files of this package.
    PackageBytes(String),
    /// The folder was renamed, which does not move the state of the stack.
    Renamed {
        from: StackId,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DriftCheck {
    /// The stack was never applied, so nothing can have drifted.
    NeverApplied,
    /// Drift was not checked, for this reason.
    Unknown(String),
    /// The plan of the last applied tree.
    Checked(Plan),
}

/// How applying a stack goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StackProgress {
    /// The stack waits for its lock: its position from 1, and who holds the lock.
    Queued {
        position: usize,
        behind: Option<PrNumber>,
    },
    Applying,
    /// Applied and verified, with the outputs as they are now.
    Applied {
        outputs: BTreeMap<String, Value>,
    },
    /// It was planned again after the merge, with another result.
    Differs {
        now: Plan,
    },
    /// The message of the engine, without secrets, and what is known about the resources.
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
        let of_plan = self.plan_at_stake().and_then(risk::worst);
        let runs_commands = self.cautions.iter().any(|it| it.code == "runs_command");
        // An empty plan starts no command.
        let commands =
            (runs_commands && (of_plan.is_some() || self.changes_code)).then_some(Risk::Commands);
        of_plan.into_iter().chain(commands).min()
    }

    /// Returns the plan to decide on: after the merge the one made then, if it differs.
    pub fn plan_at_stake(&self) -> Option<&Plan> {
        match &self.progress {
            Some(StackProgress::Differs { now }) => Some(now),
            _ => self.plan.plan(),
        }
    }

    /// Returns the digest of the plan to decide on and of its inputs; `None` if there is no plan.
    pub fn digest(&self) -> Option<Digest> {
        let plan = self.plan_at_stake()?.digest();
        Some(self.inputs.as_ref().map_or_else(|| plan.clone(), |inputs| inputs.digest_with(&plan)))
    }

    /// Returns how planning the stack ended, for the verdict.
    pub fn outcome(&self) -> Outcome {
        match self.plan_at_stake() {
            Some(plan) if plan.is_empty() => Outcome::NoChanges,
            Some(_) => Outcome::Planned,
            None => self.plan.outcome(),
        }
    }

    /// Replaces the plan by the one made after the merge, if it differs, and clears the progress of
    /// an earlier apply.
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

    /// Returns whether it was deliberately not planned, although nothing is wrong with it.
    pub fn is_withheld(&self) -> bool {
        matches!(self.plan, PlanOutcome::NotPlanned(_)) && !self.has_errors()
    }

    /// Returns the command that shows the same plan in a checkout.
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

    /// Returns how planning ended, for the verdict.
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
