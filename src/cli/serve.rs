//! `planwright serve`: the GitHub App.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

use crate::{checkout::Error, serve, settings::Serve, telemetry};

use super::Output;

/// Runs the bot until the process is asked to end.
pub fn run(settings: &Serve, output: &Output) -> Result<ExitCode, Error> {
    // Outside of the runtime, since the exporter blocks a thread of its own.
    let telemetry = telemetry::start("info,sqlx=warn", output.is_json)?;
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    let served = runtime.block_on(serve::serve(settings));
    telemetry.shutdown();
    served?;
    Ok(ExitCode::SUCCESS)
}

/// Logs to standard error what `RUST_LOG` asks for, else `otherwise`; each line is text or JSON.
pub fn log(otherwise: &str, is_json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(otherwise));
    #[expect(clippy::disallowed_methods, reason = "the rim")]
    let wants_colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(wants_colour && std::io::stderr().is_terminal())
        // Else a line that cannot be written is told on the same closed stream, and that panics.
        .log_internal_errors(false);
    // Only the first call of a process has an effect.
    let _ = if is_json { log.json().try_init() } else { log.try_init() };
}
