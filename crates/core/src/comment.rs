//! A comment on an issue or pull request, as GitHub has it.
//!
//! What it says is read by `command`; what ours say is written by `view`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    actor::{Actor, AppId},
    names::CommentId,
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    pub id: CommentId,
    pub author: Actor,
    /// The App through which it was written, if any; unlike a marker in the body it is not forgeable.
    pub via_app: Option<AppId>,
    pub body: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}
