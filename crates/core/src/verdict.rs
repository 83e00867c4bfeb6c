//! Whether a change may be applied now: a tree of requirements, each with its reason.
//!
//! Pure, and computed anew from current facts each time: an apply never relies on a stored verdict.
//! Reasons are types, for which `view` has the texts. An apply needs [`RequirementsMet`], which is
//! returned only by a verdict with all requirements met; [`RequirementsMet::is_for`] compares the
//! plan after the merge with the approved one.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    agent::event::End,
    approval::{self, ApprovalRule, Approvals, Disqualification, PlanSetFacts, Principal, Review},
    digest::Digest,
    names::{BranchName, Login, Sha, StackId, UserId},
    plan::{Plan, ResourceChange},
};

/// Everything that a verdict depends on.
#[derive(Clone, Debug)]
pub struct VerdictFacts<'a> {
    pub current: &'a Current,
    /// The newest plan set of the change, whatever its head; `None` if there is none.
    pub plan_set: Option<&'a PlanSetFacts>,
    /// All affected stacks.
    pub stacks: &'a [StackFacts],
    /// What is missing, if a run of the agent left the head unfinished.
    pub unfinished: Option<&'a Unfinished>,
    /// Whether the change is one of `planwright.yaml`, which needs an approval of its own.
    pub changes_settings: bool,
    /// Whether it adds or changes code, which needs an approval although no stack may run it yet.
    pub changes_code: bool,
    /// The content digests of the repository's own code that it adds, changes or runs.
    pub code: &'a BTreeSet<Digest>,
    pub principals: &'a [Principal],
    pub reviews: &'a [Review],
    pub allowances: &'a [Allowance],
    pub rule: ApprovalRule,
}

/// The current state, read from GitHub and from the base commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Current {
    pub head: Sha,
    pub base: BranchName,
    pub settings_digest: Digest,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackFacts {
    pub stack: StackId,
    pub outcome: Outcome,
    /// The digest of its plan and of what it is made from, if there is one.
    pub digest: Option<Digest>,
    /// Addresses of protected resources that the plan deletes or replaces; see
    /// [`protected_changes`].
    pub protected: BTreeSet<String>,
    /// Whether other code would run for the stack than before, which an empty plan does not show.
    pub changes_code: bool,
}

/// How planning a stack ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Outcome {
    Planned,
    NoChanges,
    Pending,
    Invalid,
    EngineFailed,
    NotPlanned,
    Conflict,
}

/// Why a head that a run of the agent published is unfinished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Unfinished {
    /// How the run ended, and whether its last edits were planned.
    Ended { how: End, is_planned: bool },
    /// A sentence, in changes that were stored before the facts were.
    Told(String),
}

/// An `/infra allow` command: somebody allows changes of protected resources. It is bound to head,
/// plan and settings like an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    pub given: Review,
    pub stack: StackId,
    pub addresses: BTreeSet<String>,
}

/// A condition for applying, whether it is met, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    pub what: RequirementKind,
    pub met: bool,
    pub why: RequirementStatus,
    pub children: Vec<Requirement>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequirementKind {
    /// The root: the change can be applied.
    Applicable,
    /// The run of the agent that made the head has finished it.
    Finished,
    Planned,
    Stack(StackId),
    Fresh,
    SameHead,
    SameBase,
    SameSettings,
    /// The stacks and their plans are those of the plan set.
    SamePlans,
    ProtectedAllowed,
    Protected {
        stack: StackId,
        address: String,
    },
    Approved,
    ApprovalBy(Login),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequirementStatus {
    /// The status follows from the children.
    Children,
    Unfinished(Unfinished),
    NothingPlanned,
    Outcome(Outcome),
    Same,
    HeadMoved {
        planned: Sha,
        current: Sha,
    },
    Retargeted {
        planned: BranchName,
        current: BranchName,
    },
    SettingsChanged,
    PlansDiffer,
    NoneProtected,
    AllowedBy(Login),
    NotAllowed,
    AllowanceDiscounted {
        by: Login,
        why: Disqualification,
    },
    /// Neither a stack, nor its code, nor the settings would change.
    NothingToApprove,
    Approvals {
        given: usize,
        required: usize,
    },
    Counts,
    /// The approval of a principal counts, because the repository allows that.
    CountsForOwnChange,
    DoesNotCount(Disqualification),
}

/// Whether a change may be applied, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    root: Requirement,
    plan_set: Option<PlanSetFacts>,
    approvals: Approvals,
}

/// Proof that every requirement is met. Only [`Verdict::requirements_met`] makes one.
#[derive(Debug)]
#[must_use = "it is there to be handed to an apply"]
pub struct RequirementsMet {
    plan_set: PlanSetFacts,
    approvals: Approvals,
}

/// Decides whether a change may be applied.
pub fn verdict(facts: &VerdictFacts) -> Verdict {
    let approvals = facts.plan_set.map_or_else(Approvals::default, |plan_set| {
        plan_set.approvals(facts.reviews, facts.principals, facts.rule)
    });
    let finished = facts.unfinished.map(unfinished);
    let others =
        [planned(facts), fresh(facts), protected_allowed(facts), approved(facts, &approvals)];
    let root = all(RequirementKind::Applicable, finished.into_iter().chain(others).collect());
    Verdict { root, plan_set: facts.plan_set.cloned(), approvals }
}

impl Requirement {
    /// Returns the first child that is not met.
    pub fn first_unmet(&self) -> Option<&Self> {
        self.children.iter().find(|child| !child.met)
    }

    /// Returns whether a run of the agent left the change unfinished. To be called on the root.
    pub fn is_unfinished(&self) -> bool {
        self.children.iter().any(|child| child.what == RequirementKind::Finished && !child.met)
    }
}

impl Verdict {
    pub fn is_met(&self) -> bool {
        self.root.met
    }

    /// Returns the root of the tree.
    pub fn requirement(&self) -> &Requirement {
        &self.root
    }

    pub fn approvals(&self) -> &Approvals {
        &self.approvals
    }

    /// Returns the proof for an apply, if every requirement is met.
    pub fn requirements_met(&self) -> Option<RequirementsMet> {
        let plan_set = self.plan_set.clone().filter(|_| self.is_met())?;
        Some(RequirementsMet { plan_set, approvals: self.approvals.clone() })
    }
}

impl RequirementsMet {
    pub fn head(&self) -> &Sha {
        &self.plan_set.head
    }

    pub fn digest(&self) -> &Digest {
        &self.plan_set.digest
    }

    pub fn approved_by(&self) -> impl Iterator<Item = UserId> {
        self.approvals.by.keys().copied()
    }

    /// Returns whether the plan set of now is the one that was approved.
    pub fn is_for(&self, plan_set_now: &Digest) -> bool {
        self.plan_set.digest == *plan_set_now
    }
}

/// Returns the changes of a plan that delete or replace something in one of the protected slots.
///
/// A slot is a module of the stack's root module, so the address begins with `module.<slot>`,
/// before or after a move.
pub fn protected_changes<'a>(plan: &'a Plan, slots: &BTreeSet<String>) -> Vec<&'a ResourceChange> {
    let is_in_slot = |address: &str| {
        let rest = address.strip_prefix("module.").unwrap_or_default();
        slots.contains(rest.split(['.', '[']).next().unwrap_or_default())
    };
    plan.resources
        .iter()
        .filter(|change| change.action.is_destructive() || change.action.is_replace())
        .filter(|change| {
            is_in_slot(&change.address)
                || change.previous_address.as_deref().is_some_and(is_in_slot)
        })
        .collect()
}

fn all(what: RequirementKind, children: Vec<Requirement>) -> Requirement {
    let met = children.iter().all(|child| child.met);
    Requirement { what, met, why: RequirementStatus::Children, children }
}

fn leaf(what: RequirementKind, met: bool, why: RequirementStatus) -> Requirement {
    Requirement { what, met, why, children: Vec::new() }
}

fn unfinished(why: &Unfinished) -> Requirement {
    leaf(RequirementKind::Finished, false, RequirementStatus::Unfinished(why.clone()))
}

fn planned(facts: &VerdictFacts) -> Requirement {
    if facts.plan_set.is_none() {
        return leaf(RequirementKind::Planned, false, RequirementStatus::NothingPlanned);
    }
    let stacks = facts.stacks.iter().map(|stack| {
        let met = matches!(stack.outcome, Outcome::Planned | Outcome::NoChanges);
        leaf(
            RequirementKind::Stack(stack.stack.clone()),
            met,
            RequirementStatus::Outcome(stack.outcome),
        )
    });
    all(RequirementKind::Planned, stacks.collect())
}

fn fresh(facts: &VerdictFacts) -> Requirement {
    let Some(planned) = facts.plan_set else {
        return leaf(RequirementKind::Fresh, false, RequirementStatus::NothingPlanned);
    };
    let current = facts.current;
    let compared = |what, is_same: bool, otherwise| {
        leaf(what, is_same, if is_same { RequirementStatus::Same } else { otherwise })
    };
    let head_moved = RequirementStatus::HeadMoved {
        planned: planned.head.clone(),
        current: current.head.clone(),
    };
    let retargeted = RequirementStatus::Retargeted {
        planned: planned.base.clone(),
        current: current.base.clone(),
    };
    let plans = facts.stacks.iter().filter_map(|s| Some((s.stack.clone(), s.digest.clone()?)));
    let is_same_plans = planned.digest == approval::plan_set_digest(&plans.collect(), facts.code);
    let are_same_settings = planned.settings_digest == current.settings_digest;
    all(
        RequirementKind::Fresh,
        vec![
            compared(RequirementKind::SameHead, planned.head == current.head, head_moved),
            compared(RequirementKind::SameBase, planned.base == current.base, retargeted),
            compared(
                RequirementKind::SameSettings,
                are_same_settings,
                RequirementStatus::SettingsChanged,
            ),
            compared(RequirementKind::SamePlans, is_same_plans, RequirementStatus::PlansDiffer),
        ],
    )
}

fn protected_allowed(facts: &VerdictFacts) -> Requirement {
    let protected: Vec<Requirement> = facts
        .stacks
        .iter()
        .flat_map(|stack| stack.protected.iter().map(move |address| (&stack.stack, address)))
        .map(|(stack, address)| {
            let (met, why) = allowed(facts, stack, address);
            leaf(
                RequirementKind::Protected { stack: stack.clone(), address: address.clone() },
                met,
                why,
            )
        })
        .collect();
    if protected.is_empty() {
        return leaf(RequirementKind::ProtectedAllowed, true, RequirementStatus::NoneProtected);
    }
    all(RequirementKind::ProtectedAllowed, protected)
}

fn allowed(facts: &VerdictFacts, stack: &StackId, address: &str) -> (bool, RequirementStatus) {
    let Some(plan_set) = facts.plan_set else { return (false, RequirementStatus::NothingPlanned) };
    let mut why_not = RequirementStatus::NotAllowed;
    for allowance in facts.allowances {
        if allowance.stack != *stack || !allowance.addresses.contains(address) {
            continue;
        }
        let given = &allowance.given;
        let role = approval::principal_role(given.by, facts.principals);
        match plan_set.disqualification(given, role, facts.rule) {
            None => return (true, RequirementStatus::AllowedBy(given.login.clone())),
            Some(why) => {
                why_not = RequirementStatus::AllowanceDiscounted { by: given.login.clone(), why }
            }
        }
    }
    (false, why_not)
}

fn approved(facts: &VerdictFacts, approvals: &Approvals) -> Requirement {
    let is_idle = |stack: &StackFacts| stack.outcome == Outcome::NoChanges && !stack.changes_code;
    let changes_rules = facts.changes_settings || facts.changes_code;
    let is_all_idle = !changes_rules && facts.stacks.iter().all(is_idle);
    if facts.plan_set.is_some() && is_all_idle {
        return leaf(RequirementKind::Approved, true, RequirementStatus::NothingToApprove);
    }
    let counting = approvals.by.iter().map(|(user, login)| {
        let is_own = approvals.by_principals.contains(user);
        let why =
            if is_own { RequirementStatus::CountsForOwnChange } else { RequirementStatus::Counts };
        leaf(RequirementKind::ApprovalBy(login.clone()), true, why)
    });
    let disqualified = approvals.disqualified.values().map(|disqualified| {
        let why = RequirementStatus::DoesNotCount(disqualified.why.clone());
        leaf(RequirementKind::ApprovalBy(disqualified.login.clone()), false, why)
    });
    let (given, required) = (approvals.by.len(), facts.rule.required);
    Requirement {
        what: RequirementKind::Approved,
        // Without a plan set nothing can have been approved, even if no approval is required.
        met: facts.plan_set.is_some() && given >= required,
        why: RequirementStatus::Approvals { given, required },
        children: counting.chain(disqualified).collect(),
    }
}

#[cfg(test)]
mod histories;
#[cfg(test)]
mod tests;
