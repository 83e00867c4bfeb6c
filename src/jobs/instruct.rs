//! `/infra propose`, `revise` and `answer`: what people tell a run of the agent.

use planwright_core::job::{Instruct, Job};

use super::Run;
use crate::{
    agent,
    flow::{JobContext, Result},
};

impl Run for Instruct {
    async fn run(&self, context: &JobContext<'_>) -> Result<Vec<Job>> {
        agent::instruct(context.app, self).await
    }
}
