//! Why a plan, or a part of it, could not use kept providers.

/// A message for the log. The plan is then made without kept providers, so no caller needs to
/// distinguish causes.
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
