//! The transitions of a change: pure functions that return the next change, or why it is not
//! possible.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Deref,
};

use serde::{Deserialize, Serialize};

use super::{
    Basis, ChangeRecord, ChangeState, CodeChange, Inputs, SettingsChange, StackChange,
    StackProgress, Warning,
};
use crate::{
    approval::Principal,
    digest::Digest,
    finding::Finding,
    names::{BranchName, PrNumber, Sha, StackId},
    people::UnknownHand,
    plan::Plan,
    repo_config::SettingChange,
    verdict::Requirement,
};

/// A change. Everything in it can be read; only a transition makes another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Change(ChangeRecord);

impl Deref for Change {
    type Target = ChangeRecord;

    fn deref(&self) -> &ChangeRecord {
        &self.0
    }
}

/// Restores a change that was stored.
impl From<ChangeRecord> for Change {
    fn from(record: ChangeRecord) -> Self {
        Self(record)
    }
}

/// A kind of transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    TouchSettings,
    TouchCode,
    Plan,
    FindUnaffected,
    Block,
    Stop,
    FailInternally,
    Judge,
    FindSettingsUnreadable,
    Merge,
    Close,
    Queue,
    Apply,
    Recover,
    Progress,
    Settle,
    Fail,
    Cancel,
    AwaitConfirmation,
    Replan,
}

/// The transition is not possible in the state of the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{transition:?} is not possible for a change that is {from:?}")]
pub struct WrongState {
    pub from: ChangeState,
    pub transition: Transition,
}

/// Why nothing of a head is planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// These files have conflicts with the base.
    Conflicts(Vec<String>),
    /// These files, which belong to no stack, have errors.
    Findings(Vec<Finding>),
    /// Its base is not the default branch, whose settings are the trusted ones.
    OtherBase { basis: Basis, trusted: Option<BranchName> },
}

/// The results of planning all stacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedSet {
    pub stacks: Vec<StackChange>,
    pub basis: Basis,
    pub allows_self_approval: bool,
}

/// The verdict on a change, and whose approvals do not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    pub verdict: Requirement,
    pub principals: Vec<Principal>,
    /// That of which nobody knows who did it, if it takes an approval more for that.
    pub unknown: Vec<UnknownHand>,
    pub allows_self_approval: bool,
}

/// The place of a stack in the queue for its lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueuePlace {
    /// From 1.
    pub position: usize,
    /// The pull request that holds the lock.
    pub behind: Option<PrNumber>,
}

/// What a merged change was planned again for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replanned {
    pub basis: Basis,
    pub allows_self_approval: bool,
    /// The settings that have changed since it was planned before, if it was planned again for that
    /// reason.
    pub changed_settings: Option<Vec<SettingChange>>,
}

/// The result of planning a stack again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackAgain {
    /// The plan, if it differs.
    pub other: Option<Plan>,
    /// The protected resources that it deletes or replaces.
    pub protected: BTreeSet<String>,
    /// The content digest of the repository's own code that it ran.
    pub code: Option<Digest>,
    pub inputs: Inputs,
    /// What is to be read with the plan.
    pub cautions: Vec<Finding>,
}

impl Transition {
    /// Returns whether the transition is possible in the state `from`.
    pub fn is_possible_from(self, from: ChangeState) -> bool {
        match self {
            Self::TouchSettings
            | Self::TouchCode
            | Self::Plan
            | Self::FindUnaffected
            | Self::Block
            | Self::Stop
            | Self::FailInternally => from == ChangeState::Planning,
            Self::Merge | Self::Close => from.is_before_merge(),
            Self::Judge
            | Self::FindSettingsUnreadable
            | Self::Queue
            | Self::Apply
            | Self::AwaitConfirmation
            | Self::Replan => !from.is_over(),
            // A worker may have been lost after it recorded how the apply ended.
            Self::Recover => !matches!(
                from,
                ChangeState::Planning
                    | ChangeState::NothingAffected
                    | ChangeState::SettingsActive
                    | ChangeState::Stopped
                    | ChangeState::InternalError
            ),
            Self::Progress | Self::Settle | Self::Fail => from == ChangeState::Applying,
            Self::Cancel => matches!(from, ChangeState::Queued | ChangeState::Applying),
        }
    }
}

/// Transitions before the merge.
impl Change {
    /// Returns a change of which only the head is known.
    pub fn planning(head: Sha) -> Self {
        Self(ChangeRecord {
            head,
            state: ChangeState::Planning,
            digest: None,
            basis: None,
            stacks: Vec::new(),
            settings: None,
            code: Vec::new(),
            findings: Vec::new(),
            conflicts: Vec::new(),
            verdict: None,
            principals: Vec::new(),
            warnings: Vec::new(),
        })
    }

    /// Records how it changes `planwright.yaml`.
    pub fn touches_settings(self, settings: Option<SettingsChange>) -> Result<Self, WrongState> {
        let record = self.leave(Transition::TouchSettings)?;
        Ok(Self(ChangeRecord { settings, ..record }))
    }

    /// Records the code that it adds or changes.
    pub fn touches_code(self, code: Vec<CodeChange>) -> Result<Self, WrongState> {
        let record = self.leave(Transition::TouchCode)?;
        Ok(Self(ChangeRecord { code, ..record }))
    }

    /// Records the plans of its stacks. The state follows with the verdict.
    pub fn planned(self, set: PlannedSet) -> Result<Self, WrongState> {
        let mut record = self.leave(Transition::Plan)?;
        record.stacks = set.stacks;
        record.basis = Some(set.basis);
        record.warn_of_self_approval(set.allows_self_approval);
        // The digest of a change without plans could be mistaken for one that can be confirmed.
        record.digest = record.has_plans().then(|| record.plan_set_digest());
        Ok(Self(record))
    }

    /// Records that no stack is affected.
    pub fn unaffected(self) -> Result<Self, WrongState> {
        let record = self.leave(Transition::FindUnaffected)?;
        Ok(Self(ChangeRecord { state: ChangeState::NothingAffected, ..record }))
    }

    /// Records why nothing can be planned.
    pub fn blocked(self, block: Block) -> Result<Self, WrongState> {
        let mut record = self.leave(Transition::Block)?;
        match block {
            Block::Conflicts(paths) => record.conflicts = paths,
            Block::Findings(findings) => record.findings = findings,
            Block::OtherBase { basis, trusted } => {
                let base = basis.base.clone();
                record.warnings.push(Warning::OtherBase { base, trusted });
                record.basis = Some(basis);
            }
        }
        Ok(Self(ChangeRecord { state: ChangeState::Blocked, ..record }))
    }

    /// Records that its planning was cancelled, or replaced by that of a newer head.
    pub fn stopped(self) -> Result<Self, WrongState> {
        let record = self.leave(Transition::Stop)?;
        Ok(Self(ChangeRecord { state: ChangeState::Stopped, ..record }))
    }

    /// Records that the bot itself failed; the log has the error under `id`.
    pub fn failed_internally(self, id: String) -> Result<Self, WrongState> {
        let mut record = self.leave(Transition::FailInternally)?;
        record.warnings.push(Warning::InternalError { id });
        Ok(Self(ChangeRecord { state: ChangeState::InternalError, ..record }))
    }

    /// Records a verdict, before the merge or after it.
    pub fn judged(self, judgement: Judgement) -> Result<Self, WrongState> {
        let mut record = self.leave(Transition::Judge)?;
        // There is a verdict, so the settings can be read again.
        record.findings.clear();
        record.warn_of_self_approval(judgement.allows_self_approval);
        record.warn_of_unknown_hands(judgement.unknown);
        record.verdict = Some(judgement.verdict);
        record.principals = judgement.principals;
        Ok(record.with_state_of_now())
    }

    /// Records that there can be no verdict, because the settings have these errors.
    pub fn settings_unreadable(self, findings: Vec<Finding>) -> Result<Self, WrongState> {
        let mut record = self.leave(Transition::FindSettingsUnreadable)?;
        record.findings = findings;
        Ok(record.with_state_of_now())
    }

    /// Records that it was closed without a merge.
    pub fn closed(self) -> Result<Self, WrongState> {
        let record = self.leave(Transition::Close)?;
        Ok(Self(ChangeRecord { state: ChangeState::Closed, ..record }))
    }

    /// Records the merge. Changed settings and code become active; a change that was never approved
    /// waits for its confirmation.
    pub fn merged(self) -> Result<Self, WrongState> {
        let mut record = self.leave(Transition::Merge)?;
        if record.is_about_rules_only() {
            record.state = ChangeState::SettingsActive;
        } else if !record.stacks.is_empty() && !record.has_errors() {
            record.state = ChangeState::AwaitingConfirmation;
        }
        Ok(Self(record))
    }
}

/// Transitions after the merge.
impl Change {
    /// Records that it waits for the locks of its stacks.
    pub fn queued(self, places: &BTreeMap<StackId, QueuePlace>) -> Result<Self, WrongState> {
        let mut record = self.leave(Transition::Queue)?;
        for stack in &mut record.stacks {
            stack.accept();
            stack.progress = places.get(&stack.stack).map(|place| StackProgress::Queued {
                position: place.position,
                behind: place.behind,
            });
        }
        Ok(Self(ChangeRecord { state: ChangeState::Queued, ..record }))
    }

    /// Records that it has its locks and is being applied, with the plans that were confirmed after
    /// the merge, if any.
    pub fn applying(self) -> Result<Self, WrongState> {
        let mut record = self.leave(Transition::Apply)?;
        record.stacks.iter_mut().for_each(StackChange::accept);
        record.warnings.retain(|warning| !matches!(warning, Warning::OtherInputs { .. }));
        Ok(Self(ChangeRecord { state: ChangeState::Applying, ..record }))
    }

    /// Records that a worker was lost during an apply and its result is being determined. The
    /// progress of the stacks is kept.
    pub fn recovering(self) -> Result<Self, WrongState> {
        let record = self.leave(Transition::Recover)?;
        Ok(Self(ChangeRecord { state: ChangeState::Applying, ..record }))
    }

    /// Records how applying a stack goes.
    pub fn progressed(self, stack: &StackId, progress: StackProgress) -> Result<Self, WrongState> {
        let mut record = self.leave(Transition::Progress)?;
        if let Some(shown) = record.stack_mut(stack) {
            shown.progress = Some(progress);
        }
        Ok(Self(record))
    }

    /// Records the result of planning a stack again.
    pub fn planned_again(self, stack: &StackId, again: StackAgain) -> Result<Self, WrongState> {
        let mut record = self.leave(Transition::Progress)?;
        let Some(shown) = record.stack_mut(stack) else { return Ok(Self(record)) };
        shown.protected = again.protected;
        shown.code = again.code;
        shown.cautions = again.cautions;
        // The inputs of a plan that was recorded without them are not known to be others.
        let before = shown.inputs.take();
        let differing = before.as_ref().map_or_else(Vec::new, |it| it.differences(&again.inputs));
        if before.is_some() || again.other.is_some() {
            shown.inputs = Some(again.inputs);
        }
        if let Some(now) = again.other {
            shown.progress = Some(StackProgress::Differs { now });
        }
        if !differing.is_empty() {
            let stack = stack.clone();
            record.warnings.push(Warning::OtherInputs { stack, inputs: differing });
        }
        Ok(Self(record))
    }

    /// Ends an apply with the state that follows from its stacks. `has_begun` is whether a resource
    /// of any of them may have changed.
    pub fn settled(self, has_begun: bool) -> Result<Self, WrongState> {
        let record = self.leave(Transition::Settle)?;
        let state = record.state_after_apply(has_begun);
        Ok(Self(ChangeRecord { state, ..record }))
    }

    /// Ends an apply that failed before it changed anything.
    pub fn failed(self) -> Result<Self, WrongState> {
        let record = self.leave(Transition::Fail)?;
        Ok(Self(ChangeRecord { state: ChangeState::Failed, ..record }))
    }

    /// Ends an apply that was cancelled while it waited or planned, so before it changed anything.
    pub fn cancelled(self) -> Result<Self, WrongState> {
        let mut record = self.leave(Transition::Cancel)?;
        for stack in &mut record.stacks {
            if matches!(stack.progress, None | Some(StackProgress::Queued { .. })) {
                let message = "cancelled before it was begun; nothing of it was changed".into();
                stack.progress = Some(StackProgress::Failed { message });
            }
        }
        Ok(Self(ChangeRecord { state: ChangeState::Failed, ..record }))
    }

    /// Records that it waits for the confirmation of the plan set with this digest. A change that
    /// cannot be applied gets no digest, so that it cannot be confirmed.
    pub fn awaiting_confirmation(self, plan_set: &Digest) -> Result<Self, WrongState> {
        let record = self.leave(Transition::AwaitConfirmation)?;
        let digest = record.is_applicable().then(|| plan_set.clone());
        Ok(Self(ChangeRecord { state: ChangeState::AwaitingConfirmation, digest, ..record }))
    }

    /// Records that it was planned again and waits for the confirmation of that plan.
    pub fn replanned(self, replanned: Replanned) -> Result<Self, WrongState> {
        let mut record = self.leave(Transition::Replan)?;
        record.findings.clear();
        if let Some(changes) = replanned.changed_settings {
            record.warnings.retain(|warning| !matches!(warning, Warning::SettingsChanged(_)));
            record.warnings.push(Warning::SettingsChanged(changes));
        }
        record.basis = Some(replanned.basis);
        record.warn_of_self_approval(replanned.allows_self_approval);
        record.digest = record.is_applicable().then(|| record.plan_set_digest());
        Ok(Self(ChangeRecord { state: ChangeState::AwaitingConfirmation, ..record }))
    }

    fn leave(self, transition: Transition) -> Result<ChangeRecord, WrongState> {
        match self.state {
            from if transition.is_possible_from(from) => Ok(self.0),
            from => Err(WrongState { from, transition }),
        }
    }
}

impl ChangeRecord {
    /// Updates the state if the change is not merged yet; after the merge a verdict alone does not
    /// change it.
    fn with_state_of_now(mut self) -> Change {
        if self.state.is_before_merge() {
            self.state = self.state_before_merge();
        }
        Change(self)
    }

    /// Adds or removes the warning that principals may approve the change.
    fn warn_of_self_approval(&mut self, is_allowed: bool) {
        self.warnings.retain(|warning| *warning != Warning::SelfApproval);
        if is_allowed && !self.is_about_nothing() {
            self.warnings.insert(0, Warning::SelfApproval);
        }
    }

    /// Adds or removes the warning that somebody unknown has a part in the change.
    fn warn_of_unknown_hands(&mut self, unknown: Vec<UnknownHand>) {
        self.warnings.retain(|warning| !matches!(warning, Warning::UnknownHands(_)));
        if !unknown.is_empty() && !self.is_about_nothing() {
            self.warnings.push(Warning::UnknownHands(unknown));
        }
    }

    /// Returns whether it can be applied. What cannot be applied cannot be confirmed, either.
    fn is_applicable(&self) -> bool {
        !self.has_errors() && self.has_plans()
    }

    fn stack_mut(&mut self, stack: &StackId) -> Option<&mut StackChange> {
        self.stacks.iter_mut().find(|shown| shown.stack == *stack)
    }
}
