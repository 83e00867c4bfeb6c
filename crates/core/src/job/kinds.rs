//! The kinds of jobs: their payloads, roles, lanes and retry rules.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AgentCommand, Invocation, Lane, Retry, Role, SetParams, Target, Task};
use crate::{
    actor::Actor,
    names::{DeliveryId, StackId},
    pull_request::ReviewId,
};

/// Defines [`Job`] with one variant per kind, and the macro `with_job!`, which handles all kinds
/// alike.
macro_rules! jobs {
    ($d:tt $($name:ident = $kind:literal),+ $(,)?) => {
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "job")]
        pub enum Job {
            $(#[serde(rename = $kind)] $name($name)),+
        }

        $(impl From<$name> for Job {
            fn from(job: $name) -> Self {
                Self::$name(job)
            }
        })+

        /// The kinds of jobs, each with the role that runs it.
        pub const KINDS: &[(&str, Role)] = &[$(($kind, <$name as Task>::ROLE)),+];

        /// Evaluates an expression with the payload of a [`Job`](crate::job::Job), whatever its
        /// kind.
        #[macro_export]
        macro_rules! with_job {
            ($d job:expr, $d inner:ident => $d body:expr) => {
                match $d job {
                    $($crate::job::Job::$name($d inner) => $d body),+
                }
            };
        }

        impl Job {
            pub fn target(&self) -> &Target {
                match self {
                    $(Self::$name(job) => job.target()),+
                }
            }

            /// Returns the command that caused the job, if one did.
            pub fn invocation(&self) -> Option<&Invocation> {
                match self {
                    $(Self::$name(job) => job.invocation()),+
                }
            }

            pub fn lane(&self) -> Lane {
                match self {
                    $(Self::$name(job) => job.lane()),+
                }
            }

            /// Returns the name of the kind, as it is stored.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => $kind),+
                }
            }

            pub fn retry(&self) -> Retry {
                match self {
                    $(Self::$name(_) => <$name as Task>::RETRY),+
                }
            }
        }
    };
}

jobs! {
    $
    Acknowledge = "acknowledge",
    Plan = "plan",
    Drift = "drift",
    Verdict = "verdict",
    Allow = "allow",
    Request = "request",
    Set = "set",
    Instruct = "tell",
    Revise = "revise",
    Remind = "remind",
    Agent = "agent",
    Preview = "preview",
    Release = "release",
    Apply = "apply",
}

/// Read a comment back, check who wrote it, react to it, and answer its commands or pass them on.
/// `comment` is its text as delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledge {
    pub target: Target,
    pub asked: Invocation,
    pub delivery: DeliveryId,
    pub comment: String,
    /// The id of the comment in GraphQL; `None` in a job of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_id: Option<String>,
    pub on_pull_request: bool,
}

impl Task for Acknowledge {
    fn target(&self) -> &Target {
        &self.target
    }

    fn invocation(&self) -> Option<&Invocation> {
        Some(&self.asked)
    }

    fn lane(&self) -> Lane {
        Lane::Acknowledgement(self.delivery.clone())
    }
}

/// Plan what the pull request would do. `asked` is the command that asked for it, if one did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub target: Target,
    pub asked: Option<Invocation>,
    pub stacks: Vec<StackId>,
}

impl Task for Plan {
    const ROLE: Role = Role::Plan;

    fn target(&self) -> &Target {
        &self.target
    }

    fn invocation(&self) -> Option<&Invocation> {
        self.asked.as_ref()
    }
}

/// Plan the last applied trees, to find drift.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    pub target: Target,
    pub asked: Invocation,
    pub stacks: Vec<StackId>,
}

impl Task for Drift {
    const ROLE: Role = Role::Plan;

    fn target(&self) -> &Target {
        &self.target
    }

    fn invocation(&self) -> Option<&Invocation> {
        Some(&self.asked)
    }
}

/// Read the reviews again, and update what is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub target: Target,
    pub review: Option<ReviewId>,
}

impl Task for Verdict {
    fn target(&self) -> &Target {
        &self.target
    }
}

/// Record that somebody allows protected resources to be deleted or replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allow {
    pub target: Target,
    pub asked: Invocation,
    pub stack: StackId,
    pub addresses: Vec<String>,
}

impl Task for Allow {
    fn target(&self) -> &Target {
        &self.target
    }

    fn invocation(&self) -> Option<&Invocation> {
        Some(&self.asked)
    }
}

/// Make a pull request of what an issue asks for, if the issue has the label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub target: Target,
    /// Who opened, edited or labelled the issue.
    pub by: Actor,
    /// The labels in the event; empty if they are not known.
    #[serde(default)]
    pub labels: Vec<String>,
}

impl Task for Request {
    fn target(&self) -> &Target {
        &self.target
    }
}

/// Make a commit of `/infra set`, or on an issue a pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Set {
    pub target: Target,
    pub asked: Invocation,
    pub change: SetParams,
    pub on_pull_request: bool,
}

impl Task for Set {
    fn target(&self) -> &Target {
        &self.target
    }

    fn invocation(&self) -> Option<&Invocation> {
        Some(&self.asked)
    }
}

/// Pass a command on to a run of the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instruct {
    pub target: Target,
    pub asked: Invocation,
    #[serde(rename = "word")]
    pub command: AgentCommand,
}

impl Task for Instruct {
    fn target(&self) -> &Target {
        &self.target
    }

    fn invocation(&self) -> Option<&Invocation> {
        Some(&self.asked)
    }

    fn lane(&self) -> Lane {
        Lane::Agent(self.target().into())
    }
}

/// Pass on to a run of the agent what a review of its pull request asks for. `text` is as written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revise {
    pub target: Target,
    pub by: Actor,
    pub review: ReviewId,
    pub text: String,
}

impl Task for Revise {
    fn target(&self) -> &Target {
        &self.target
    }

    fn lane(&self) -> Lane {
        Lane::Agent(self.target().into())
    }
}

/// Remind people of the question that the event with this number of a run asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remind {
    pub target: Target,
    pub run: Uuid,
    pub question: u64,
}

impl Task for Remind {
    fn target(&self) -> &Target {
        &self.target
    }

    fn lane(&self) -> Lane {
        Lane::Reminder(self.target().into())
    }
}

/// Continue a run of the agent. The target is the issue or pull request in which it was requested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    pub target: Target,
    pub run: Uuid,
}

impl Task for Agent {
    const ROLE: Role = Role::Agent;

    fn target(&self) -> &Target {
        &self.target
    }

    fn lane(&self) -> Lane {
        Lane::Agent(self.target().into())
    }
}

/// Plan the edits of a run of the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    pub target: Target,
    pub run: Uuid,
}

impl Task for Preview {
    const ROLE: Role = Role::Plan;

    fn target(&self) -> &Target {
        &self.target
    }

    fn lane(&self) -> Lane {
        Lane::Agent(self.target().into())
    }
}

/// Clean up after a pull request that was closed without a merge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    pub target: Target,
}

impl Task for Release {
    fn target(&self) -> &Target {
        &self.target
    }
}

/// Apply what was merged. `asked` is the command that asked for it, `digest` the plan that it
/// names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apply {
    pub target: Target,
    pub asked: Option<Invocation>,
    pub digest: Option<String>,
}

impl Task for Apply {
    const ROLE: Role = Role::Apply;
    const RETRY: Retry = Retry::Never;

    fn target(&self) -> &Target {
        &self.target
    }

    fn invocation(&self) -> Option<&Invocation> {
        self.asked.as_ref()
    }

    fn lane(&self) -> Lane {
        Lane::Apply(self.target().into())
    }
}
