//! A change: its state and what belongs to it beside the plan set.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use planwright_core::{
    agent::{budget, call, event},
    approval, change,
    digest::Digest,
    finding,
    names::{BranchName, Login, PrNumber, Sha, StackId, UserId},
    people, repo_config, verdict,
};

use super::plan::{Plan, Value};
use crate::records::{RecordError, from_text, mirror::Mirror, to_text};

/// A change is stored as its `ChangeRecord`.
impl Mirror<change::Change> for Change {
    fn store(value: &change::Change) -> Self {
        <Self as Mirror<change::ChangeRecord>>::store(value)
    }

    fn load(self) -> change::Change {
        <Self as Mirror<change::ChangeRecord>>::load(self).into()
    }
}

/// Returns the text that is stored for what an agent run left unfinished.
pub(crate) fn unfinished_to_text(value: &verdict::Unfinished) -> String {
    match value {
        verdict::Unfinished::Told(text) => text.clone(),
        verdict::Unfinished::Ended { .. } => to_text::<_, Unfinished>(value),
    }
}

/// Reads what an agent run left unfinished. A text that is no JSON object is a plain sentence, the
/// form that older rows have.
pub(crate) fn unfinished_from_text(text: &str) -> Result<verdict::Unfinished, RecordError> {
    if text.starts_with('{') {
        return from_text::<_, Unfinished>(text);
    }
    Ok(verdict::Unfinished::Told(text.to_owned()))
}

/// What an agent run left unfinished, as a text in a verdict: the version before knows only a
/// sentence there, and must still read the change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct UnfinishedText(String);

impl Mirror<verdict::Unfinished> for UnfinishedText {
    fn store(value: &verdict::Unfinished) -> Self {
        Self(unfinished_to_text(value))
    }

    /// A text that only a later version can read is shown as it is.
    fn load(self) -> verdict::Unfinished {
        unfinished_from_text(&self.0).unwrap_or(verdict::Unfinished::Told(self.0))
    }
}

records! {
    struct Change for change::ChangeRecord {
        head: Sha,
        state: ChangeState,
        digest: Option<Digest>,
        basis: Option<Basis>,
        stacks: Vec<StackChange>,
        settings: Option<SettingsChange>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        code: Vec<CodeChange>,
        findings: Vec<Finding>,
        conflicts: Vec<String>,
        verdict: Option<Requirement>,
        principals: Vec<Principal>,
        warnings: Vec<Warning>,
    }
    struct Basis for change::Basis {
        base: BranchName,
        #[serde(rename = "policy")]
        settings: Digest,
    }
    struct CodeChange for change::CodeChange {
        path: String,
        digest: Option<Digest>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        cautions: Vec<Finding>,
    }
    enum SettingsChange for change::SettingsChange { Removed, Changed(changes: Vec<SettingChange>) }
    struct SettingChange for repo_config::SettingChange {
        setting: Setting,
        before: Option<String>,
        after: String,
    }
    enum ChangeState for change::ChangeState {
        Planning,
        NothingAffected,
        AwaitingApproval,
        Approved,
        Blocked,
        Queued,
        Applying,
        Applied,
        AwaitingConfirmation,
        Failed,
        Partial,
        Superseded,
        #[serde(rename = "Released")]
        Closed,
        Stopped,
        #[serde(rename = "Broken")]
        InternalError,
        #[serde(rename = "InForce")]
        SettingsActive,
    }
    struct StackChange for change::StackChange {
        stack: StackId,
        plan: PlanOutcome,
        drift: DriftCheck,
        protected: BTreeSet<String>,
        changes_code: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<Digest>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        inputs: Option<Inputs>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        cautions: Vec<Finding>,
        progress: Option<StackProgress>,
    }
    struct Inputs for change::Inputs {
        files: Digest,
        lock: Digest,
        engine: String,
    }
    enum InputKind for change::InputKind { Files, Lock, Engine }
    enum PlanOutcome for change::PlanOutcome {
        Pending,
        Planned(plan: Plan),
        Invalid(findings: Vec<Finding>),
        EngineFailed(message: String),
        NotPlanned(why: NotPlanned),
    }
    enum NotPlanned for change::NotPlanned {
        Fork,
        PusherMayNotWrite,
        PackageBytes(package: String),
        Renamed { from: StackId },
    }
    enum DriftCheck for change::DriftCheck {
        NeverApplied,
        Unknown(why: String),
        Checked(plan: Plan),
    }
    enum StackProgress for change::StackProgress {
        Queued { position: usize, behind: Option<PrNumber> },
        Applying,
        Applied { outputs: BTreeMap<String, Value> },
        Differs { now: Plan },
        Failed { message: String },
        NotStarted { because_of: StackId },
        Superseded { by: Sha },
    }
    enum Warning for change::Warning {
        SelfApproval,
        UnknownHands(hands: Vec<UnknownHand>),
        #[serde(rename = "PolicyChanged")]
        SettingsChanged(changes: Vec<SettingChange>),
        OtherInputs { stack: StackId, inputs: Vec<InputKind> },
        OtherBase { base: BranchName, trusted: Option<BranchName> },
        InternalError { id: String },
        Other(text: String),
    }
    enum UnknownHand for people::UnknownHand { Commit(commit: Sha), Opener, NobodyAsked }
    struct Finding for finding::Finding {
        code: String,
        severity: Severity,
        #[serde(flatten)]
        place: Location,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pointer: Option<String>,
        message: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        allowed: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        did_you_mean: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fix: Option<String>,
    }
    #[serde(rename_all = "lowercase")]
    enum Severity for finding::Severity { Error, Warning }
    struct Location for finding::Location {
        file: String,
        line: u32,
        column: u32,
    }
    struct Principal for approval::Principal {
        user: UserId,
        login: Login,
        why: PrincipalRole,
    }
    #[serde(rename_all = "snake_case")]
    enum PrincipalRole for approval::PrincipalRole {
        OpenedPullRequest,
        Pushed,
        Authored,
        Asked,
        Lifted,
    }
    enum Disqualification for approval::Disqualification {
        Withdrawn,
        NotAUser,
        ByMail,
        Principal(why: PrincipalRole),
        NoWriteAccess,
        BeforeReopened,
        OtherHead,
        NothingPosted,
        BeforePlan,
        NotRecorded,
        OtherPlan,
        #[serde(rename = "OtherPolicy")]
        OtherSettings,
    }
    struct Requirement for verdict::Requirement {
        what: RequirementKind,
        met: bool,
        why: RequirementStatus,
        children: Vec<Requirement>,
    }
    enum RequirementKind for verdict::RequirementKind {
        Applicable,
        Finished,
        Planned,
        Stack(stack: StackId),
        Fresh,
        SameHead,
        SameBase,
        #[serde(rename = "SamePolicy")]
        SameSettings,
        SamePlans,
        ProtectedAllowed,
        Protected { stack: StackId, address: String },
        Approved,
        ApprovalBy(login: Login),
    }
    enum RequirementStatus for verdict::RequirementStatus {
        Children,
        Unfinished(why: UnfinishedText),
        NothingPlanned,
        Outcome(outcome: Outcome),
        Same,
        HeadMoved { planned: Sha, current: Sha },
        Retargeted { planned: BranchName, current: BranchName },
        #[serde(rename = "PolicyChanged")]
        SettingsChanged,
        PlansDiffer,
        NoneProtected,
        AllowedBy(login: Login),
        NotAllowed,
        AllowanceDiscounted { by: Login, why: Disqualification },
        NothingToApprove,
        Approvals { given: usize, required: usize },
        Counts,
        CountsForOwnChange,
        DoesNotCount(why: Disqualification),
    }
    /// `Told` is the plain sentence that older rows have.
    #[serde(untagged)]
    enum Unfinished for verdict::Unfinished {
        Ended { how: End, is_planned: bool },
        Told(text: String),
    }
    #[serde(rename_all = "snake_case")]
    enum End for event::End {
        Finished(outcome: RunOutcome),
        Exhausted(limit: Limit),
        Repeating,
        Unusable,
        Refused,
        Away,
        Rejected(why: String),
        Superseded,
        Cancelled,
        Unpublished(why: String),
    }
    #[serde(rename_all = "snake_case")]
    enum RunOutcome for call::Outcome {
        Propose,
        NoChangeNeeded,
        AnswerOnly,
        CannotDo,
        OutOfScope,
    }
    #[serde(rename_all = "snake_case")]
    enum Limit for budget::Limit {
        ModelCalls,
        ToolCalls,
        Plans,
        Questions,
        InputTokens,
        OutputTokens,
        Microdollars,
        DailyMicrodollars,
        LoopTime,
        Time,
    }
    enum Outcome for verdict::Outcome {
        Planned,
        NoChanges,
        Pending,
        Invalid,
        EngineFailed,
        NotPlanned,
        Conflict,
    }
    enum Setting for repo_config::Setting {
        Packages,
        BackendType,
        BackendConfig,
        ApprovalsRequired,
        ApprovalsSelf,
        EngineVersion,
        EngineWarm,
        EngineWarmProviders,
        AgentLabel,
        AgentStacks,
        AgentLimits,
    }
}
