//! Everything a pull request's comment and check say, as values.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    approval::{Principal, plan_set_digest},
    digest::Digest,
    finding::{Finding, Severity},
    names::{BranchName, PrNumber, Sha, StackId},
    plan::{Plan, PlanSummary, Value},
    repo_config::SettingChange,
    risk::{self, Risk},
    verdict::{Outcome, Requirement},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub head: Sha,
    pub state: ChangeState,
    /// The digest of the plan set that is to be approved or confirmed, once there is one.
    pub digest: Option<Digest>,
    /// Into which branch and under which policy it was planned, once it is: another of either is
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
    pub policy: Digest,
}

/// What a pull request makes of `planwright.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SettingsChange {
    Removed,
    /// The settings that differ; none where only comments or layout do.
    Changed(Vec<SettingChange>),
}

/// Where a change stands (`change-control`, *States of a change*).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ChangeState {
    Planning,
    /// No stack is affected.
    NothingAffected,
    AwaitingApproval,
    Approved,
    /// Errors, conflicts, or something that nobody's approval replaces.
    Blocked,
    /// Merged, waiting for the lock of a stack.
    Queued,
    Applying,
    /// Applied, and a second plan was empty.
    Applied,
    /// Merged, but what would happen now is not what was approved.
    AwaitingConfirmation,
    Failed,
    /// Some stacks were applied, or one of them in part.
    Partial,
    /// A newer change of the same stacks was applied before.
    Superseded,
    /// Closed without a merge.
    #[serde(rename = "Released")]
    Closed,
    /// Cancelled, or overtaken by a newer head, before a plan came out.
    Stopped,
    /// Something of ours failed before a plan came out.
    #[serde(rename = "Broken")]
    InternalError,
    /// Merged, and only the settings change: they hold, and there is nothing to apply.
    #[serde(rename = "InForce")]
    SettingsActive,
}

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

/// Something that people should know each time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Warning {
    /// `approvals.self` is on.
    SelfApproval,
    /// It was planned under other settings than those by which it is judged now: what differs.
    PolicyChanged(Vec<SettingChange>),
    /// Any other, in a sentence.
    Other(String),
}

impl ChangeState {
    /// Where an open pull request stands, from how planning went and from the verdict.
    pub fn before_merge(report: &Change, verdict: Option<&Requirement>) -> Self {
        let is_pending = |stack: &StackChange| stack.plan == PlanOutcome::Pending;
        match verdict {
            _ if report.has_errors() => Self::Blocked,
            _ if report.stacks.iter().any(is_pending) => Self::Planning,
            _ if report.is_about_nothing() => Self::NothingAffected,
            Some(verdict) if verdict.met => Self::Approved,
            Some(verdict) if verdict.is_unfinished() => Self::Blocked,
            _ if report.stacks.iter().any(|stack| !stack.plan.is_planned()) => Self::Blocked,
            _ => Self::AwaitingApproval,
        }
    }
}

impl Change {
    /// What is said of a head while nothing is known of it.
    pub fn planning(head: Sha) -> Self {
        Self {
            head,
            state: ChangeState::Planning,
            digest: None,
            basis: None,
            stacks: Vec::new(),
            settings: None,
            findings: Vec::new(),
            conflicts: Vec::new(),
            verdict: None,
            principals: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The stacks as people want them: what failed, then the riskiest, then by name.
    pub fn riskiest_first(&self) -> Vec<&StackChange> {
        let mut stacks: Vec<&StackChange> = self.stacks.iter().collect();
        stacks.sort_by_cached_key(|stack| {
            (!stack.has_errors(), stack.risk().map_or((1, None), |r| (0, Some(r))), &stack.stack)
        });
        stacks
    }

    /// How many resources all plans touch together.
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

    /// Whether no stack is affected, and the settings neither.
    pub fn is_about_nothing(&self) -> bool {
        self.stacks.is_empty() && self.settings.is_none()
    }

    /// Whether the settings are all that it changes.
    pub fn is_about_settings_only(&self) -> bool {
        self.stacks.is_empty() && self.settings.is_some()
    }

    /// Says, or no longer says, that whoever shaped the change may approve it.
    pub fn tell_self_approval(&mut self, is_allowed: bool) {
        self.warnings.retain(|warning| *warning != Warning::SelfApproval);
        if is_allowed {
            self.warnings.insert(0, Warning::SelfApproval);
        }
    }

    /// Whether something is wrong that has to be mended before anything can be planned or applied.
    pub fn has_errors(&self) -> bool {
        !self.conflicts.is_empty()
            || has_error(&self.findings)
            || self.stacks.iter().any(StackChange::has_errors)
    }
}

impl StackChange {
    pub fn risk(&self) -> Option<Risk> {
        self.plan_at_stake().and_then(risk::worst)
    }

    /// The plan that the reader decides on: after the merge the one that came out then.
    pub fn plan_at_stake(&self) -> Option<&Plan> {
        match &self.progress {
            Some(StackProgress::Differs { now }) => Some(now),
            _ => self.plan.plan(),
        }
    }

    /// How planning it ended, for a verdict.
    pub fn outcome(&self) -> Outcome {
        match &self.progress {
            Some(StackProgress::Differs { now }) => PlanOutcome::Planned(now.clone()).outcome(),
            _ => self.plan.outcome(),
        }
    }

    /// Puts what came out after the merge in the place of what was approved before it.
    pub fn accept(&mut self) {
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

    /// Whether nothing of it was run, although nothing is wrong with it.
    pub fn is_withheld(&self) -> bool {
        matches!(self.plan, PlanOutcome::NotPlanned(_)) && !self.has_errors()
    }

    /// The command that shows the same to someone with a checkout.
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

    /// The same for a verdict.
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

/// Whether a finding stands in the way; warnings do not.
pub fn has_error(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}
