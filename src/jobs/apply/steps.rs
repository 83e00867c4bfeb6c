//! The steps of an apply as words of the journal, and writing them down.

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use planwright_core::names::StackId;
use planwright_engine::{Host, Process};
use planwright_store::{Child, JobId, JournalEntry, RunId};

use crate::{app::App, flow::Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The run has started; the entry names its job and its host.
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

    /// Returns whether a stored word is this step.
    pub fn is(self, word: &str) -> bool {
        self.as_str() == word
    }
}

/// Whose run it is, and where all of its processes are.
#[derive(Serialize, Deserialize)]
struct Begun {
    job: Option<i64>,
    host: Host,
}

/// Writes down whose run it is.
pub async fn begun(app: &App, run: RunId, job: Option<JobId>) -> Result<()> {
    let begun = Begun { job: job.map(|job| job.0), host: Host::here() };
    let detail = serde_json::to_value(begun).context("writing the start of a run down")?;
    let step = Step::Begun.as_str().into();
    let entry = JournalEntry { stack: None, step, detail, child: None, at: app.now() };
    Ok(app.store.journal(run, &entry).await?)
}

fn who_began(steps: &[JournalEntry]) -> Option<Begun> {
    let begun = steps.iter().find(|step| Step::Begun.is(&step.step))?;
    serde_json::from_value(begun.detail.clone()).ok()
}

/// Returns whether the run with these steps is one of `job`.
pub fn is_of(steps: &[JournalEntry], job: Option<JobId>) -> bool {
    job.is_some() && who_began(steps).is_some_and(|begun| begun.job == job.map(|job| job.0))
}

/// Returns where the processes of the run are; none when that was not written down any more.
pub fn host(steps: &[JournalEntry]) -> Option<Host> {
    who_began(steps).map(|begun| begun.host)
}

/// Returns whether the engine was told to apply, so that the world may have changed.
pub fn has_begun(steps: &[JournalEntry]) -> bool {
    steps.iter().any(|step| Step::Applying.is(&step.step))
}

/// Returns the step with which the engine began that is not known to have ended.
pub fn open_step(steps: &[JournalEntry]) -> Option<&JournalEntry> {
    let begun = steps.iter().rposition(|step| Step::Applying.is(&step.step))?;
    let has_ended = |step: &JournalEntry| {
        step.stack == steps[begun].stack
            && [Step::Applied, Step::Failed].iter().any(|end| end.is(&step.step))
    };
    (!steps[begun..].iter().any(has_ended)).then_some(&steps[begun])
}

/// Writes a step of one stack down.
pub async fn note(
    app: &App,
    run: RunId,
    stack: &StackId,
    step: Step,
    detail: serde_json::Value,
) -> Result<()> {
    let entry = entry(stack, step, detail, None, app.now());
    Ok(app.store.journal(run, &entry).await?)
}

/// Writes the process down that the engine has just started.
pub async fn started(
    app: &App,
    run: RunId,
    stack: &StackId,
    command: &'static str,
    process: Process,
) {
    if command != "apply" {
        return;
    }
    let child = Child {
        pid: i64::from(process.pid),
        started: i64::try_from(process.start_time).unwrap_or(i64::MAX),
    };
    let entry = entry(stack, Step::Started, serde_json::Value::Null, Some(child), app.now());
    // The apply goes on: recovery also finds it by the directory that it works in.
    if let Err(error) = app.store.journal(run, &entry).await {
        tracing::error!(%run, %stack, %error, "the start of an apply was not written down");
    }
}

fn entry(
    stack: &StackId,
    step: Step,
    detail: serde_json::Value,
    child: Option<Child>,
    at: jiff::Timestamp,
) -> JournalEntry {
    JournalEntry { stack: Some(stack.clone()), step: step.as_str().into(), detail, child, at }
}
