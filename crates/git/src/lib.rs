//! Git without a `git`: mirrors of repositories, merges in memory, trees and what differs in them.
//!
//! The only code that knows libgit2, which runs no hook, filter or external diff: what a repository
//! contains is read, never executed. Nothing is checked out and nothing is pushed here. Work on a
//! repository blocks, so [`Mirror`] runs it on a thread for that; [`Repo`] is the blocking side, for
//! whoever has such a thread already.

#![warn(unreachable_pub)]

mod error;
mod merge;
mod mirror;
mod repo;
mod transport;
mod tree;

pub use self::error::{Error, Result};
pub use self::merge::Merge;
pub use self::mirror::{Git, Mirror, Source, Want};
pub use self::repo::Repo;
pub use self::tree::{ChangeKind, ChangedPath, Entry, EntryKind};
