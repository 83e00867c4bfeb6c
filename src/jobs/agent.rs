//! Continues an agent run until it has to wait for people, a plan, or a point in time.

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
