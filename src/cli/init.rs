//! `planwright init`.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use crate::flow::checkout::{Error, init};

use super::Output;

pub fn run(root: &Path, output: &mut Output) -> Result<ExitCode, Error> {
    let written = init::init(root)?;
    let files: String = written.iter().map(|path| format!("wrote {path}\n")).collect();
    let next = "\
Next:
  planwright render           the files that the engine would run
  planwright plan             what it would do
  planwright package list     packages for stacks of your own";
    output.print(&json!({ "written": written }), &format!("{files}\n{next}"))?;
    Ok(ExitCode::SUCCESS)
}
