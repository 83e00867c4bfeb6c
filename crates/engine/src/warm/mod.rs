//! Warm plans: provider processes that Planwright starts and keeps, behind relays that the engine
//! uses as its providers.
//!
//! Most of the time of a plan is spent on starting providers and on checks that give the same
//! result each time. For each plan, a [`Session`] opens one socket per provider. If anything goes
//! wrong, the plan is repeated once without kept providers (a cold plan), so nothing here can fail
//! a plan. An apply is never warm. The protocol is defined by the engines; `docs/warm.md` is the
//! guide for operators.

mod answer_cache;
mod bounds;
mod error;
mod keyed_mutex;
mod package;
mod pool;
pub(super) mod prewarm;
mod provider;
mod relay;
mod schema;
pub(super) mod state_types;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::json;
use tokio::process::{Child, Command};

use planwright_core::{digest::Digest, repo_config::Warm as Rule};

pub use self::{bounds::Bounds, pool::KeptProvider};

use self::{
    answer_cache::AnswerCache,
    error::WarmError,
    package::{Package, Packages},
    pool::{Pool, ProviderKey},
    provider::Protocol,
    relay::{ProviderBackend, Relay},
};

use super::{
    Error, ProviderLock, Root,
    init::{CommandContext, InitializedDir, REATTACH},
    lockfile,
    workdir::DATA,
};

/// The folder in the work directory where plans leave data for later ones; no stack can have this
/// name.
const FOLDER: &str = ".warm";

/// Which providers may be kept, and for how long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Providers by source; if empty, every plan is cold.
    pub providers: BTreeSet<String>,
    pub bounds: Bounds,
}

impl Settings {
    /// Returns the settings with the providers for which tests show that warm and cold plans are
    /// equal.
    pub fn trusted() -> Self {
        Self { providers: ["hashicorp/aws".to_owned()].into(), bounds: Bounds::default() }
    }
}

/// Statistics of warm plans since the start of the process.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct WarmStatus {
    pub processes: Vec<KeptProvider>,
    /// Plans that were made warm.
    pub hits: u64,
    /// Plans that could have been warm, but were made cold.
    pub fallbacks: u64,
    /// The reason for the last of those.
    pub last_fallback: Option<String>,
}

/// The kept providers of one bot.
pub(super) struct Warm {
    settings: Settings,
    pool: Arc<Pool>,
    cache: Arc<AnswerCache>,
    packages: Arc<Packages>,
    shell: PathBuf,
    /// By the digest of the provider's package.
    protocols: Mutex<HashMap<String, Protocol>>,
    plugin_cache: Option<PathBuf>,
    hits: AtomicU64,
    fallbacks: Mutex<(u64, Option<String>)>,
}

/// The relays of one plan; they are closed when this is dropped.
pub(super) struct Session {
    relays: Vec<Relay>,
    /// The sources of the providers that the engine does not start.
    pub sources: BTreeSet<String>,
    /// The value of [`REATTACH`].
    pub reattach: OsString,
    _dummy: DummyProcess,
}

/// A process that does nothing, whose id the engine gets as that of its providers.
///
/// It has to be a live process: an engine checks every second whether its provider is alive, and
/// aborts its calls if not (0 counts as dead). It must not be the provider's process, because the
/// engine kills it if the socket cannot be reached.
struct DummyProcess {
    pid: u32,
    /// It ends when its standard input is closed, at the latest when this process ends.
    _process: Child,
}

impl DummyProcess {
    fn start(shell: &Path) -> std::io::Result<Self> {
        let process = Command::new(shell)
            .args(["-c", "read -r _"])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let pid = process.id().ok_or_else(|| std::io::Error::other("it has no id"))?;
        Ok(Self { pid, _process: process })
    }
}

impl Session {
    /// Returns why a plan failed: the errors in the relays if there are any, else the engine's
    /// error.
    pub(crate) fn why(&self, error: &Error) -> String {
        self.troubles().unwrap_or_else(|| error.to_string())
    }

    /// Returns the errors in the relays, if there are any.
    pub(crate) fn troubles(&self) -> Option<String> {
        let troubles: Vec<String> =
            self.relays.iter().flat_map(|relay| relay.backend.record().troubles.clone()).collect();
        (!troubles.is_empty()).then(|| troubles.join("; "))
    }

    /// Drops the cached answers and the processes that served this plan, because a cold plan
    /// succeeded where it failed.
    pub(crate) fn distrust(&self) {
        for relay in &self.relays {
            relay.backend.distrust();
        }
    }
}

/// The provider packages that a root needs and that may be kept, by source.
type Unpacked = BTreeMap<String, Package>;

impl Warm {
    pub(crate) fn new(settings: &super::Settings) -> Self {
        let super::Settings { warm, tmp, plugin_cache, path, limits, .. } = settings;
        // Leaves a plan enough time to be repeated cold after one call that hangs.
        let bounds = Bounds { call: warm.bounds.call.min(limits.plan / 3), ..warm.bounds.clone() };
        // Without a shell no provider can be started, and every plan is cold.
        let shell = std::env::split_paths(path).map(|dir| dir.join("sh")).find(|sh| sh.is_file());
        let shell = shell.unwrap_or_else(|| "/bin/sh".into());
        Self {
            pool: Arc::new(Pool::new(bounds, shell.clone(), tmp.clone())),
            shell,
            settings: warm.clone(),
            cache: Arc::default(),
            packages: Arc::default(),
            protocols: Mutex::default(),
            plugin_cache: plugin_cache.clone(),
            hits: AtomicU64::new(0),
            fallbacks: Mutex::default(),
        }
    }

    pub(crate) fn status(&self) -> WarmStatus {
        let (fallbacks, last_fallback) =
            self.fallbacks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let hits = self.hits.load(Ordering::Relaxed);
        WarmStatus { processes: self.pool.kept(), hits, fallbacks, last_fallback }
    }

    pub(super) fn hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    fn fall_back(&self, why: String) {
        let mut fallbacks = self.fallbacks.lock().unwrap_or_else(PoisonError::into_inner);
        *fallbacks = (fallbacks.0 + 1, Some(why));
    }

    /// Returns the sources that a root needs and that may be kept.
    fn trusted(&self, root: &Root<'_>) -> BTreeSet<String> {
        let Some(sharing) = root.warm else { return BTreeSet::new() };
        let all = root.providers.keys().filter(|source| sharing.rule.keeps(source));
        all.filter(|source| self.settings.providers.contains(*source)).cloned().collect()
    }

    /// Returns the unpacked packages of `trusted`; `None` if one of them is not installed yet.
    /// Fails if one of them must not run.
    async fn unpacked(
        &self,
        root: &Root<'_>,
        dir: &InitializedDir,
        trusted: &BTreeSet<String>,
    ) -> Result<Option<Unpacked>, WarmError> {
        let mut unpacked = Unpacked::new();
        for source in trusted {
            let lock = &root.providers[source];
            let address = lockfile::address(source, root.binary.kind).map_err(|e| e.to_string())?;
            let installed = dir.workdir.tree().join(DATA).join("providers");
            let dirs: Vec<PathBuf> = std::iter::once(installed)
                .chain(self.plugin_cache.clone())
                .map(|dir| {
                    dir.join(&address).join(lock.version.to_string()).join(package::platform())
                })
                .collect();
            match self.package(dirs, lock).await? {
                Some(package) => unpacked.insert(source.clone(), package),
                None => return Ok(None),
            };
        }
        Ok(Some(unpacked))
    }

    async fn package(
        &self,
        dirs: Vec<PathBuf>,
        lock: &ProviderLock,
    ) -> Result<Option<Package>, WarmError> {
        let (packages, lock) = (Arc::clone(&self.packages), lock.clone());
        let find = move || {
            for dir in dirs {
                if let Some(package) = packages.at(&dir, &lock)? {
                    return Ok(Some(package));
                }
            }
            Ok(None)
        };
        tokio::task::spawn_blocking(find).await.map_err(|why| WarmError::from(why.to_string()))?
    }

    /// Opens a socket for each provider. Fails, with a reason for the log, if the plan has to be
    /// cold.
    async fn session(
        &self,
        root: &Root<'_>,
        dir: &InitializedDir,
        unpacked: Unpacked,
        types: BTreeSet<String>,
    ) -> Result<Session, WarmError> {
        let repository = root.warm.map_or("", |sharing| sharing.repository);
        let dummy = DummyProcess::start(&self.shell)
            .map_err(|why| format!("starting {}: {why}", self.shell.display()))?;
        let (mut relays, mut reattach) = (Vec::new(), serde_json::Map::new());
        let sources = unpacked.keys().cloned().collect();
        for (i, (source, package)) in unpacked.into_iter().enumerate() {
            let address =
                lockfile::address(&source, root.binary.kind).map_err(|e| e.to_string())?;
            let env = self.environment(dir);
            let key = Arc::new(ProviderKey::new(repository, &source, package, env));
            let protocol = self.protocol(&key).await?;
            let socket = dir.workdir.tmp().join(format!("r{i}"));
            let backend = ProviderBackend {
                pool: Arc::clone(&self.pool),
                cache: Arc::clone(&self.cache),
                key,
                protocol,
                types: types.clone(),
                record: Mutex::default(),
            };
            let relay = Relay::listen(&socket, backend)
                .map_err(|why| format!("listening on {}: {why}", socket.display()))?;
            relays.push(relay);
            reattach.insert(address, attached(protocol, &socket, dummy.pid));
        }
        let reattach = json!(reattach).to_string().into();
        Ok(Session { relays, sources, reattach, _dummy: dummy })
    }

    /// Returns the environment that an engine would give a provider, without the directories of one
    /// plan.
    fn environment(&self, dir: &InitializedDir) -> BTreeMap<String, OsString> {
        let mut env = dir.env.clone();
        env.remove("TMPDIR");
        env.remove(REATTACH);
        if dir.has_own_home {
            env.remove("HOME");
        }
        env
    }

    /// Returns the digest of the environment of providers for this root.
    fn env_digest(&self, dir: &InitializedDir) -> Digest {
        pool::env_digest(&self.environment(dir))
    }

    /// Returns the protocol that a provider speaks; starts the provider if that is not known yet.
    async fn protocol(&self, key: &Arc<ProviderKey>) -> Result<Protocol, WarmError> {
        let known = || self.protocols.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(protocol) = known().get(&key.package.digest) {
            return Ok(*protocol);
        }
        let protocol = self.pool.any(key).await?.provider.protocol;
        known().insert(key.package.digest.clone(), protocol);
        Ok(protocol)
    }
}

/// Returns the description of a running provider in the engine's format.
fn attached(protocol: Protocol, socket: &Path, pid: u32) -> serde_json::Value {
    json!({
        "Protocol": "grpc",
        "ProtocolVersion": protocol.number(),
        "Pid": pid,
        "Test": true,
        "Addr": {"Network": "unix", "String": socket},
    })
}

impl super::Engine {
    /// Returns statistics of warm plans, and the kept providers.
    pub fn warm_status(&self) -> WarmStatus {
        self.warm.status()
    }

    /// Returns whether a plan of this root starts warm.
    pub(super) fn may_be_warm(&self, root: &Root<'_>) -> bool {
        !self.warm.trusted(root).is_empty()
    }

    /// Returns the session of one plan; `None` if the plan has to be cold, with a log entry unless
    /// warm plans are off. Installs missing providers.
    pub(super) async fn warm_session(
        &self,
        root: &Root<'_>,
        dir: &InitializedDir,
        control: &super::Control<'_>,
    ) -> Result<Option<Session>, Error> {
        let trusted = self.warm.trusted(root);
        if trusted.is_empty() {
            if let Some(sharing) = root.warm.filter(|sharing| sharing.rule.warm == Rule::Off) {
                prewarm::forget(&self.settings.work, sharing.repository);
            }
            return Ok(None);
        }
        let mut unpacked = self.warm.unpacked(root, dir, &trusted).await;
        if matches!(unpacked, Ok(None)) {
            let context = CommandContext { root, dir, control };
            self.initialise(context, &BTreeSet::new()).await?;
            unpacked = self.warm.unpacked(root, dir, &trusted).await;
        }
        let session = match unpacked {
            Ok(Some(unpacked)) => {
                let mut types = state_types::remembered(&self.settings.work, root.backend);
                types.extend(state_types::types_in_modules(root));
                self.warm.session(root, dir, unpacked, types).await
            }
            Ok(None) => {
                Err("the engine did not install the provider where it is looked for".into())
            }
            Err(why) => Err(why),
        };
        match session {
            Ok(session) => Ok(Some(session)),
            Err(why) => {
                self.cold(root, &why.to_string());
                Ok(None)
            }
        }
    }

    /// Logs and counts why a plan that could have been warm is made cold.
    pub(super) fn cold(&self, root: &Root<'_>, why: &str) {
        let why = root.secrets.scrubbed(why);
        tracing::warn!(dir = %root.dir.display(), "planning cold, without kept providers: {why}");
        self.warm.fall_back(why);
    }
}

#[cfg(test)]
mod tests {
    use planwright_core::names::StackId;

    #[test]
    fn no_stack_has_the_directory_of_the_notes() {
        assert!(StackId::parse(super::FOLDER).is_err());
    }
}
