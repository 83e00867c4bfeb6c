//! `planwright demo`: try everything on a local GitHub.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::Args;

use super::{Output, output::REFUSED};
use crate::{checkout::Error, demo};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Play the whole story in the terminal instead, from a pull request to its verified apply.
    #[arg(long)]
    play: bool,
    /// Keep everything in this directory; a second run goes on from it.
    ///
    /// If not given, `planwright/demo` in the user's state directory; with `--play`, nothing is kept.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Delete first what an earlier demo has left there.
    #[arg(long, conflicts_with = "play")]
    reset: bool,
    /// Where the pages are, on 127.0.0.1 only; 0 is any free port.
    #[arg(long, value_name = "PORT", default_value_t = 4480, conflicts_with = "play")]
    port: u16,
    /// `tofu`, `terraform` or a path; the first of the two on the path if not given.
    #[arg(long, env = "PLANWRIGHT_ENGINE")]
    engine: Option<PathBuf>,
}

pub fn run(arguments: &Arguments, output: &Output) -> Result<ExitCode, Error> {
    if output.is_json {
        let message = "the demo speaks to people, in pages or as text; leave `--json` out";
        return Err(Error::Usage(message.into()));
    }
    crate::telemetry::log("error", false);
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    let engine = arguments.engine.as_deref();
    if arguments.play {
        let passed = runtime.block_on(demo::play(arguments.data.as_deref(), engine))?;
        return Ok(if passed { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) });
    }
    let data = match &arguments.data {
        Some(data) => std::path::absolute(data).context("the directory of `--data`")?,
        None => state_directory()?.join("planwright/demo"),
    };
    runtime.block_on(demo::show(&data, engine, arguments.port, arguments.reset))?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the directory for persistent state of this user's programs, as defined by the XDG Base
/// Directory specification.
#[expect(clippy::disallowed_methods, reason = "the rim")]
fn state_directory() -> Result<PathBuf, Error> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|it| it.is_absolute());
    let home = || set("HOME").map(|home| home.join(".local/state"));
    let message = "there is no HOME to keep the demo in; give a directory with `--data DIR`";
    set("XDG_STATE_HOME").or_else(home).ok_or_else(|| Error::Usage(message.into()))
}
