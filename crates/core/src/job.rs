//! Durable units of work: what is to be done, under which key, and by which role.
//!
//! One job of a key runs at a time, jobs of a key in order. Planning and applying have keys of their
//! own, and an acknowledgement one per delivery, so that a status never waits behind a plan.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    actor::Actor,
    command::{AgentCommand, Command, SetParams},
    names::{CommentId, DeliveryId, PrNumber, StackId},
    pull_request::ReviewId,
    repository::Repository,
};

/// The pull request (or issue) that a job is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub repository: Repository,
    pub number: PrNumber,
}

/// A command as it was given: by whom, where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocation {
    pub by: Actor,
    pub comment: CommentId,
    /// Which command of the comment it is, from 1; 0 is the only one, or the comment as a whole. Each
    /// has a reply of its own.
    #[serde(default)]
    pub nth: usize,
    /// By GitHub's clock.
    pub at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case")]
pub enum Job {
    /// Check who asks, show that it was seen, answer or pass on. The comment as it was written.
    Acknowledge {
        target: Target,
        asked: Invocation,
        delivery: DeliveryId,
        comment: String,
        on_pull_request: bool,
    },
    /// Plan what the pull request would do. `asked` is there when a comment wanted it.
    Plan { target: Target, asked: Option<Invocation>, stacks: Vec<StackId> },
    /// Plan the last applied trees.
    Drift { target: Target, asked: Invocation, stacks: Vec<StackId> },
    /// Look at the reviews again and say what is still missing.
    Verdict { target: Target, review: Option<ReviewId> },
    /// Record that deletes and replacements of protected resources are meant.
    Allow { target: Target, asked: Invocation, stack: StackId, addresses: Vec<String> },
    /// Turn what an issue asks for into a pull request, if it has the label. `by` whom the issue was
    /// put before us; `labels` as the event had them, none where that is not known.
    Request {
        target: Target,
        by: Actor,
        #[serde(default)]
        labels: Vec<String>,
    },
    /// Turn `/infra set` into a commit, or on an issue into a pull request.
    Set { target: Target, asked: Invocation, change: SetParams, on_pull_request: bool },
    /// Tell a run of the agent what people want of it.
    Tell { target: Target, asked: Invocation, word: AgentCommand },
    /// Tell the run whose result a pull request is what a review wants changed. The text as it was
    /// written.
    Revise { target: Target, by: Actor, review: ReviewId, text: String },
    /// Remind people of the question that a run asked with the event of that number.
    Remind { target: Target, run: Uuid, question: u64 },
    /// Go on with a run of the agent; the target is where it was asked for.
    Agent { target: Target, run: Uuid },
    /// Plan what a run of the agent has edited.
    Preview { target: Target, run: Uuid },
    /// The pull request was closed without a merge.
    Release { target: Target },
    /// Apply what was merged. `asked` is there when a comment wanted it, `digest` when it named a plan.
    Apply { target: Target, asked: Option<Invocation>, digest: Option<String> },
}

impl Job {
    pub fn target(&self) -> &Target {
        match self {
            Self::Acknowledge { target, .. }
            | Self::Plan { target, .. }
            | Self::Drift { target, .. }
            | Self::Verdict { target, .. }
            | Self::Allow { target, .. }
            | Self::Request { target, .. }
            | Self::Set { target, .. }
            | Self::Tell { target, .. }
            | Self::Revise { target, .. }
            | Self::Remind { target, .. }
            | Self::Agent { target, .. }
            | Self::Preview { target, .. }
            | Self::Release { target }
            | Self::Apply { target, .. } => target,
        }
    }

    /// Jobs of one key run one at a time, in order.
    pub fn key(&self) -> String {
        let Target { repository, number } = self.target();
        let repository = repository.id;
        match self {
            Self::Acknowledge { delivery, .. } => format!("ack/{delivery}"),
            Self::Apply { .. } => format!("apply/{repository}/{number}"),
            // It waits for a day, and nothing is to wait behind it.
            Self::Remind { .. } => format!("remind/{repository}/{number}"),
            Self::Tell { .. } | Self::Revise { .. } | Self::Agent { .. } | Self::Preview { .. } => {
                format!("agent/{repository}/{number}")
            }
            _ => format!("pr/{repository}/{number}"),
        }
    }

    /// The word under which workers find jobs of their roles.
    pub fn kind(&self) -> JobKind {
        match self {
            Self::Acknowledge { .. } => JobKind::Acknowledge,
            Self::Apply { .. } => JobKind::Apply,
            Self::Plan { .. } | Self::Drift { .. } | Self::Preview { .. } => JobKind::Plan,
            Self::Agent { .. } => JobKind::Agent,
            Self::Verdict { .. }
            | Self::Allow { .. }
            | Self::Request { .. }
            | Self::Set { .. }
            | Self::Tell { .. }
            | Self::Revise { .. }
            | Self::Remind { .. }
            | Self::Release { .. } => JobKind::Keep,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    Acknowledge,
    /// Starts the engine with read credentials.
    Plan,
    /// Starts the engine with write credentials; never retried by itself.
    Apply,
    /// Keeps what is shown in step with what is known; starts no engine.
    Keep,
    /// Asks a model; starts no engine.
    Agent,
}

impl JobKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Plan => "plan",
            Self::Apply => "apply",
            Self::Keep => "keep",
            Self::Agent => "agent",
        }
    }
}

/// What a command becomes once its author is known to be allowed to give it; `None` when it is
/// answered on the spot (help, status, unlock, cancel).
pub fn job_of(
    command: Command,
    target: &Target,
    (asked, on_pull_request): (&Invocation, bool),
) -> Option<Job> {
    let (target, asked) = (target.clone(), asked.clone());
    match command {
        Command::Plan { stacks } => Some(Job::Plan { target, asked: Some(asked), stacks }),
        Command::Drift { stacks } => Some(Job::Drift { target, asked, stacks }),
        Command::Allow { stack, addresses } => Some(Job::Allow { target, asked, stack, addresses }),
        Command::Set(change) => Some(Job::Set { target, asked, change, on_pull_request }),
        Command::Tell(word) => Some(Job::Tell { target, asked, word }),
        Command::Apply { digest } => {
            let digest = digest.map(|digest| digest.to_string());
            Some(Job::Apply { target, asked: Some(asked), digest })
        }
        Command::Help | Command::Status | Command::Unlock { .. } | Command::Cancel => None,
    }
}
