//! The steps of an apply as words of the journal, and writing them down.

use crate::{
    app::App,
    domain::names::StackId,
    engine::Process,
    flow::Result,
    store::{Child, JobId, JournalEntry, RunId},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The run has started; the entry names its job.
    Begun,
    /// The engine is about to be told to apply; from here on the world may have changed.
    Applying,
    /// The engine runs; the entry names its process.
    Started,
    Applied,
    Verified,
    Failed,
}

impl Step {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Applying => "applying",
            Self::Started => "started",
            Self::Applied => "applied",
            Self::Verified => "verified",
            Self::Failed => "failed",
        }
    }

    /// Whether a stored word is this step.
    pub fn is(self, word: &str) -> bool {
        self.as_str() == word
    }
}

/// Writes down whose run it is.
pub async fn begun(app: &App, run: RunId, job: Option<JobId>) -> Result<()> {
    let (step, detail) = (Step::Begun.as_str().into(), detail_of(job));
    let entry = JournalEntry { stack: None, step, detail, child: None, at: app.now() };
    Ok(app.store.journal(run, &entry).await?)
}

/// Whether the run with these steps is one of `job`.
pub fn is_of(steps: &[JournalEntry], job: Option<JobId>) -> bool {
    let is_it = |step: &JournalEntry| Step::Begun.is(&step.step) && step.detail == detail_of(job);
    job.is_some() && steps.iter().any(is_it)
}

/// Whether the engine was told to apply, so that the world may have changed.
pub fn has_begun(steps: &[JournalEntry]) -> bool {
    steps.iter().any(|step| Step::Applying.is(&step.step))
}

fn detail_of(job: Option<JobId>) -> serde_json::Value {
    serde_json::json!({ "job": job.map(|job| job.0) })
}

/// Writes a step of one stack down.
pub async fn note(
    app: &App,
    run: RunId,
    stack: &StackId,
    (step, detail): (Step, serde_json::Value),
) -> Result<()> {
    let entry = entry(stack, (step, detail), None, app.now());
    Ok(app.store.journal(run, &entry).await?)
}

/// Writes the process down that the engine has just started.
pub async fn started(
    app: &App,
    run: RunId,
    stack: &StackId,
    (command, process): (&'static str, Process),
) {
    if command != "apply" {
        return;
    }
    let child = Child {
        pid: i64::from(process.pid),
        started: i64::try_from(process.start_time).unwrap_or(i64::MAX),
    };
    let entry = entry(stack, (Step::Started, serde_json::Value::Null), Some(child), app.now());
    // The apply goes on: recovery also finds it by the directory that it works in.
    if let Err(error) = app.store.journal(run, &entry).await {
        tracing::error!(%run, %stack, %error, "the start of an apply was not written down");
    }
}

fn entry(
    stack: &StackId,
    (step, detail): (Step, serde_json::Value),
    child: Option<Child>,
    at: jiff::Timestamp,
) -> JournalEntry {
    JournalEntry { stack: Some(stack.clone()), step: step.as_str().into(), detail, child, at }
}
