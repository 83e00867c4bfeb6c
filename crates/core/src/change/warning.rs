//! Warnings that the comment on a change always shows.

use serde::{Deserialize, Serialize};

use super::InputKind;
use crate::{
    names::{BranchName, StackId},
    people::UnknownHand,
    repo_config::SettingChange,
};

/// A warning about a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Warning {
    /// `approvals.self` is on.
    SelfApproval,
    /// Of these nobody knows who did them, so it takes one approval more.
    UnknownHands(Vec<UnknownHand>),
    /// It was planned under other settings than those of its verdict: what differs.
    SettingsChanged(Vec<SettingChange>),
    /// After the merge, the plan of a stack is made from other inputs than the approved one.
    OtherInputs { stack: StackId, inputs: Vec<InputKind> },
    /// Its base is not the default branch, so it is not planned.
    OtherBase {
        base: BranchName,
        /// The default branch, if it is known.
        trusted: Option<BranchName>,
    },
    /// The bot itself failed; the log has the error under this id.
    InternalError { id: String },
    /// A sentence, in changes that were stored before the other variants existed.
    Other(String),
}
