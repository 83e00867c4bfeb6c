//! What can come of work on a repository, as far as callers go different ways.

use git2::{ErrorClass, ErrorCode};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A ref or commit that is not there (any more).
    #[error("{0} is not in the repository")]
    Missing(String),
    /// In the tree, but not to be read: symlinks, submodules, LFS pointers and the like.
    #[error("`{path}` {why}")]
    Refused { path: String, why: &'static str },
    /// The server does not let us fetch, or there is no such repository.
    #[error("cannot fetch {url}: {reason}")]
    Denied { url: String, reason: String },
    /// The network or the server failed; trying again later may help.
    #[error("cannot fetch {url}: {reason}")]
    Unavailable { url: String, reason: String },
    /// Objects are missing or broken; the next fetch makes the mirror anew.
    #[error("the repository is damaged: {0}")]
    Corrupt(String),
    #[error("{0}")]
    Failed(String),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Work in the object store: what refers to something that is not there is damaged.
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

/// Looking up what a caller named: that it is not there is no damage.
pub(crate) fn lookup(what: impl std::fmt::Display) -> impl FnOnce(git2::Error) -> Error {
    move |error| match error.code() {
        ErrorCode::NotFound | ErrorCode::InvalidSpec => Error::Missing(what.to_string()),
        _ => error.into(),
    }
}
