//! The jobs, one file per kind: what each does, and what it reports when it has failed for good.
//!
//! The kinds, with their roles and lanes, are listed in `planwright_core::job`.

pub mod acknowledge;
mod agent;
mod allow;
pub mod apply;
mod drift;
mod instruct;
pub mod plan;
mod preview;
mod release;
mod remind;
mod request;
mod revise;
mod set;
pub mod verdict;

use planwright_core::{
    job::{Job, Task},
    with_job,
};
use planwright_store::records::v1::Reaction;
use planwright_view::{NextStep, Refusal, internal_error};

use crate::{
    app::App,
    flow::{Error, JobContext, Result, outbox},
};

/// A kind of job that can run.
trait Run: Task + Sync {
    /// What people are advised to do after it has failed for good.
    const AFTER_FAILURE: NextStep = NextStep::PlanAgain;

    /// Returns whether the job has completed the request if `_next` are the jobs that follow; then
    /// it gets the reaction for success.
    fn is_done(&self, _next: &[Job]) -> bool {
        true
    }

    /// Runs the job; returns the jobs that follow from it.
    fn run(&self, context: &JobContext<'_>) -> impl Future<Output = Result<Vec<Job>>> + Send;

    /// Cleans up for others when the job has failed for good; `id` is the failure's id in the log.
    fn give_up(
        &self,
        _context: &JobContext<'_>,
        _id: &str,
    ) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }
}

/// Runs a job; returns the jobs that follow from it.
///
/// A comment that requested it gets a reaction: 🚀, or 😕 with a reply that gives the reason.
pub async fn run(job: &Job, context: &JobContext<'_>) -> Result<Vec<Job>> {
    let ended = with_job!(job, job => job.run(context).await);
    let Some(asked) = job.invocation() else { return ended };
    let (app, target) = (context.app, job.target());
    let ended = match ended {
        Err(Error::Stopped) => Err(Refusal::Stopped.into()),
        Err(Error::Gone) => return Ok(Vec::new()),
        ended => ended,
    };
    match ended {
        Ok(next) => {
            if with_job!(job, job => job.is_done(&next)) {
                outbox::react(app, target, asked, Reaction::Done).await?;
            }
            Ok(next)
        }
        Err(Error::Refused(refusal)) => {
            outbox::react(app, target, asked, Reaction::Refused).await?;
            outbox::reply(app, target, asked, &refusal.doc()).await?;
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

/// Cleans up after a job that has failed for good, so that nothing waits for it any longer, and
/// reports the failure with its id in the log.
pub async fn give_up(app: &App, job: &Job, id: &str) -> Result<()> {
    let then = with_job!(job, job => after_failure(job));
    let told = internal_error(id, then).into();
    let context = JobContext::new(app, job.target());
    let ended = with_job!(job, job => job.give_up(&context, id).await);
    match job.invocation() {
        Some(asked) => {
            outbox::react(app, job.target(), asked, Reaction::Refused).await?;
            outbox::reply(app, job.target(), asked, &told).await?;
        }
        None => outbox::failure(app, job.target(), id, &told).await?,
    }
    ended
}

fn after_failure<T: Run>(_job: &T) -> NextStep {
    T::AFTER_FAILURE
}
