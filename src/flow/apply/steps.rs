//! The steps of an apply as words of the journal, and writing them down.

use crate::{
    app::App,
    domain::names::StackId,
    engine::Process,
    flow::Result,
    store::{Child, JournalEntry, RunId},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
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
