//! The kinds of jobs: what each has to know, and what is known of it before it runs.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AgentCommand, Invocation, Lane, Retry, Role, SetParams, Target, Task};
use crate::{
    actor::Actor,
    names::{DeliveryId, StackId},
    pull_request::ReviewId,
};

/// Lists the kinds of jobs once, and gives each call its own kind by `with_job!`.
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

        /// Every kind of job, with the role that runs it.
        pub const KINDS: &[(&str, Role)] = &[$(($kind, <$name as Task>::ROLE)),+];

        /// Evaluates an expression with the job inside of a [`Job`](crate::job::Job), whatever its
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

            /// Returns the command that caused it, if one did.
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

            /// Returns the word that the queue has for it.
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

/// Check who asks, show that it was seen, answer or pass on. The comment as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledge {
    pub target: Target,
    pub asked: Invocation,
    pub delivery: DeliveryId,
    pub comment: String,
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

/// Plan what the pull request would do. `asked` is there when a comment wanted it.
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

/// Plan the last applied trees.
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

/// Look at the reviews again and say what is still missing.
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

/// Record that deletes and replacements of protected resources are meant.
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

/// Turn what an issue asks for into a pull request, if it has the label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub target: Target,
    /// Who put the issue before us.
    pub by: Actor,
    /// As the event had them, none where that is not known.
    #[serde(default)]
    pub labels: Vec<String>,
}

impl Task for Request {
    fn target(&self) -> &Target {
        &self.target
    }
}

/// Turn `/infra set` into a commit, or on an issue into a pull request.
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

/// Tell a run of the agent what people want of it.
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

/// Tell the run whose result a pull request is what a review wants changed. The text as it was
/// written.
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

/// Remind people of the question that a run asked with the event of that number.
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

/// Go on with a run of the agent; the target is where it was asked for.
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

/// Plan what a run of the agent has edited.
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

/// The pull request was closed without a merge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    pub target: Target,
}

impl Task for Release {
    fn target(&self) -> &Target {
        &self.target
    }
}

/// Apply what was merged. `asked` is there when a comment wanted it, `digest` when it named a plan.
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
