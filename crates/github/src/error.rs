//! The errors of calls to GitHub, as far as callers treat them differently.
//!
//! The messages are for logs. Callers word what people read.

use jiff::Timestamp;

#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// It does not exist, or the token has no access: GitHub does not distinguish these.
    #[error(
        "{call}: not found. It was deleted, or the App is not installed on the repository or lacks the permission"
    )]
    NotFound { call: String },
    /// GitHub refused the call. Nothing was changed.
    #[error("{call}: GitHub refused with {status}: {message}")]
    Refused { call: String, status: u16, message: String },
    /// Nothing was changed. The call may be made again from `until` on.
    #[error("{call}: rate limited until {until}")]
    RateLimited { call: String, until: Timestamp },
    /// Nothing was changed: the call was a read, or it was not sent.
    #[error("{call}: GitHub is not reachable or failed: {reason}")]
    Unavailable { call: String, reason: String },
    /// A write was sent, but its outcome is unknown. Read the state before trying again.
    #[error("{call}: sent, but what came of it is unknown: {reason}")]
    Unknown { call: String, reason: String },
    /// The answer to a read is not what GitHub documents.
    #[error("{call}: the answer is not understood: {reason}")]
    Unreadable { call: String, reason: String },
    /// The settings are wrong.
    #[error("{0}")]
    Settings(String),
}

impl Error {
    /// Returns whether the same call may succeed later without any correction.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Unavailable { .. } | Self::Unknown { .. })
    }
}

pub type Result<T, E = Error> = std::result::Result<T, E>;
