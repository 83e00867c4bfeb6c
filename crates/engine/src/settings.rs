//! Settings of the engine adapter.
//!
//! Plain values that the caller fills in: nothing here reads an environment variable.

use std::{collections::BTreeMap, ffi::OsString, num::NonZeroUsize, path::PathBuf, time::Duration};

use secrecy::SecretSlice;

/// Settings of the engine adapter; one per process and role.
#[derive(Clone)]
pub struct Settings {
    /// The engine: a name to look for on `path`, or a path. If unset, `tofu`, then `terraform`.
    pub binary: Option<PathBuf>,
    /// The `PATH` on which the engine is looked for, and which children get.
    pub path: OsString,
    /// The `HOME` of children. If unset, an empty private one, so that no credentials file is
    /// found.
    pub home: Option<PathBuf>,
    /// The user's `TF_CLI_CONFIG_FILE`; passed on only while that file exists.
    pub cli_config: Option<PathBuf>,
    /// Where providers are cached for all stacks (`TF_PLUGIN_CACHE_DIR`); created if needed.
    pub plugin_cache: Option<PathBuf>,
    /// A directory for short-lived work that belongs to no stack.
    pub work: PathBuf,
    /// Where children get a `TMPDIR` of their own. Must be short, such as `/tmp`: providers create
    /// sockets in it, whose paths are limited to about a hundred bytes.
    pub tmp: PathBuf,
    /// Variables for every child, in addition to those of the stack.
    pub environment: BTreeMap<String, OsString>,
    /// The key for HMACs of sensitive values, which makes them comparable; all roles share it.
    pub key: SecretSlice<u8>,
    pub limits: Limits,
    /// How many roots may run at a time, or twice as many with kept providers. If unset, the number
    /// of cores.
    pub concurrency: Option<NonZeroUsize>,
    /// Which providers are kept running between plans.
    pub warm: super::WarmSettings,
}

/// How long each step may take before its process group is ended.
#[derive(Clone, Debug)]
pub struct Limits {
    pub init: Duration,
    pub plan: Duration,
    pub apply: Duration,
    /// For commands that only read: `version`, `show`, `output`.
    pub read: Duration,
    /// The time between asking the engine to end and killing its process group.
    pub grace: Duration,
    /// The same for an apply, which may be creating a resource.
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
