//! Who has a part in a change.

use super::names::{Login, Sha, UserId};

/// A move of a branch, or a request to have it moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// `None` if the branch was new.
    pub before: Option<Sha>,
    /// `None` if nothing was left on it.
    pub after: Option<Sha>,
    pub by: UserId,
    pub login: Login,
    pub kind: PushKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushKind {
    Push,
    /// The branch was deleted, which shapes nothing.
    Deletion,
    /// Somebody asked the bot to commit to the branch.
    Asked,
}
