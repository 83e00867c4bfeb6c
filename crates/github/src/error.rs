//! What can come of a call to GitHub, as far as callers go different ways.
//!
//! The words are for logs; what a person reads is worded by whoever made the call.

use jiff::Timestamp;

#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Not there, or not for this token: GitHub does not say which.
    #[error(
        "{call}: not found. It was deleted, or the App is not installed on the repository or lacks the permission"
    )]
    NotFound { call: String },
    /// GitHub understood and said no; nothing was changed.
    #[error("{call}: GitHub refused with {status}: {message}")]
    Refused { call: String, status: u16, message: String },
    /// Nothing was changed; the same call may be made again from `until` on.
    #[error("{call}: rate limited until {until}")]
    RateLimited { call: String, until: Timestamp },
    /// Nothing was changed: it was a read, or it never left this machine.
    #[error("{call}: GitHub is not reachable or failed: {reason}")]
    Unavailable { call: String, reason: String },
    /// A write was sent and may or may not have been carried out: look before sending it again.
    #[error("{call}: sent, but what came of it is unknown: {reason}")]
    Unknown { call: String, reason: String },
    /// A read was answered with something that is not what GitHub documents.
    #[error("{call}: the answer is not understood: {reason}")]
    Unreadable { call: String, reason: String },
    /// Ours: settings that cannot work.
    #[error("{0}")]
    Settings(String),
}

impl Error {
    /// Returns whether the same call may succeed later without anyone mending anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Unavailable { .. } | Self::Unknown { .. })
    }
}

pub type Result<T, E = Error> = std::result::Result<T, E>;
