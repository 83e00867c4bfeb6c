//! What a model is told, in which order: what never changes first, so that each request begins with
//! the whole one before it.
//!
//! Only the request of the people who may ask is an instruction. Everything else reaches the model
//! as data: JSON, escaped, in the answers to its calls.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{call::RawCall, event::Request};
use crate::canonical::canonical;

/// How many bytes the answer to one call has at most.
pub const LARGEST: usize = 12 * 1024;

/// The same for every run.
pub const SYSTEM: &str = include_str!("prompt.md");

/// One message of the conversation, in the words of no wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    User(String),
    Assistant {
        text: String,
        /// Under our own ids.
        calls: Vec<(String, RawCall)>,
    },
    /// The answer to the call of that id.
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

/// The request, as people see it.
pub fn request(request: &Request) -> Message {
    Message::User(canonical(&json!({
        "request": { "title": request.title, "text": request.text },
    })))
}

/// Returns what people want changed in what was proposed.
pub fn revision(text: &str) -> Message {
    Message::User(canonical(&json!({ "revise": text })))
}

/// The plan of the pull request failed, in the words of the engine.
pub fn plan_failed(why: &str) -> Message {
    let task = "the plan of the pull request failed; mend it with further edits, or finish";
    Message::User(canonical(&json!({ "task": task, "data": { "plan": why } })))
}

/// The answer was cut off.
pub fn cut() -> Message {
    Message::User(canonical(&json!({
        "error": "your answer was cut off and not used; make one short call",
    })))
}

/// The answer had no call.
pub fn no_call() -> Message {
    Message::User(canonical(&json!({
        "error": "only calls of tools are used; call finish to end",
    })))
}
