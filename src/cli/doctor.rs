//! `planwright doctor`: what is wrong, and how to fix it.

use std::{process::ExitCode, sync::Arc};

use anyhow::Context as _;
use serde_json::json;

use planwright_core::diagnosis::{Check, Status, checks, is_healthy};

use super::{
    Output,
    output::{REFUSED, findings_text},
};
use crate::{checkout::Error, doctor, settings::Configured};

pub fn run(configured: &Configured, output: &mut Output) -> Result<ExitCode, Error> {
    crate::telemetry::log("error", output.is_json);
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    let config = configured.config.as_deref();
    #[expect(clippy::disallowed_methods, reason = "the rim: from here on time is an argument")]
    let clock = Arc::new(jiff::Timestamp::now);
    let inventory = runtime.block_on(doctor::inspect(&configured.settings, config, clock))?;
    print(&checks(&inventory), output)
}

/// Prints a report whose only check is that the settings cannot be read.
pub fn unreadable(error: &Error, output: &mut Output) -> ExitCode {
    let found = match error {
        Error::Findings(findings) => findings_text(findings),
        error => error.to_string(),
    };
    let mend =
        "docs/settings.md lists all; `planwright setup` writes a file with those that it needs";
    match print(&[Check::failed("settings", found, mend)], output) {
        Ok(code) => code,
        Err(error) => output.error(&error),
    }
}

fn print(checks: &[Check], output: &mut Output) -> Result<ExitCode, Error> {
    let is_healthy = is_healthy(checks);
    let text: String = checks.iter().map(line).collect();
    let end = match is_healthy {
        true => "All is well: `planwright serve` can do its work.",
        false => "Mend the first of these, and ask again: others may follow from it.",
    };
    output.print(&json!({ "healthy": is_healthy, "checks": checks }), &format!("{text}\n{end}"))?;
    Ok(if is_healthy { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) })
}

fn line(check: &Check) -> String {
    let word = match check.status {
        Status::Ok => "ok      ",
        Status::Warning => "warning ",
        Status::Failed => "FAILED  ",
        Status::Unknown => "unknown ",
    };
    let indent = format!("\n{:10}", "");
    let found = check.found.trim_end().replace('\n', &indent);
    let mend = check.mend.as_ref().map(|mend| format!("{indent}mend: {mend}"));
    format!("{word}{}: {found}{}\n", check.check, mend.unwrap_or_default())
}
