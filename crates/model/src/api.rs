//! What differs between the APIs of model servers. Everything is pure: `transport` sends requests.

use reqwest::RequestBuilder;

use planwright_core::agent::prompt::Message;

use super::{Answer, Garbled, Settings};

/// How many calls of one answer are used.
pub(crate) const MOST_CALLS: usize = 8;
/// How many characters of an answer's text are kept.
pub(crate) const MOST_TEXT: usize = 4_000;

pub(crate) struct Api {
    /// The path below the base address of the API.
    pub(crate) path: &'static str,
    /// Adds the key to a request.
    pub(crate) authorize: fn(RequestBuilder, &str) -> RequestBuilder,
    /// Encodes a request. Equal conversations give equal bytes.
    pub(crate) encode: fn(&Settings, &[Message]) -> Vec<u8>,
    /// Decodes an answer.
    pub(crate) decode: fn(&[u8]) -> Result<Answer, Garbled>,
}
