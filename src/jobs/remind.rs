//! A day after a question of the agent: people are reminded of it.

use planwright_core::job::{Job, Remind};

use super::Run;
use crate::{
    agent,
    flow::{JobContext, Result},
};

impl Run for Remind {
    async fn run(&self, context: &JobContext<'_>) -> Result<Vec<Job>> {
        agent::remind(context.app, self).await.map(|()| Vec::new())
    }
}
