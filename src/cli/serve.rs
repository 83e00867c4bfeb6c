//! `planwright serve`: the GitHub App.

use std::process::ExitCode;

use anyhow::Context as _;

use super::Output;
use crate::{checkout::Error, serve, settings::Serve, telemetry};

/// Runs the bot until the process is asked to end.
pub fn run(settings: &Serve, output: &Output) -> Result<ExitCode, Error> {
    // Started outside the runtime, because the exporter blocks a thread.
    let telemetry = telemetry::start("info,sqlx=warn", output.is_json)?;
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    let served = runtime.block_on(serve::serve(settings));
    telemetry.shutdown();
    served?;
    Ok(ExitCode::SUCCESS)
}
