//! The jobs, one file each: what each kind does when it runs, and what is said when it fails for
//! good.
//!
//! Which kinds there are, by which role and in which lane they run, is in `planwright_core::job`.

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
    /// What people are told to do after it has failed for good.
    const AFTER_FAILURE: NextStep = NextStep::PlanAgain;

    /// Returns whether whoever asked for it has an answer when it has run with these jobs to
    /// follow.
    fn is_done(&self, _next: &[Job]) -> bool {
        true
    }

    /// Does the job; returns the jobs that follow from it.
    fn run(&self, context: &JobContext<'_>) -> impl Future<Output = Result<Vec<Job>>> + Send;

    /// Ends what others wait for when the job has failed for good, which the log has under `id`.
    fn give_up(
        &self,
        _context: &JobContext<'_>,
        _id: &str,
    ) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }
}

/// Runs a job to its end; returns the jobs that follow from it.
///
/// Whoever asked for it sees how it ended: 🚀, or 😕 with a line that says why.
pub async fn run(job: &Job, context: &JobContext<'_>) -> Result<Vec<Job>> {
    let ended = with_job!(job, job => job.run(context).await);
    let Some(asked) = job.invocation() else { return ended };
    let (app, target) = (context.app, job.target());
    let ended = match ended {
        Err(Error::Stopped) => Err(Refusal::Stopped.into()),
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

/// Ends what a job has failed for good at: nobody waits behind it any longer, and people are told
/// under which id the log has it.
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
