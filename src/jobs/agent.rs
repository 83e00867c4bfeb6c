//! A run of the agent goes on until people, a plan or time have to come first.

use planwright_core::job::{Agent, Job};

use crate::{
    agent,
    flow::{JobContext, Result},
};

use super::Run;

pub(super) const AFTER_FAILURE: &str =
    "The run goes no further; `/infra cancel` ends it, and `/infra propose` begins anew.";

impl Run for Agent {
    const AFTER_FAILURE: &'static str = AFTER_FAILURE;

    async fn run(&self, context: &JobContext<'_>) -> Result<Vec<Job>> {
        agent::go(self, context).await
    }
}
