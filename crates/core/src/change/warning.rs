//! What people should know of a change each time they read it.

use serde::{Deserialize, Serialize};

use crate::{names::BranchName, repo_config::SettingChange};

/// Something that people should know each time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Warning {
    /// `approvals.self` is on.
    SelfApproval,
    /// It was planned under other settings than those by which it is judged now: what differs.
    SettingsChanged(Vec<SettingChange>),
    /// It is into another branch than the default one, so it is not planned.
    OtherBase {
        base: BranchName,
        /// The default branch, where it is known.
        trusted: Option<BranchName>,
    },
    /// Something of ours failed; the log has it under this id.
    InternalError { id: String },
    /// A sentence, as changes have it that were stored before the others had variants.
    Other(String),
}
