//! Why a plan, or a part of it, could not be made warm.

/// Worded for the log: whoever gets it goes on cold, and branches on nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct WarmError(String);

impl From<String> for WarmError {
    fn from(why: String) -> Self {
        Self(why)
    }
}

impl From<&str> for WarmError {
    fn from(why: &str) -> Self {
        Self(why.to_owned())
    }
}
