//! Handles a review that requests changes: the agent run that made the pull request continues with
//! them.

use planwright_core::job::{Job, Revise};

use super::Run;
use crate::{
    agent,
    flow::{JobContext, Result},
};

impl Run for Revise {
    async fn run(&self, context: &JobContext<'_>) -> Result<Vec<Job>> {
        agent::revise(context.app, self).await
    }
}
