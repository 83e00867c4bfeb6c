//! What happened at GitHub, as a webhook tells it.
//!
//! An event says that something is to be looked at, never how things stand: webhooks come late,
//! doubled and out of order, so a job reads the present state from GitHub before it acts.

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
    /// Whose doing it was; the ghost when GitHub names nobody.
    pub sender: Actor,
    /// The App through which the thing itself, e.g. the comment, was written.
    pub via_app: Option<AppId>,
    pub event: Event,
}

impl Envelope {
    /// Returns the repository, if the event is of one that an installation reaches.
    pub fn repository(&self) -> Option<Repository> {
        let (id, name) = (self.repository?, self.repo.clone()?);
        Some(Repository { id, name, installation: self.installation? })
    }

    /// Returns whether it tells of something that `app` itself wrote.
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
    /// Someone pressed *Re-run*; `app` is whose check it is.
    CheckRerequested {
        app: AppId,
        head: Sha,
        check_run: Option<CheckRunId>,
    },
    /// A merge queue wants to know whether a group may be merged.
    MergeGroup {
        head: Sha,
        head_ref: String,
        base: Sha,
        base_ref: String,
    },
    Repository(RepositoryAction),
    Installation(InstallationAction),
    /// Anything that the bot has no use for, known or unknown.
    Ignored,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PullRequestAction {
    Opened,
    /// The head moved.
    Pushed {
        before: Sha,
        after: Sha,
    },
    Reopened,
    /// The base became another branch.
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
    /// The commit that was looked at; `None` when it is gone.
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
    /// Who wrote it first; the sender of an edit may be another.
    pub author: Actor,
    pub body: String,
    pub created_at: Timestamp,
    pub action: CommentAction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommentAction {
    Created,
    /// Never executed, whatever it says.
    Edited,
}

/// An issue was opened, reopened, edited or labelled; who did it is the sender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueEvent {
    pub number: PrNumber,
    /// The label that it was given just now, or all it has where it changed in another way.
    pub labels: Vec<String>,
}

/// Commits arrived on, or vanished from, a ref. Who pushed is the sender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    /// In full, e.g. `refs/heads/main`.
    #[serde(rename = "ref")]
    pub git_ref: String,
    /// `None`: the ref is new.
    pub before: Option<Sha>,
    /// `None`: the ref was deleted.
    pub after: Option<Sha>,
    pub forced: bool,
    /// What the ref now has and did not have, oldest first; GitHub lists at most 2,048.
    pub commits: Vec<Sha>,
    /// Whether `planwright.yaml` of the default branch may be another one now.
    pub changes_settings: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RepositoryAction {
    Renamed,
    Transferred,
    Archived,
    Unarchived,
    Deleted,
    /// Another change of its settings, e.g. of its default branch.
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
