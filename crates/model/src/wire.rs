//! The APIs that model servers speak: one variant and one row each.
//!
//! A new one is a file with an [`Api`], a variant and a row here, and a value of the settings.

use reqwest::RequestBuilder;

use planwright_core::agent::prompt::Message;

use crate::{Answer, Garbled, Settings, chat_completions};

/// How many calls of one answer are read.
pub(crate) const MOST_CALLS: usize = 8;
/// How much text beside the calls is kept.
pub(crate) const MOST_TEXT: usize = 4_000;

/// The API of a model server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wire {
    #[default]
    ChatCompletions,
}

/// What differs from one API to the next. Everything is pure: sending is `transport`'s.
pub(crate) struct Api {
    /// Where requests go, below the base of the API.
    pub(crate) path: &'static str,
    /// Puts the key into a request.
    pub(crate) authorize: fn(RequestBuilder, &str) -> RequestBuilder,
    /// Returns the bytes of a request; equal for equal conversations.
    pub(crate) encode: fn(&Settings, &[Message]) -> Vec<u8>,
    /// Reads an answer.
    pub(crate) decode: fn(&[u8]) -> Result<Answer, Garbled>,
}

impl Wire {
    pub(crate) fn api(self) -> &'static Api {
        match self {
            Self::ChatCompletions => &chat_completions::API,
        }
    }
}
