//! The steps of an apply in the journal, and recording them.

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use planwright_core::names::StackId;
use planwright_engine::{Host, Process};
use planwright_store::{Child, JobId, JournalEntry, RunId};

use crate::{app::App, flow::Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The run has started; the entry names its job and host.
    Begun,
    /// The engine is about to apply; from here on resources may have changed.
    Applying,
    /// The engine is running; the entry names its process.
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

/// The job of a run, and the host of its processes.
#[derive(Serialize, Deserialize)]
struct Begun {
    job: Option<i64>,
    host: Host,
}

/// Records the start of a run, with its job and host.
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

/// Returns whether the run with these steps belongs to `job`.
pub fn is_of(steps: &[JournalEntry], job: Option<JobId>) -> bool {
    job.is_some() && who_began(steps).is_some_and(|begun| begun.job == job.map(|job| job.0))
}

/// Returns the host of the run's processes; `None` if it was not recorded.
pub fn host(steps: &[JournalEntry]) -> Option<Host> {
    who_began(steps).map(|begun| begun.host)
}

/// Returns whether an apply was begun, so that resources may have changed.
pub fn has_begun(steps: &[JournalEntry]) -> bool {
    steps.iter().any(|step| Step::Applying.is(&step.step))
}

/// Returns the last step that began an apply, unless a later one shows its end.
pub fn open_step(steps: &[JournalEntry]) -> Option<&JournalEntry> {
    let begun = steps.iter().rposition(|step| Step::Applying.is(&step.step))?;
    let has_ended = |step: &JournalEntry| {
        step.stack == steps[begun].stack
            && [Step::Applied, Step::Failed].iter().any(|end| end.is(&step.step))
    };
    (!steps[begun..].iter().any(has_ended)).then_some(&steps[begun])
}

/// Records a step of one stack.
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

/// Records the process that the engine has just started.
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
    // The apply continues: recovery also finds its process by the work directory.
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
