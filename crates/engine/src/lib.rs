//! OpenTofu and Terraform as child processes, behind typed plans, outputs and errors.
//!
//! [`Engine`] finds the binary and limits how much runs at a time; [`Root`] is one rendered stack
//! with its work directory. Elsewhere: the meaning of a plan (`core::plan`), who may apply it
//! (`jobs`), rendering (`package`).

#![warn(unreachable_pub)]

mod apply;
mod binary;
mod child;
mod error;
mod init;
mod json_diff;
mod key;
mod lockfile;
mod plan;
mod plan_json;
mod process;
#[cfg(feature = "testing")]
mod providers;
mod secrets;
mod settings;
mod state;
mod transcript;
mod warm;
mod workdir;

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsString,
    path::Path,
    sync::Mutex,
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use planwright_core::{provider_types::Types, repo_config::EngineRule};

pub use apply::{Applied, ApplyFailed, Output};
pub use binary::{Binary, Kind};
pub use error::{Diagnostic, Error};
pub use key::{digest_key, ensure_digest_key};
pub use lockfile::ProviderLock;
pub use plan::{Mode, Planned};
pub use process::{Host, Process};
pub use secrets::Secrets;
pub use settings::{Limits, Settings};
pub use state::StateId;
pub use transcript::{Outcome, Step};
pub use warm::{Bounds as WarmBounds, KeptProvider, Settings as WarmSettings, WarmStatus};
pub use workdir::is_held;

/// Called with each child right after its start, before anything else happens.
pub type OnStart<'a> = dyn Fn(&'static str, Process) -> BoxFuture<'a, ()> + Send + Sync + 'a;

/// Called with each line of output for people, with secrets removed.
pub type Log<'a> = dyn Fn(&str) + Send + Sync + 'a;

/// How a caller watches and cancels an operation.
#[derive(Clone, Default)]
pub struct Control<'a> {
    pub cancel: CancellationToken,
    pub on_start: Option<&'a OnStart<'a>>,
    pub log: Option<&'a Log<'a>>,
}

/// Where the state of a stack is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// `local`, `s3`, …, as in the rendered `backend` block.
    pub kind: String,
    /// Passed to `init` as arguments, which other users of the machine can read: credentials belong
    /// in the environment. For `local`, `path` is required and absolute.
    pub config: BTreeMap<String, String>,
}

/// One rendered stack with everything that commands on it need.
#[derive(Clone, Copy)]
pub struct Root<'a> {
    pub binary: &'a Binary,
    /// A private directory, kept between plans so that `init` runs only when needed.
    pub dir: &'a Path,
    /// The rendered tree by path, `terraform.tfvars.json` included.
    pub files: &'a BTreeMap<String, Vec<u8>>,
    /// Locked providers by source, such as `hashicorp/aws`, with a host if it is not the engine's
    /// default registry.
    pub providers: &'a BTreeMap<String, ProviderLock>,
    /// The types that `files` use, by source as in `providers`; the state may contain further
    /// types.
    pub types: &'a BTreeMap<String, Types>,
    pub backend: &'a Backend,
    /// Variables in addition to those that every child gets.
    pub env: &'a BTreeMap<String, OsString>,
    pub secrets: &'a Secrets,
    /// Who may share running providers; `None`: the engine starts its own.
    pub warm: Option<Sharing<'a>>,
}

/// Which roots may share a running provider.
#[derive(Clone, Copy)]
pub struct Sharing<'a> {
    /// All roots of this repository, and no others.
    pub repository: &'a str,
    /// Which providers the repository's settings allow to be kept running.
    pub rule: &'a EngineRule,
}

/// The weight of a command that starts its providers; each root that may run at a time gives room
/// for this much.
const COLD: u32 = 2;

/// The weight of a plan with kept providers, which mostly waits for remote APIs.
const WARM: u32 = 1;

/// The engine adapter; one per process.
pub struct Engine {
    settings: Settings,
    turns: Semaphore,
    /// Ensures that only one `init` at a time writes to the provider cache.
    init: tokio::sync::Mutex<()>,
    versions: Mutex<HashMap<binary::Fingerprint, Binary>>,
    warm: warm::Warm,
}

impl Engine {
    pub fn new(settings: Settings) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let turns = settings.concurrency.map_or(cores, std::num::NonZero::get);
        Self {
            warm: warm::Warm::new(&settings),
            settings,
            turns: Semaphore::new(turns * COLD as usize),
            init: tokio::sync::Mutex::default(),
            versions: Mutex::default(),
        }
    }

    /// Returns how long after its start an apply has certainly ended, provided the process that
    /// started it is alive.
    pub fn longest_apply(&self) -> Duration {
        self.settings.limits.apply + self.settings.limits.apply_grace
    }

    /// Waits until there is room for work of this `weight`.
    async fn turn(
        &self,
        command: &'static str,
        weight: u32,
        control: &Control<'_>,
    ) -> Result<SemaphorePermit<'_>, Error> {
        tokio::select! {
            () = control.cancel.cancelled() => Err(Error::Cancelled { command }),
            permit = self.turns.acquire_many(weight) => {
                permit.map_err(|closed| Error::unreadable("the engine", closed))
            }
        }
    }

    /// Returns the complete environment of a child; `more` are the variables of a stack.
    fn environment(
        &self,
        home: &Path,
        tmp: &Path,
        more: &BTreeMap<String, OsString>,
    ) -> BTreeMap<String, OsString> {
        let settings = &self.settings;
        let mut env = settings.environment.clone();
        env.extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
        let mut set = |name: &str, value: &std::ffi::OsStr| env.insert(name.into(), value.into());
        set("PATH", &settings.path);
        set("HOME", settings.home.as_deref().unwrap_or(home).as_os_str());
        set("TMPDIR", tmp.as_os_str());
        set("TF_IN_AUTOMATION", "1".as_ref());
        set("TF_INPUT", "0".as_ref());
        set("CHECKPOINT_DISABLE", "1".as_ref());
        if let Some(cache) = &settings.plugin_cache {
            set("TF_PLUGIN_CACHE_DIR", cache.as_os_str());
        }
        if let Some(config) = settings.cli_config.as_deref().filter(|config| config.is_file()) {
            set("TF_CLI_CONFIG_FILE", config.as_os_str());
        }
        env
    }
}
