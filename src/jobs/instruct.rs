//! `/infra propose`, `revise` and `answer`: instructions to an agent run.

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
