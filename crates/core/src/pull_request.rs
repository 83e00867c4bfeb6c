//! The snapshot of a pull request: everything about it that a decision needs, read at one moment.
//!
//! It has facts only: `approval` decides whose approval counts, and `git` reads what the commits
//! change.

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
    /// The default branch, whose settings are trusted; `None` in an empty repository.
    pub default_branch: Option<BranchName>,
    /// The id of the pull request in GraphQL.
    pub node_id: String,
    pub number: PrNumber,
    pub title: String,
    pub author: Actor,
    pub state: PullRequestState,
    pub is_draft: bool,
    pub created_at: Timestamp,
    /// When it was last reopened; what people said before that is about something else.
    pub reopened_at: Option<Timestamp>,
    pub head: Sha,
    pub head_ref: BranchName,
    /// `None` if the head's repository was a fork that is deleted.
    pub head_repository: Option<RepositoryId>,
    /// The tip of the base branch now, not when the pull request was opened.
    pub base: Sha,
    pub base_ref: BranchName,
    /// The commit on the base branch: the merge, the squashed commit, or the last one rebased.
    /// `None` unless merged.
    pub merge_commit: Option<Sha>,
    pub merged_at: Option<Timestamp>,
    pub merged_by: Option<Actor>,
    pub commits: Vec<CommitAuthors>,
    /// The latest review of each reviewer that approves or requests changes.
    pub reviews: Vec<Review>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PullRequestState {
    Open,
    Closed,
    Merged,
}

/// The accounts behind one commit: author, co-authors and committer. GitHub itself, as the
/// committer of what people do on its website, is none of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitAuthors {
    pub sha: Sha,
    /// Empty where they were not asked for.
    pub parents: Vec<Sha>,
    pub users: BTreeMap<UserId, Login>,
    /// How many of them have an e-mail address that belongs to no account, or to GitHub itself.
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
    /// Whether it was given by mail.
    pub by_mail: bool,
    /// The commit that GitHub ties the review to now, which a rebase may have changed; `None` if it
    /// is gone.
    pub head: Option<Sha>,
    pub at: Timestamp,
    /// Whether the reviewer has write access now.
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
    /// Parses GitHub's name of the state, which is in upper case in GraphQL and in lower case in
    /// webhooks. Returns `None` if it is unknown.
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
    /// Returns whether its base is the default branch.
    ///
    /// Settings and packages of the base are trusted. Everyone with write access can create a
    /// branch with other settings, so only the default branch, which people protect, is trusted.
    pub fn is_into_default_branch(&self) -> bool {
        self.default_branch.as_ref() == Some(&self.base_ref)
    }

    /// Returns whether its head is in another repository, which may be deleted.
    pub fn is_from_fork(&self) -> bool {
        self.head_repository != Some(self.repository)
    }
}
