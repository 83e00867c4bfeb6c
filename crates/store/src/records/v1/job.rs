//! What a job is to do.

use jiff::Timestamp;
use planwright_core::{
    change_set::ParamPath,
    command, job,
    names::{CommentId, DeliveryId, StackId},
    pull_request::ReviewId,
};
use serde_json::Value as Json;
use uuid::Uuid;

use super::target::{Actor, Target};
use crate::records::{RecordError, mirror::Mirror, read, versioned};

records! {
    /// The payload of a job.
    #[serde(tag = "job", rename_all = "snake_case")]
    enum Job for job::Job {
        Acknowledge {
            target: Target,
            asked: Invocation,
            delivery: DeliveryId,
            comment: String,
            on_pull_request: bool,
        },
        Plan { target: Target, asked: Option<Invocation>, stacks: Vec<StackId> },
        Drift { target: Target, asked: Invocation, stacks: Vec<StackId> },
        Verdict { target: Target, review: Option<ReviewId> },
        Allow { target: Target, asked: Invocation, stack: StackId, addresses: Vec<String> },
        Request {
            target: Target,
            by: Actor,
            #[serde(default)]
            labels: Vec<String>,
        },
        Set { target: Target, asked: Invocation, change: SetParams, on_pull_request: bool },
        Tell { target: Target, asked: Invocation, word: AgentCommand },
        Revise { target: Target, by: Actor, review: ReviewId, text: String },
        Remind { target: Target, run: Uuid, question: u64 },
        Agent { target: Target, run: Uuid },
        Preview { target: Target, run: Uuid },
        Release { target: Target },
        Apply { target: Target, asked: Option<Invocation>, digest: Option<String> },
    }
    struct Invocation for job::Invocation {
        by: Actor,
        comment: CommentId,
        #[serde(default)]
        nth: usize,
        at: Timestamp,
    }
    struct SetParams for command::SetParams {
        stack: StackId,
        params: Vec<(ParamPath, String)>,
    }
    #[serde(rename_all = "snake_case")]
    enum AgentCommand for command::AgentCommand { Propose(text: String), Revise(text: String), Answer(choice: u64) }
}

impl Job {
    /// The payload that a row holds for a job.
    pub fn payload(job: &job::Job) -> Json {
        versioned(&<Self as Mirror<job::Job>>::store(job))
    }

    /// The job that a payload stands for. Fails if this version knows no such job.
    pub fn parse(payload: &Json) -> Result<job::Job, RecordError> {
        Ok(read::<Self>(payload.clone())?.load())
    }
}
