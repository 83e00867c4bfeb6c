//! What happened on GitHub, as a webhook reports it.
//!
//! An event is a reason to look at something, not its current state: webhooks come late, twice and
//! out of order, so a job reads the state from GitHub before it acts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    actor::{Actor, AppId},
    names::{CheckRunId, CommentId, InstallationId, PrNumber, RepoName, RepositoryId, Sha},
    pull_request::{ReviewId, ReviewState},
    repository::Repository,
};

/// An event and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    pub installation: Option<InstallationId>,
    pub repository: Option<RepositoryId>,
    pub repo: Option<RepoName>,
    /// Who caused the event; [`Actor::ghost`] if GitHub names nobody.
    pub sender: Actor,
    /// The App through which the subject of the event, such as a comment, was written.
    pub via_app: Option<AppId>,
    pub event: Event,
}

impl Envelope {
    /// Returns the repository, if the event has one and an installation.
    pub fn repository(&self) -> Option<Repository> {
        let (id, name) = (self.repository?, self.repo.clone()?);
        Some(Repository { id, name, installation: self.installation? })
    }

    /// Returns whether `app` itself wrote the subject of the event.
    pub fn is_echo_of(&self, app: AppId) -> bool {
        self.via_app == Some(app)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    PullRequest {
        number: PrNumber,
        author: Actor,
        head: Sha,
        action: PullRequestAction,
    },
    Review(ReviewEvent),
    Comment(CommentEvent),
    Issue(IssueEvent),
    Push(Push),
    /// Someone pressed *Re-run*; `app` is the App whose check it is.
    CheckRerequested {
        app: AppId,
        head: Sha,
        check_run: Option<CheckRunId>,
    },
    /// A merge queue asks whether a group may be merged.
    MergeGroup {
        head: Sha,
        head_ref: String,
        base: Sha,
        base_ref: String,
    },
    Repository(RepositoryAction),
    Installation(InstallationAction),
    /// An event, known or unknown, that the bot does not use.
    Ignored,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PullRequestAction {
    Opened,
    /// The head changed.
    Pushed {
        before: Sha,
        after: Sha,
    },
    Reopened,
    /// The base was changed to another branch.
    Retargeted {
        from: String,
    },
    ReadyForReview,
    Closed {
        merged: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewEvent {
    pub number: PrNumber,
    pub review: ReviewId,
    pub by: Actor,
    pub action: ReviewAction,
    pub state: ReviewState,
    #[serde(default)]
    pub body: String,
    /// The commit that was reviewed; `None` if it is gone.
    pub head: Option<Sha>,
    /// The head of the pull request when the event was sent.
    pub pull_request_head: Sha,
    pub at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReviewAction {
    Submitted,
    Edited,
    Dismissed,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentEvent {
    pub number: PrNumber,
    pub on_pull_request: bool,
    pub comment: CommentId,
    /// The id of the comment in GraphQL.
    pub node_id: String,
    /// Who wrote the comment; the sender of an edit may be somebody else.
    pub author: Actor,
    pub body: String,
    pub created_at: Timestamp,
    pub action: CommentAction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommentAction {
    Created,
    /// Edited comments are never executed.
    Edited,
}

/// An issue was opened, reopened, edited or labelled by the sender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueEvent {
    pub number: PrNumber,
    /// The label that was just added or, for other actions, all labels of the issue.
    pub labels: Vec<String>,
}

/// The sender pushed commits to a ref, created it or deleted it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    /// The full name, such as `refs/heads/main`.
    #[serde(rename = "ref")]
    pub git_ref: String,
    /// `None` if the ref is new.
    pub before: Option<Sha>,
    /// `None` if the ref was deleted.
    pub after: Option<Sha>,
    pub forced: bool,
    /// The commits that are new on the ref, oldest first; GitHub lists at most 2,048.
    pub commits: Vec<Sha>,
    /// Whether `planwright.yaml` on the default branch may have changed.
    pub changes_settings: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RepositoryAction {
    Renamed,
    Transferred,
    Archived,
    Unarchived,
    Deleted,
    /// Another setting was changed, such as the default branch.
    Edited,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InstallationAction {
    Created,
    Deleted,
    Suspended,
    Unsuspended,
    PermissionsAccepted,
    RepositoriesAdded(Vec<RepositoryId>),
    RepositoriesRemoved(Vec<RepositoryId>),
}
