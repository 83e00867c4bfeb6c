//! What the commands that run the engine share: its flags, its log, and Ctrl-C.

use std::{
    future::Future,
    path::PathBuf,
    process,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use planwright_core::{escape, names::StackId};

use super::output::CANCELLED;
use crate::checkout::{Checkout, Error, Person, Session};

/// After this time, the engine's output is shown even without `--verbose`.
const QUIET: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Engine")]
pub struct EngineArguments {
    /// `tofu`, `terraform` or a path; the first of the two on the path if not given.
    ///
    /// It gets your whole environment, so that providers find your credentials, but for the
    /// variables that would make it do something else than the stack's files say: of `TF_…` only
    /// `TF_TOKEN_…`, `TF_CLI_CONFIG_FILE` and `TF_PLUGIN_CACHE_DIR` count.
    #[arg(long, env = "PLANWRIGHT_ENGINE", value_name = "ENGINE")]
    engine: Option<PathBuf>,
    /// Show from the start what the engine says; otherwise only when it takes long.
    #[arg(short, long)]
    verbose: bool,
}

/// Runs `work` with the engine of a checkout. Ctrl-C ends the engine in order.
pub fn drive<T>(
    arguments: &EngineArguments,
    checkout: &Checkout,
    work: impl AsyncFnOnce(&Session<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let runtime = tokio::runtime::Runtime::new().context("the runtime cannot be started")?;
    let done = runtime.block_on(async {
        let cancel = CancellationToken::new();
        tokio::spawn(interrupts(cancel.clone())?);
        #[expect(
            clippy::disallowed_methods,
            reason = "the rim: a person's environment is the engine's"
        )]
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .collect();
        let log = Box::new(log(arguments.verbose));
        let engine = arguments.engine.clone();
        let session = Session::new(checkout, Person { environment, engine, cancel, log })?;
        work(&session).await
    });
    // A thread may still be reading a line from standard input, which is no longer needed.
    runtime.shutdown_background();
    done
}

/// Handles interrupts: the first one lets the engine end in order, the second one does not wait.
fn interrupts(cancel: CancellationToken) -> Result<impl Future<Output = ()> + Send, Error> {
    let listen = |kind| signal(kind).context("signals cannot be listened to");
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if cancel.is_cancelled() {
                eprintln!("not waiting; the engine ends by itself, and holds its state until then");
                #[expect(clippy::disallowed_methods, reason = "what waits cannot be cancelled")]
                process::exit(CANCELLED.into());
            }
            eprintln!("ending the engine in order; again to not wait for it");
            cancel.cancel();
        }
    })
}

/// Returns a callback that prints the engine's output on standard error, unless it took only a
/// moment.
fn log(is_verbose: bool) -> impl Fn(&StackId, &str) + Send + Sync {
    let start = Instant::now();
    move |stack, line| {
        if is_verbose || start.elapsed() > QUIET {
            eprintln!("{stack}: {}", escape::visible(line));
        }
    }
}
