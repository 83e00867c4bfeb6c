//! Reminds people of an agent's question a day after it was asked.

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
