//! The snapshot of a pull request: everything about it that a decision may need, read at one moment.
//!
//! Facts only. Whose approval counts is for `approval`; what the commits change is for `git`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    actor::Actor,
    names::{BranchName, Login, PrNumber, RepoName, RepositoryId, Sha, UserId},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequest {
    pub repository: RepositoryId,
    pub repo: RepoName,
    /// Nothing can be written to an archived repository.
    pub is_archived: bool,
    /// The branch whose settings are trusted; none in an empty repository.
    pub default_branch: Option<BranchName>,
    /// How GraphQL calls it.
    pub node_id: String,
    pub number: PrNumber,
    pub title: String,
    pub author: Actor,
    pub state: PullRequestState,
    pub is_draft: bool,
    pub created_at: Timestamp,
    pub head: Sha,
    pub head_ref: BranchName,
    /// `None` when the fork that it came from was deleted.
    pub head_repository: Option<RepositoryId>,
    /// The tip of the base branch now, not when the pull request was opened.
    pub base: Sha,
    pub base_ref: BranchName,
    /// The merge, squash or last rebased commit on the base; there once merged.
    pub merge_commit: Option<Sha>,
    pub merged_at: Option<Timestamp>,
    pub merged_by: Option<Actor>,
    pub commits: Vec<CommitAuthors>,
    /// The latest review of each reviewer that approves or asks for changes.
    pub reviews: Vec<Review>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PullRequestState {
    Open,
    Closed,
    Merged,
}

/// The accounts behind one commit: author, co-authors and committer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitAuthors {
    pub sha: Sha,
    pub users: BTreeMap<UserId, Login>,
    /// Authors whose address belongs to no account; only who pushed is known of them.
    pub unknown: usize,
}

/// GitHub's id of a review.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReviewId(pub i64);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    pub id: ReviewId,
    pub by: Actor,
    pub state: ReviewState,
    /// The commit that GitHub ties it to *now*; a rebase may have moved it. `None`: that is gone.
    pub head: Option<Sha>,
    pub at: Timestamp,
    /// Whether the reviewer can push now.
    pub may_write: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewState {
    Approved,
    ChangesRequested,
    Commented,
    Dismissed,
}

impl ReviewState {
    /// GitHub's word in either case (GraphQL shouts, webhooks do not); `None` if unknown.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "approved" => Self::Approved,
            "changes_requested" => Self::ChangesRequested,
            "commented" => Self::Commented,
            "dismissed" => Self::Dismissed,
            _ => return None,
        })
    }
}

impl PullRequest {
    /// Returns whether it is to be merged into the default branch.
    ///
    /// Settings and packages of the base are trusted, and anyone who may push can make a branch with
    /// settings of their own: only the default branch is one that people guard.
    pub fn is_into_default_branch(&self) -> bool {
        self.default_branch.as_ref() == Some(&self.base_ref)
    }

    /// Returns whether its head is not a branch of this repository; a deleted fork is a fork.
    pub fn is_from_fork(&self) -> bool {
        self.head_repository != Some(self.repository)
    }
}
