//! What the engine adapter has to know about this machine and this process.
//!
//! Plain values, filled in at the rim: nothing here reads an environment variable.

use std::{collections::BTreeMap, ffi::OsString, num::NonZeroUsize, path::PathBuf, time::Duration};

use secrecy::SecretSlice;

/// Settings of the engine adapter; one per process and role.
#[derive(Clone)]
pub struct Settings {
    /// The engine: a name to look for on `path`, or a path. Unset: `tofu`, then `terraform`.
    pub binary: Option<PathBuf>,
    /// The `PATH` on which the engine is looked for, and which children get.
    pub path: OsString,
    /// The `HOME` of children. Unset: an empty private one, so that no credentials file is found.
    pub home: Option<PathBuf>,
    /// The user's `TF_CLI_CONFIG_FILE`; passed on only while that file exists.
    pub cli_config: Option<PathBuf>,
    /// Where providers are kept between stacks (`TF_PLUGIN_CACHE_DIR`); made when it is not there.
    pub plugin_cache: Option<PathBuf>,
    /// Directory for short-lived work that belongs to no stack.
    pub work: PathBuf,
    /// Where children get a `TMPDIR` of their own. Short, e.g. `/tmp`: providers make sockets in it,
    /// whose paths may have about a hundred bytes.
    pub tmp: PathBuf,
    /// More variables for every child, beside those of the stack.
    pub environment: BTreeMap<String, OsString>,
    /// The key under which sensitive values become comparable; all roles share it.
    pub key: SecretSlice<u8>,
    pub limits: Limits,
    /// How many roots are worked on at a time, twice as many where providers are kept. Unset: as many as
    /// there are cores.
    pub concurrency: Option<NonZeroUsize>,
    /// Providers that are kept between plans.
    pub warm: super::WarmSettings,
}

/// How long each step may take before its process group is ended.
#[derive(Clone, Debug)]
pub struct Limits {
    pub init: Duration,
    pub plan: Duration,
    pub apply: Duration,
    /// For what only reads: `version`, `show`, `output`.
    pub read: Duration,
    /// Between asking the engine to end and killing its group.
    pub grace: Duration,
    /// The same for an apply, where a resource may be in the middle of being made.
    pub apply_grace: Duration,
    /// How long the engine waits for a state that another process has locked.
    pub state_lock: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        Self {
            init: minutes(10),
            plan: minutes(30),
            apply: minutes(120),
            read: minutes(5),
            grace: Duration::from_secs(10),
            apply_grace: minutes(5),
            state_lock: Duration::from_secs(30),
        }
    }
}
