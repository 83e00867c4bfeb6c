//! Git without the program `git`: mirrors of repositories, merges in memory, trees and their
//! differences.
//!
//! This is the only crate that uses libgit2, which runs no hooks, filters or external diffs: the
//! contents of a repository are read and never executed. Nothing is checked out or pushed here.
//! Work on a repository blocks, so [`Mirror`] runs it on threads that may block; [`Repo`] is for
//! callers that have such a thread.

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
