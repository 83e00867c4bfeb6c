//! What becomes of a change: pure transitions, each of which returns the next change or why not.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Deref,
};

use serde::{Deserialize, Serialize};

use super::{
    Basis, ChangeRecord, ChangeState, SettingsChange, StackChange, StackProgress, Warning,
};
use crate::{
    approval::Principal,
    digest::Digest,
    finding::Finding,
    names::{BranchName, PrNumber, Sha, StackId},
    plan::Plan,
    repo_config::SettingChange,
    verdict::Requirement,
};

/// A change as it stands. Everything in it can be read; only a transition makes another of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Change(ChangeRecord);

impl Deref for Change {
    type Target = ChangeRecord;

    fn deref(&self) -> &ChangeRecord {
        &self.0
    }
}

/// A change as it was stored.
impl From<ChangeRecord> for Change {
    fn from(record: ChangeRecord) -> Self {
        Self(record)
    }
}

/// What may become of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    TouchSettings,
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

/// The change stands where that cannot become of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{transition:?} is not possible for a change that is {from:?}")]
pub struct WrongState {
    pub from: ChangeState,
    pub transition: Transition,
}

/// Why nothing of a head is planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// These files keep it from being merged into its base.
    Conflicts(Vec<String>),
    /// Something is wrong with files that belong to no stack.
    Findings(Vec<Finding>),
    /// It is not into the default branch, whose settings are the ones that are trusted.
    OtherBase { basis: Basis, trusted: Option<BranchName> },
}

/// What came out of planning all stacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedSet {
    pub stacks: Vec<StackChange>,
    pub basis: Basis,
    pub allows_self_approval: bool,
}

/// The verdict on a change, and whose word is not counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    pub verdict: Requirement,
    pub principals: Vec<Principal>,
    pub allows_self_approval: bool,
}

/// The place of a stack in the queue for its lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueuePlace {
    /// From 1.
    pub position: usize,
    /// Who holds the lock.
    pub behind: Option<PrNumber>,
}

/// For what a merged change was planned again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replanned {
    pub basis: Basis,
    pub allows_self_approval: bool,
    /// The settings that hold now and did not when it was planned before, if that is why.
    pub changed_settings: Option<Vec<SettingChange>>,
}

impl Transition {
    /// Returns whether a change that stands at `from` may take this way.
    pub fn is_possible_from(self, from: ChangeState) -> bool {
        match self {
            Self::TouchSettings
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
            // A worker may have been lost after it wrote down how the apply ended.
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

/// Before the merge.
impl Change {
    /// Returns what is said of a head while nothing is known of it.
    pub fn planning(head: Sha) -> Self {
        Self(ChangeRecord {
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
        })
    }

    /// Notes what it makes of `planwright.yaml`.
    pub fn touches_settings(self, settings: Option<SettingsChange>) -> Result<Self, WrongState> {
        let record = self.leave(Transition::TouchSettings)?;
        Ok(Self(ChangeRecord { settings, ..record }))
    }

    /// Takes the plans of its stacks; a verdict is still missing.
    pub fn planned(self, set: PlannedSet) -> Result<Self, WrongState> {
        let mut record = self.leave(Transition::Plan)?;
        record.stacks = set.stacks;
        record.basis = Some(set.basis);
        record.warn_of_self_approval(set.allows_self_approval);
        // The digest of no plan at all would look like one that can be confirmed.
        record.digest = record.has_plans().then(|| record.plan_set_digest());
        Ok(Self(record))
    }

    /// Ends where there is nothing to plan.
    pub fn unaffected(self) -> Result<Self, WrongState> {
        let record = self.leave(Transition::FindUnaffected)?;
        Ok(Self(ChangeRecord { state: ChangeState::NothingAffected, ..record }))
    }

    /// Ends because nothing can be planned.
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

    /// Ends because its planning was cancelled, or overtaken by a newer head.
    pub fn stopped(self) -> Result<Self, WrongState> {
        let record = self.leave(Transition::Stop)?;
        Ok(Self(ChangeRecord { state: ChangeState::Stopped, ..record }))
    }

    /// Ends because something of ours failed, which the log has under `id`.
    pub fn failed_internally(self, id: String) -> Result<Self, WrongState> {
        let mut record = self.leave(Transition::FailInternally)?;
        record.warnings.push(Warning::InternalError { id });
        Ok(Self(ChangeRecord { state: ChangeState::InternalError, ..record }))
    }

    /// Takes a verdict, before the merge or after it.
    pub fn judged(self, judgement: Judgement) -> Result<Self, WrongState> {
        let mut record = self.leave(Transition::Judge)?;
        // What was wrong with the settings before is mended.
        record.findings.clear();
        record.warn_of_self_approval(judgement.allows_self_approval);
        record.verdict = Some(judgement.verdict);
        record.principals = judgement.principals;
        Ok(record.with_state_of_now())
    }

    /// Cannot be judged: the settings by which it would be have these findings.
    pub fn settings_unreadable(self, findings: Vec<Finding>) -> Result<Self, WrongState> {
        let mut record = self.leave(Transition::FindSettingsUnreadable)?;
        record.findings = findings;
        Ok(record.with_state_of_now())
    }

    /// Was closed without a merge.
    pub fn closed(self) -> Result<Self, WrongState> {
        let record = self.leave(Transition::Close)?;
        Ok(Self(ChangeRecord { state: ChangeState::Closed, ..record }))
    }

    /// Was merged, and nothing is to be applied yet: settings hold from now on, and the plan of
    /// what was never approved waits to be confirmed.
    pub fn merged(self) -> Result<Self, WrongState> {
        let mut record = self.leave(Transition::Merge)?;
        if record.is_about_settings_only() {
            record.state = ChangeState::SettingsActive;
        } else if !record.stacks.is_empty() && !record.has_errors() {
            record.state = ChangeState::AwaitingConfirmation;
        }
        Ok(Self(record))
    }
}

/// After the merge.
impl Change {
    /// Waits for the locks of its stacks.
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

    /// Has its locks; what came out after the merge and was confirmed is what is applied.
    pub fn applying(self) -> Result<Self, WrongState> {
        let mut record = self.leave(Transition::Apply)?;
        record.stacks.iter_mut().for_each(StackChange::accept);
        Ok(Self(ChangeRecord { state: ChangeState::Applying, ..record }))
    }

    /// Is looked at after a worker was lost over applying it; how its stacks stood is kept.
    pub fn recovering(self) -> Result<Self, WrongState> {
        let record = self.leave(Transition::Recover)?;
        Ok(Self(ChangeRecord { state: ChangeState::Applying, ..record }))
    }

    /// Notes how applying a stack goes.
    pub fn progressed(self, stack: &StackId, progress: StackProgress) -> Result<Self, WrongState> {
        let mut record = self.leave(Transition::Progress)?;
        if let Some(shown) = record.stack_mut(stack) {
            shown.progress = Some(progress);
        }
        Ok(Self(record))
    }

    /// Notes what a stack would do now: another plan if it is another, and what that protects.
    pub fn planned_again(
        self,
        stack: &StackId,
        other: Option<Plan>,
        protected: BTreeSet<String>,
    ) -> Result<Self, WrongState> {
        let mut record = self.leave(Transition::Progress)?;
        if let Some(shown) = record.stack_mut(stack) {
            shown.protected = protected;
            if let Some(now) = other {
                shown.progress = Some(StackProgress::Differs { now });
            }
        }
        Ok(Self(record))
    }

    /// Ends an apply as its stacks stand; `has_begun` is whether a resource of any of them may have
    /// changed.
    pub fn settled(self, has_begun: bool) -> Result<Self, WrongState> {
        let record = self.leave(Transition::Settle)?;
        let state = record.state_after_apply(has_begun);
        Ok(Self(ChangeRecord { state, ..record }))
    }

    /// Ends an apply that failed before anything of it was begun.
    pub fn failed(self) -> Result<Self, WrongState> {
        let record = self.leave(Transition::Fail)?;
        Ok(Self(ChangeRecord { state: ChangeState::Failed, ..record }))
    }

    /// Ends because it was cancelled while it waited or planned, so that nothing of it was begun.
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

    /// Waits for somebody to approve it as it stands in the plan set of this digest, if it can be
    /// applied at all.
    pub fn awaiting_confirmation(self, plan_set: &Digest) -> Result<Self, WrongState> {
        let record = self.leave(Transition::AwaitConfirmation)?;
        let digest = record.is_applicable().then(|| plan_set.clone());
        Ok(Self(ChangeRecord { state: ChangeState::AwaitingConfirmation, digest, ..record }))
    }

    /// Waits for somebody to approve what would happen now, which nobody has seen yet.
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
    /// Returns what follows from its facts as long as it is not merged; after that a verdict alone
    /// moves nothing.
    fn with_state_of_now(mut self) -> Change {
        if self.state.is_before_merge() {
            self.state = self.state_before_merge();
        }
        Change(self)
    }

    /// Says, or no longer says, that whoever shaped the change may approve it.
    fn warn_of_self_approval(&mut self, is_allowed: bool) {
        self.warnings.retain(|warning| *warning != Warning::SelfApproval);
        if is_allowed && !self.is_about_nothing() {
            self.warnings.insert(0, Warning::SelfApproval);
        }
    }

    /// What cannot be applied is not to be confirmed either.
    fn is_applicable(&self) -> bool {
        !self.has_errors() && self.has_plans()
    }

    fn stack_mut(&mut self, stack: &StackId) -> Option<&mut StackChange> {
        self.stacks.iter_mut().find(|shown| shown.stack == *stack)
    }
}
