//! A comment on an issue or pull request, as GitHub has it.
//!
//! `command` parses comments of people; `view` writes those of the bot.

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
    /// The App through which it was written, if any. Unlike a marker in the body, it cannot be
    /// forged.
    pub via_app: Option<AppId>,
    pub body: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}
