//! Says hello on a pull request.

use planwright_core::job::{Greet, Job};

use crate::flow::{JobContext, Result, outbox};

use super::Run;

impl Run for Greet {
    async fn run(&self, context: &JobContext<'_>) -> Result<Vec<Job>> {
        outbox::note(context.app, &self.target, "Hello.").await.map(|()| Vec::new())
    }
}
