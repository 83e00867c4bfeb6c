//! What differs from one API of a model server to the next. Everything is pure: sending is `transport`'s.

use reqwest::RequestBuilder;

use planwright_core::agent::prompt::Message;

use super::{Answer, Garbled, Settings};

/// How many calls of one answer are read.
pub(crate) const MOST_CALLS: usize = 8;
/// How much text beside the calls is kept.
pub(crate) const MOST_TEXT: usize = 4_000;

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
