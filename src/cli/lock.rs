//! `planwright lock`.

use std::process::ExitCode;

use serde_json::json;

use super::Output;
use crate::checkout::{
    Checkout, Error,
    lock::{Locked, lock},
};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Stacks to lock.
    stacks: Vec<String>,
}

pub fn run(
    arguments: &Arguments,
    checkout: &Checkout,
    output: &mut Output,
) -> Result<ExitCode, Error> {
    let locked = lock(checkout, &arguments.stacks)?;
    let line = |locked: &Locked| {
        let done = if locked.changed { "locked" } else { "unchanged" };
        let package = &locked.package;
        format!(
            "{done} {}: {} {} ({})\n",
            locked.stack,
            package.name,
            package.version,
            package.digest.short()
        )
    };
    let text: String = locked.iter().map(line).collect();
    let text = if text.is_empty() { "there is no stack to lock".into() } else { text };
    output.print(&json!({ "stacks": locked }), &text)?;
    Ok(ExitCode::SUCCESS)
}
