//! A run of the agent goes on until people, a plan or time have to come first.

use planwright_core::job::{Agent, Job};
use planwright_view::NextStep;

use super::Run;
use crate::{
    agent,
    flow::{JobContext, Result},
};

impl Run for Agent {
    const AFTER_FAILURE: NextStep = NextStep::ProposeAgain;

    async fn run(&self, context: &JobContext<'_>) -> Result<Vec<Job>> {
        agent::go(self, context).await
    }
}
