//! The command line: its arguments, and how results are printed.
//!
//! Only types and printing; what a command does is in `checkout`. Exit codes: 0 done; 1 findings,
//! refused or failed; 2 wrong usage; 130 interrupted.

mod apply;
mod config;
#[cfg(feature = "demo")]
mod demo;
mod destroy;
mod doctor;
mod drift;
mod engine;
mod forms;
mod init;
mod lock;
mod output;
mod outputs;
mod package;
mod plan;
mod render;
mod resolve;
mod serve;
mod setup;
mod terminal;
mod validate;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand, error::ErrorKind};
use config::Unread;

use crate::{
    checkout::{Checkout, Error},
    settings::Configured,
};

pub use output::Output;

/// A PR-first GitOps bot: plans, drift checks and bound approvals for infrastructure packages.
#[derive(Debug, Parser)]
#[command(name = "planwright", version, propagate_version = true)]
pub struct Cli {
    /// Run as if started in this directory.
    #[arg(short = 'C', long, global = true, value_name = "DIR", default_value = ".")]
    directory: PathBuf,

    /// Print the answer as JSON; of `serve`, the log.
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

/// Stacks are named `website/prod`, `website` or `stacks/website`; none named means all.
#[derive(Debug, Subcommand)]
enum Command {
    /// Make this directory a repository of stacks, with a first one.
    Init,
    /// Make or update the lock files of stacks.
    Lock(lock::Arguments),
    /// Say everything that is wrong with stacks, without an engine.
    Validate(validate::Arguments),
    /// Show every value of a stack, and where it comes from.
    Resolve(resolve::Arguments),
    /// Show or write the files that the engine would run.
    Render(render::Arguments),
    /// Show what the engine would do to stacks.
    Plan(plan::Arguments),
    /// Show where reality moved away from what was applied last.
    Drift(drift::Arguments),
    /// Plan stacks, do what was shown once you say yes, and verify it.
    Apply(apply::Arguments),
    /// Show what came out of the last apply.
    Outputs(outputs::Arguments),
    /// Destroy everything that stacks have made, once you say yes.
    Destroy(destroy::Arguments),
    /// Look at the packages that stacks may use.
    #[command(subcommand)]
    Package(package::Command),
    /// Write an issue form for each package that stacks may use.
    Forms,
    /// Try everything on a local GitHub, with the real engine.
    #[cfg(feature = "demo")]
    Demo(demo::Arguments),
    /// Register the GitHub App, and write down the settings that it is served with.
    Setup(setup::Arguments),
    /// Say what is wrong with the settings, the App at GitHub and this machine, and how to mend it.
    Doctor(Box<Configured>),
    /// Run the GitHub App: webhooks, plans, applies.
    Serve(Box<Configured>),
}

impl Cli {
    /// Runs the command.
    fn run(&self, output: &mut Output) -> Result<ExitCode, Error> {
        let start = std::path::absolute(&self.directory)
            .map_err(|e| Error::Usage(format!("{}: {e}", self.directory.display())))?;
        if !start.is_dir() {
            return Err(Error::Usage(format!(
                "there is no directory {}",
                self.directory.display()
            )));
        }
        let checkout = || Checkout::find(&start);
        match &self.command {
            Command::Init => init::run(&start, output),
            Command::Lock(arguments) => lock::run(arguments, &checkout()?, output),
            Command::Validate(arguments) => validate::run(arguments, &checkout()?, output),
            Command::Resolve(arguments) => resolve::run(arguments, &checkout()?, output),
            Command::Render(arguments) => render::run(arguments, &checkout()?, output),
            Command::Plan(arguments) => plan::run(arguments, &checkout()?, output),
            Command::Drift(arguments) => drift::run(arguments, &checkout()?, output),
            Command::Apply(arguments) => apply::run(arguments, &checkout()?, output),
            Command::Outputs(arguments) => outputs::run(arguments, &checkout()?, output),
            Command::Destroy(arguments) => destroy::run(arguments, &checkout()?, output),
            Command::Package(command) => package::run(command, &start, output),
            Command::Forms => forms::run(&checkout()?, output),
            #[cfg(feature = "demo")]
            Command::Demo(arguments) => demo::run(arguments, output),
            Command::Setup(arguments) => setup::run(arguments, output),
            Command::Doctor(configured) => doctor::run(configured, output),
            Command::Serve(configured) => serve::run(&configured.settings, output),
        }
    }
}

/// Turns a usage error into a refusal (exit code 1), because with `--detailed-exitcode` 2 means
/// changes.
fn detailed(error: Error, is_detailed: bool) -> Error {
    match error {
        Error::Usage(message) if is_detailed => Error::Refused(message),
        error => error,
    }
}

/// Reads the arguments of the process and runs the command.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = match config::read(&arguments) {
        Ok(cli) => cli,
        Err(unread) => return misspoken(&unread),
    };
    let mut output = Output::new(cli.json);
    match cli.run(&mut output) {
        Ok(code) => code,
        Err(error) => output.error(&error),
    }
}

/// Prints clap's help or error, in JSON under `--json`. For the doctor, unreadable settings are a
/// result of the check.
fn misspoken(unread: &Unread) -> ExitCode {
    let is_json = std::env::args_os().any(|argument| argument == "--json");
    let mut output = Output::new(is_json);
    match unread {
        Unread::Settings { error, of_doctor: true } => doctor::unreadable(error, &mut output),
        Unread::Settings { error, of_doctor: false } => output.error(error),
        Unread::Words(error) if is_json && error.use_stderr() => {
            output.error(&Error::Usage(plain(error)))
        }
        Unread::Words(error) => error.exit(),
    }
}

/// Returns one of clap's messages on one line, without the usage text after it.
fn plain(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "a command is missing; `--help` lists them".into();
    }
    let text = error.render().to_string();
    let is_ours = |part: &&str| !["Usage:", "For more"].iter().any(|word| part.starts_with(word));
    let parts = text.trim_start_matches("error: ").split("\n\n").take_while(is_ours);
    let on_one_line = |part: &str| part.split_whitespace().collect::<Vec<_>>().join(" ");
    parts.map(on_one_line).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_clap_is_one_line() {
        let said = |arguments: &[&str]| plain(&Cli::try_parse_from(arguments).unwrap_err());
        insta::assert_snapshot!(said(&["planwright", "lokc"]), @r#"unrecognized subcommand 'lokc'; tip: a similar subcommand exists: 'lock'"#);
        insta::assert_snapshot!(said(&["planwright", "destroy"]), @r#"the following required arguments were not provided: <STACKS>..."#);
        insta::assert_snapshot!(said(&["planwright", "plan", "--outt"]), @r#"unexpected argument '--outt' found; tip: to pass '--outt' as a value, use '-- --outt'"#);
        insta::assert_snapshot!(said(&["planwright", "package"]), @r#"a command is missing; `--help` lists them"#);
    }

    #[test]
    fn the_words_of_the_command_line_fit_together() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
