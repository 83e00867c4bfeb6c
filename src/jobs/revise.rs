//! A review wants changes: the run whose result the pull request is goes on with them.

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
