//! The use cases: the only code that joins adapters, and the only writer to GitHub.
//!
//! A flow loads a snapshot, lets a pure function of `domain` decide, and carries the value out.
//! Nothing here decides whose approval counts or how a comment reads.

pub mod acknowledge;
pub mod agent;
pub mod allow;
pub mod apply;
pub mod backend;
pub mod catch_up;
pub mod checkout;
pub mod drift;
pub mod facts;
pub mod merge_preview;
pub mod outbox;
pub mod plan;
pub mod propose;
pub mod pull_snapshot;
pub mod release;
pub mod request;
pub mod run_log;
pub mod set;
pub mod verdict;
pub mod work;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use planwright_core::job::{Invocation, Job, Target};
use planwright_engine as engine;
use planwright_git as git;
use planwright_github as github;
use planwright_store as store;
use planwright_store::{JobId, PullRequestId};
use planwright_view::Refusal;

use outbox::Face;
use run_log::RunLog;

/// How a flow ends that does not end well.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Expected, and worded for the person who asked.
    #[error("{0}")]
    Refused(Refusal),
    /// Not now: nothing was begun, or GitHub asks for patience.
    #[error("later: {why}")]
    Later { at: Timestamp, why: String },
    /// GitHub cannot be reached; nothing was changed.
    #[error("GitHub cannot be reached: {0}")]
    Away(String),
    /// The job was cancelled, superseded or taken by another worker.
    #[error("stopped")]
    Stopped,
    /// Ours.
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a running job knows of itself.
#[derive(Clone, Default)]
pub struct JobContext {
    /// Fires when the job has to stop.
    pub stop: CancellationToken,
    /// The job itself, by which a run knows whose it is.
    pub job: Option<JobId>,
    /// What is noted of it for people.
    pub notes: RunLog,
}

impl JobContext {
    /// The same, with notes that are taken from here on.
    fn noting(&self, app: &App) -> Self {
        Self { notes: RunLog::of(app), ..self.clone() }
    }

    /// The same for what nobody may stop.
    fn unstoppable(&self) -> Self {
        Self { stop: CancellationToken::new(), ..self.clone() }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<github::Error> for Error {
    fn from(error: github::Error) -> Self {
        match error {
            github::Error::RateLimited { until, .. } => {
                Self::Later { at: until, why: error.to_string() }
            }
            // Nothing was changed; an outage is no reason to give a merge up.
            github::Error::Unavailable { .. } => Self::Away(error.to_string()),
            error => Self::Failed(error.into()),
        }
    }
}

impl From<git::Error> for Error {
    fn from(error: git::Error) -> Self {
        match error {
            git::Error::Unavailable { .. } => Self::Away(error.to_string()),
            error => Self::Failed(error.into()),
        }
    }
}

impl From<engine::Error> for Error {
    fn from(error: engine::Error) -> Self {
        match error {
            engine::Error::Cancelled { .. } => Self::Stopped,
            error => Self::Failed(error.into()),
        }
    }
}

/// Runs a job to its end; what it returns are jobs that follow from it.
///
/// Whoever asked for it sees how it ended: 🚀, or 😕 with a line that says why.
pub async fn run(app: &App, job: &Job, watch: &JobContext) -> Result<Vec<Job>> {
    let ended = dispatch(app, job, watch).await;
    let Some(asked) = asked(job) else { return ended };
    let ended = match ended {
        Err(Error::Stopped) => Err(Refusal::Stopped.into()),
        ended => ended,
    };
    match ended {
        Ok(next) => {
            let is_passed_on = matches!(job, Job::Acknowledge { .. }) && !next.is_empty();
            if !is_passed_on {
                outbox::react(app, job.target(), asked, Face::Done).await?;
            }
            Ok(next)
        }
        Err(Error::Refused(refusal)) => {
            outbox::react(app, job.target(), asked, Face::Refused).await?;
            outbox::reply(app, job.target(), asked, &refusal.to_string()).await?;
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

async fn dispatch(app: &App, job: &Job, watch: &JobContext) -> Result<Vec<Job>> {
    match job {
        Job::Acknowledge { target, asked, comment, on_pull_request, .. } => {
            acknowledge::acknowledge(app, target, asked, (comment, *on_pull_request)).await
        }
        Job::Plan { target, asked, stacks } => {
            plan::plan(app, target, (asked.as_ref(), stacks), watch).await?;
            agent::plan_failed(app, target).await
        }
        Job::Drift { target, asked, stacks } => {
            drift::drift(app, target, (asked, stacks), watch).await.map(|()| Vec::new())
        }
        Job::Verdict { target, review } => verdict::verdict(app, target, *review).await,
        Job::Allow { target, asked, stack, addresses } => {
            allow::allow(app, target, asked, (stack, addresses)).await.map(|()| Vec::new())
        }
        Job::Request { target, by, labels } => request::request(app, target, by, labels).await,
        Job::Set { target, asked, change, on_pull_request } => {
            let how = (change, *on_pull_request);
            set::set(app, target, asked, how).await.map(|()| Vec::new())
        }
        Job::Tell { target, asked, word } => agent::tell(app, target, asked, word).await,
        Job::Revise { target, by, review, text } => {
            agent::revise(app, target, by, (*review, text)).await
        }
        Job::Remind { target, run, question } => {
            agent::remind(app, target, *run, *question).await.map(|()| Vec::new())
        }
        Job::Agent { target, run } => agent::go(app, target, *run, watch).await,
        Job::Preview { target, run } => agent::preview(app, target, *run, watch).await,
        Job::Release { target } => release::release(app, target).await.map(|()| Vec::new()),
        Job::Apply { target, asked, digest } => {
            apply::apply(app, target, (asked.as_ref(), digest.as_deref()), watch).await
        }
    }
}

/// Who asked for a job by a comment.
fn asked(job: &Job) -> Option<&Invocation> {
    match job {
        Job::Acknowledge { asked, .. }
        | Job::Drift { asked, .. }
        | Job::Allow { asked, .. }
        | Job::Set { asked, .. }
        | Job::Tell { asked, .. } => Some(asked),
        Job::Plan { asked, .. } | Job::Apply { asked, .. } => asked.as_ref(),
        Job::Verdict { .. }
        | Job::Request { .. }
        | Job::Revise { .. }
        | Job::Remind { .. }
        | Job::Agent { .. }
        | Job::Preview { .. }
        | Job::Release { .. } => None,
    }
}

/// Ends what a job has failed for good at: nobody waits behind it any longer, and people are told
/// under which id the log has it.
pub async fn give_up(app: &App, job: &Job, id: &str) -> Result<()> {
    if let Job::Apply { target, .. } = job {
        app.store.leave_queues(id_of(target)).await?;
    }
    let then = match job {
        Job::Apply { .. } => {
            "Nothing of it is repeated by itself. `/infra apply` first looks at what was done."
        }
        Job::Agent { .. } | Job::Preview { .. } => {
            "The run goes no further; `/infra cancel` ends it, and `/infra propose` begins anew."
        }
        _ => "Nothing was changed by it. `/infra plan` tries again.",
    };
    let text = format!(
        "Planwright could not finish this: something of its own went wrong, which the log has under \
         `{id}`. {then}"
    );
    let ended = match job {
        Job::Plan { target, .. } => plan::broken(app, target, &text).await,
        _ => Ok(()),
    };
    match asked(job) {
        Some(asked) => {
            outbox::react(app, job.target(), asked, Face::Refused).await?;
            outbox::reply(app, job.target(), asked, &text).await?;
        }
        None => outbox::failure(app, job.target(), (id, &text)).await?,
    }
    ended
}

/// The pull request of a target, by what never changes.
pub fn id_of(target: &Target) -> PullRequestId {
    PullRequestId { repository: target.repository.id, number: target.number }
}

/// `seconds` from now on.
fn soon(app: &App, seconds: i64) -> Timestamp {
    app.now().checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}
