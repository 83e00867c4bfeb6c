//! The messages for a model. What never changes comes first, so that each request begins with the
//! whole request before it and servers can cache that.
//!
//! Only the request of people who may make one is an instruction. Everything else reaches the model
//! as data: escaped JSON in the answers to its calls.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{call::RawCall, event::Request};
use crate::canonical::canonical;

/// The largest size of the answer to one call, in bytes.
pub const LARGEST: usize = 12 * 1024;

/// The system prompt, the same for every run.
pub const SYSTEM: &str = include_str!("prompt.md");

/// One message of the conversation, independent of a server's format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    User(String),
    Assistant {
        text: String,
        /// Calls by ids that we made.
        calls: Vec<(String, RawCall)>,
    },
    /// The answer to the call with this id.
    Tool {
        id: String,
        content: String,
    },
}

impl Message {
    pub fn tool(id: String, content: &Value) -> Self {
        let content = canonical(content);
        let content = if content.len() > LARGEST {
            let message = "the answer is too large; ask for less";
            json!({ "code": "too_large", "message": message }).to_string()
        } else {
            content
        };
        Self::Tool { id, content }
    }
}

/// Returns the message with the request, as people see it.
pub fn request(request: &Request) -> Message {
    Message::User(canonical(&json!({
        "request": { "title": request.title, "text": request.text },
    })))
}

/// Returns the message with what people want changed in the proposal.
pub fn revision(text: &str) -> Message {
    Message::User(canonical(&json!({ "revise": text })))
}

/// Returns the message that the plan of the pull request failed; `why` is the error of the engine.
pub fn plan_failed(why: &str) -> Message {
    let task = "the plan of the pull request failed; mend it with further edits, or finish";
    Message::User(canonical(&json!({ "task": task, "data": { "plan": why } })))
}

/// Returns the message that the answer was cut off.
pub fn cut() -> Message {
    Message::User(canonical(&json!({
        "error": "your answer was cut off and not used; make one short call",
    })))
}

/// Returns the message that the answer had no call.
pub fn no_call() -> Message {
    Message::User(canonical(&json!({
        "error": "only calls of tools are used; call finish to end",
    })))
}
