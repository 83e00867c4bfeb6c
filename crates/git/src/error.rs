//! The errors of work on a repository, as far as callers treat them differently.

use git2::{ErrorClass, ErrorCode};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The ref or commit does not exist, or no longer.
    #[error("{0} is not in the repository")]
    Missing(String),
    /// It is in the tree but must not be read: a symlink, a submodule, an LFS pointer or the like.
    #[error("`{path}` {why}")]
    Refused { path: String, why: &'static str },
    /// The server denies access, or there is no such repository.
    #[error("cannot fetch {url}: {reason}")]
    Denied { url: String, reason: String },
    /// The network or the server failed. Trying again later may help.
    #[error("cannot fetch {url}: {reason}")]
    Unavailable { url: String, reason: String },
    /// Objects are missing or damaged. The next fetch creates the mirror anew.
    #[error("the repository is damaged: {0}")]
    Corrupt(String),
    #[error("{0}")]
    Failed(String),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Converts an error of the object store. A missing object is damage here; see `lookup` for objects
/// that a caller named.
impl From<git2::Error> for Error {
    fn from(error: git2::Error) -> Self {
        let message = error.message().to_owned();
        if is_damage(&error) { Self::Corrupt(message) } else { Self::Failed(message) }
    }
}

pub(crate) fn is_damage(error: &git2::Error) -> bool {
    use ErrorClass as C;
    matches!(
        error.class(),
        C::Odb | C::Object | C::Zlib | C::Indexer | C::Reference | C::Repository | C::Tree
    )
}

/// Converts the error of looking up what a caller named, which may be missing without any damage.
pub(crate) fn lookup(what: impl std::fmt::Display) -> impl FnOnce(git2::Error) -> Error {
    move |error| match error.code() {
        ErrorCode::NotFound | ErrorCode::InvalidSpec => Error::Missing(what.to_string()),
        _ => error.into(),
    }
}
