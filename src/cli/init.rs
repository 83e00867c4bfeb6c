//! `planwright init`.

use std::{path::Path, process::ExitCode};

use serde_json::json;

use super::Output;
use crate::checkout::{Error, init};

const NEXT: &str = "\
Next:
  planwright render           the files that the engine would run
  planwright plan             what it would do
  planwright package list     packages for stacks of your own";

/// The advice if there are already stacks, which may be invalid.
const NEXT_WITH_STACKS: &str = "\
Next:
  planwright validate         what is wrong with these stacks, if anything is";

pub fn run(root: &Path, output: &mut Output) -> Result<ExitCode, Error> {
    let done = init::init(root)?;
    let written = done.written.iter().map(|path| format!("wrote {path}\n"));
    let kept = done.kept.iter().map(|path| format!("kept {path}\n"));
    let files: String = written.chain(kept).collect();
    let next = if done.kept.is_empty() { NEXT } else { NEXT_WITH_STACKS };
    output.print(&json!(done), &format!("{files}\n{next}"))?;
    Ok(ExitCode::SUCCESS)
}
