//! `planwright demo`: try everything on a local GitHub.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use crate::{demo, flow::checkout::Error};

use super::Output;
use super::output::REFUSED;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Play the whole story in the terminal, from a pull request to its verified apply.
    #[arg(long, required = true)]
    play: bool,
    /// Keep everything in this directory; a second run goes on from it.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// `tofu`, `terraform` or a path; the first of the two on the path if not given.
    #[arg(long, env = "PLANWRIGHT_ENGINE")]
    engine: Option<PathBuf>,
}

pub fn run(arguments: &Arguments, output: &Output) -> Result<ExitCode, Error> {
    if output.is_json {
        let message = "the demo tells its story as text; leave `--json` out";
        return Err(Error::Usage(message.into()));
    }
    super::serve::log("error", false);
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    let played = demo::play(arguments.data.as_deref(), arguments.engine.as_deref());
    let passed = runtime.block_on(played)?;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) })
}
