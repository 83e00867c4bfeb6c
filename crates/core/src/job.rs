//! Jobs: durable units of work, each with its lane and its role.
//!
//! The jobs of a lane run one at a time, in order. Planning and applying have lanes of their own,
//! and each acknowledgement has one, so that a status never waits behind a plan. What each job does
//! is in the module `jobs` of the root package.

mod kinds;

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    actor::Actor,
    change_set::ParamPath,
    names::{CommentId, DeliveryId, PrNumber, RepositoryId, StackId},
    repository::Repository,
};

pub use kinds::*;

/// The pull request or issue that a job is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub repository: Repository,
    pub number: PrNumber,
}

/// A command in a comment, and who gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocation {
    pub by: Actor,
    pub comment: CommentId,
    /// The number of the command in the comment, from 1; 0 if it is the only one, or for the whole
    /// comment. Each has a reply of its own.
    #[serde(default)]
    pub nth: usize,
    /// When the comment was written, by GitHub's clock.
    pub at: Timestamp,
    /// Whether GitHub says that the comment came by mail.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_mail: bool,
}

/// New values of params, as they were typed. The package defines their types.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetParams {
    pub stack: StackId,
    pub params: Vec<(ParamPath, String)>,
}

/// What people ask of a run of the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentCommand {
    /// Start a run with the text of the issue and this text, which may be empty.
    Propose(String),
    /// Change the proposal as this text says.
    Revise(String),
    /// Answer the pending question with the choice of this number, from 1.
    Answer(u64),
}

/// The kinds of work that a process does. A deployment may split them over several machines, each
/// of which reads only the secrets of its roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Receives webhooks, stores them, and answers commands that need no engine.
    Web,
    /// Plans and checks drift, with read credentials.
    Plan,
    /// Applies, with write credentials.
    Apply,
    /// Asks the model, with its key.
    Agent,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Web, Self::Plan, Self::Apply, Self::Agent];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Plan => "plan",
            Self::Apply => "apply",
            Self::Agent => "agent",
        }
    }

    /// Returns the description for the help of the command line.
    pub fn about(self) -> &'static str {
        match self {
            Self::Web => "Receives webhooks, stores them, answers commands that start no engine",
            Self::Plan => "Plans and drift checks, with read credentials",
            Self::Apply => "Applies, with write credentials",
            Self::Agent => "Asks the model, with its key",
        }
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(word: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == word).ok_or(UnknownRole)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the roles are web, plan, apply and agent")]
pub struct UnknownRole;

/// What happens to a job whose worker was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It is run again, and stops if its pull request has changed since.
    Freely,
    /// It may have had an effect that must not happen twice, so it is run again marked as
    /// recovered.
    Never,
}

/// The queue in which a job waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lane {
    Acknowledgement(DeliveryId),
    PullRequest(Numbered),
    Apply(Numbered),
    Agent(Numbered),
    /// A reminder waits for a day, so no other job may wait behind it.
    Reminder(Numbered),
}

/// A pull request or issue, identified by values that never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbered {
    pub repository: RepositoryId,
    pub number: PrNumber,
}

impl From<&Target> for Numbered {
    fn from(target: &Target) -> Self {
        Self { repository: target.repository.id, number: target.number }
    }
}

impl fmt::Display for Numbered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.repository, self.number)
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Acknowledgement(delivery) => write!(f, "ack/{delivery}"),
            Self::PullRequest(of) => write!(f, "pr/{of}"),
            Self::Apply(of) => write!(f, "apply/{of}"),
            Self::Agent(of) => write!(f, "agent/{of}"),
            Self::Reminder(of) => write!(f, "remind/{of}"),
        }
    }
}

/// A stored key that names no lane of this version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no lane of jobs")]
pub struct UnknownLane(String);

impl FromStr for Lane {
    type Err = UnknownLane;

    fn from_str(key: &str) -> Result<Self, UnknownLane> {
        let lane = || {
            let (word, rest) = key.split_once('/')?;
            let numbered = || {
                let (repository, number) = rest.split_once('/')?;
                let repository = RepositoryId(repository.parse().ok()?);
                Some(Numbered { repository, number: PrNumber(number.parse().ok()?) })
            };
            Some(match word {
                "ack" => Self::Acknowledgement(DeliveryId::parse(rest).ok()?),
                "pr" => Self::PullRequest(numbered()?),
                "apply" => Self::Apply(numbered()?),
                "agent" => Self::Agent(numbered()?),
                "remind" => Self::Reminder(numbered()?),
                _ => return None,
            })
        };
        lane().ok_or_else(|| UnknownLane(key.to_owned()))
    }
}

impl Lane {
    /// Returns whether `/infra cancel` stops the jobs in it.
    pub fn is_cancellable(&self) -> bool {
        match self {
            Self::PullRequest(_) | Self::Apply(_) | Self::Agent(_) => true,
            Self::Acknowledgement(_) | Self::Reminder(_) => false,
        }
    }
}

/// What is known of a kind of job before it runs.
pub trait Task {
    const ROLE: Role = Role::Web;
    const RETRY: Retry = Retry::Freely;

    fn target(&self) -> &Target;

    /// Returns the command that caused the job, if one did.
    fn invocation(&self) -> Option<&Invocation> {
        None
    }

    fn lane(&self) -> Lane {
        Lane::PullRequest(self.target().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_job_has_a_word_of_its_own_that_its_payload_says() {
        let words: std::collections::BTreeSet<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(words.len(), KINDS.len());
        let target = Target {
            repository: serde_json::from_value(serde_json::json!({
                "id": 2, "name": "acme/infra", "installation": 3
            }))
            .unwrap(),
            number: PrNumber(5),
        };
        let job = Job::from(Release { target });
        assert_eq!(serde_json::to_value(&job).unwrap()["job"], job.kind());
        assert_eq!(job.lane().to_string(), "pr/2/5");
    }

    #[test]
    fn an_apply_alone_is_never_repeated_and_a_reminder_is_not_cancelled() {
        let of = Numbered { repository: RepositoryId(2), number: PrNumber(5) };
        for (lane, expected) in [
            (Lane::PullRequest(of), true),
            (Lane::Apply(of), true),
            (Lane::Agent(of), true),
            (Lane::Reminder(of), false),
        ] {
            assert_eq!(lane.is_cancellable(), expected, "{lane}");
            assert_eq!(lane.to_string().parse(), Ok(lane));
        }
        for key in ["", "pr", "pr/2", "pr/2/x", "pr/2/5/7", "other/2/5"] {
            assert_eq!(key.parse::<Lane>(), Err(UnknownLane(key.into())));
        }
        assert_eq!((Apply::RETRY, Plan::RETRY), (Retry::Never, Retry::Freely));
    }
}
