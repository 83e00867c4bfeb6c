//! What jobs share: code that joins adapters, and the only writer to GitHub.
//!
//! A job loads a snapshot, lets a pure function of `core` decide, and carries out the decision.
//! Whose approval counts and how a comment reads is decided elsewhere.

pub mod backend;
pub mod catch_up;
pub mod facts;
pub mod merge_preview;
pub mod outbox;
pub mod own_code;
pub mod people;
pub mod propose;
pub mod pull_snapshot;
pub mod run_log;
pub mod work;

use jiff::{SignedDuration, Timestamp};
use run_log::RunLog;
use tokio_util::sync::CancellationToken;

use planwright_core::{change::WrongState, job::Target};
use planwright_engine as engine;
use planwright_git as git;
use planwright_github as github;
use planwright_store as store;
use planwright_store::{JobId, PullRequestId};
use planwright_view::Refusal;

use crate::app::App;

/// Why a job did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An expected refusal, worded for the person who asked.
    #[error("{0}")]
    Refused(Refusal),
    /// Try again later: nothing was started, or GitHub asks to wait.
    #[error("later: {why}")]
    Later { at: Timestamp, why: String },
    /// GitHub cannot be reached; nothing was changed.
    #[error("GitHub cannot be reached: {0}")]
    Away(String),
    /// The job was cancelled, superseded or taken by another worker.
    #[error("stopped")]
    Stopped,
    /// The comment that asked for it is gone, so nothing is done and nobody is answered.
    #[error("the comment that asked for it is gone")]
    Gone,
    /// An internal error.
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a running job knows of itself.
#[derive(Clone)]
pub struct JobContext<'a> {
    pub app: &'a App,
    /// The pull request or issue that it is about.
    pub target: &'a Target,
    /// Cancelled when the job has to stop.
    pub stop: CancellationToken,
    /// The id of the job, by which an apply is matched to the job that runs it.
    pub job: Option<JobId>,
    /// The log for the run's page.
    pub log: RunLog,
}

impl<'a> JobContext<'a> {
    /// Returns a context that nothing stops, without a job, whose log is not kept.
    pub fn new(app: &'a App, target: &'a Target) -> Self {
        let (stop, log) = (CancellationToken::new(), RunLog::default());
        Self { app, target, stop, job: None, log }
    }

    /// Returns the same context with a log that is kept.
    pub fn logged(&self) -> Self {
        Self { log: RunLog::new(self.app), ..self.clone() }
    }

    /// Returns the same context for work that must not be stopped.
    pub fn unstoppable(&self) -> Self {
        Self { stop: CancellationToken::new(), ..self.clone() }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<WrongState> for Error {
    fn from(error: WrongState) -> Self {
        Self::Failed(error.into())
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
            // Nothing was changed, and an outage is no reason to give up a merge.
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

/// Returns the store's id of a target's pull request.
pub fn id_of(target: &Target) -> PullRequestId {
    PullRequestId { repository: target.repository.id, number: target.number }
}

/// Returns the time in `seconds` seconds.
pub fn soon(app: &App, seconds: i64) -> Timestamp {
    app.now().checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}
