//! The pool of kept provider processes: found, started, configured once, and ended.
//!
//! A provider has one configuration, so a process serves only one repository, package, environment
//! and configure request. For each repository, package and environment, at most one process is
//! being started at a time. `bounds` decides how long a process is kept.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use hyper::body::Bytes;

use planwright_core::digest::Digest;

use super::{
    bounds::{Bounds, ProcessStats},
    error::WarmError,
    keyed_mutex::KeyedMutex,
    package::{Fingerprint, Package},
    provider::{Provider, Start},
    wire,
};

/// How often processes are checked against the limits.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);

/// What two users of a process must have in common: repository, package and environment.
pub(super) struct ProviderKey {
    pub repository: String,
    /// The source of the provider, for people, such as `hashicorp/aws`.
    pub source: String,
    pub package: Package,
    pub env: BTreeMap<String, OsString>,
    /// The digest of the environment alone.
    pub env_digest: Digest,
    digest: Digest,
}

impl ProviderKey {
    pub(super) fn new(
        repository: &str,
        source: &str,
        package: Package,
        env: BTreeMap<String, OsString>,
    ) -> Self {
        let env_digest = env_digest(&env);
        let executable = package.executable.as_os_str().as_encoded_bytes();
        let digest = Digest::of_parts(
            "base-v1",
            [
                repository.as_bytes(),
                source.as_bytes(),
                executable,
                package.digest.as_bytes(),
                env_digest.as_str().as_bytes(),
            ],
        );
        let (repository, source) = (repository.to_owned(), source.to_owned());
        Self { repository, source, package, env, env_digest, digest }
    }
}

/// Returns the digest of an environment: names, values, and fingerprints of the files that values
/// name, because such a file may hold credentials.
pub(super) fn env_digest(env: &BTreeMap<String, OsString>) -> Digest {
    let parts: Vec<Vec<u8>> = env
        .iter()
        .flat_map(|(name, value)| {
            let value_bytes = value.as_encoded_bytes().to_vec();
            [name.clone().into(), value_bytes, file_fingerprints(name, Path::new(value)).into()]
        })
        .collect();
    Digest::of_parts("env-v1", parts.iter().map(Vec::as_slice))
}

/// Returns fingerprints of the files that a variable refers to; for `HOME`, the credential files of
/// the AWS provider.
fn file_fingerprints(name: &str, value: &Path) -> String {
    let files = match name {
        "HOME" => [".aws/config", ".aws/credentials"].map(|file| value.join(file)).to_vec(),
        _ if value.is_absolute() => vec![value.to_owned()],
        _ => Vec::new(),
    };
    let files = files.iter().filter(|file| file.is_file());
    let all = files.filter_map(|file| Fingerprint::read(file).ok());
    all.map(|stats| format!("{stats}\n")).collect()
}

/// One kept process, for people.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct KeptProvider {
    pub provider: String,
    pub repository: String,
    pub pid: u32,
    pub age_seconds: u64,
    pub uses: u64,
    pub memory_bytes: u64,
    pub is_configured: bool,
    pub is_in_use: bool,
}

pub(super) struct Pool {
    bounds: Bounds,
    shell: PathBuf,
    /// Where the working directories of providers are created.
    tmp: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: Vec<Entry>,
    /// Locked by whoever starts or configures a process for a key.
    mutexes: KeyedMutex,
    last_id: u64,
    is_watched: bool,
}

struct Entry {
    id: u64,
    key: Arc<ProviderKey>,
    provider: Arc<Provider>,
    /// The request that it was configured with, and its answer.
    configured: Option<(Digest, Bytes)>,
    /// Whether the process may get no new users.
    is_retired: bool,
    started: Instant,
    released: Instant,
    leases: usize,
    uses: u64,
}

impl Entry {
    fn stats(&self, now: Instant) -> ProcessStats {
        ProcessStats {
            id: self.id,
            age: now - self.started,
            uses: self.uses,
            idle: (self.leases == 0).then(|| now - self.released),
            memory: self.provider.memory(),
            is_alive: !self.is_retired && self.provider.is_alive(),
        }
    }
}

/// A process in use by one connection; returned to the pool when dropped.
pub(super) struct Lease {
    pub provider: Arc<Provider>,
    id: u64,
    pool: Arc<Pool>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.pool.state();
        if let Some(entry) = state.entries.iter_mut().find(|entry| entry.id == self.id) {
            entry.leases -= 1;
            entry.released = Instant::now();
        }
        self.pool.sweep(&mut state);
    }
}

impl Pool {
    pub(super) fn new(bounds: Bounds, shell: PathBuf, tmp: PathBuf) -> Self {
        Self { bounds, shell, tmp, state: Mutex::default() }
    }

    pub(super) fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// Returns a process for calls that do not depend on a configuration.
    pub(super) async fn any(self: &Arc<Self>, key: &Arc<ProviderKey>) -> Result<Lease, WarmError> {
        let found = |pool: &Arc<Self>| pool.lease(|entry| entry.key.digest == key.digest);
        if let Some(lease) = found(self) {
            return Ok(lease);
        }
        let mutex = self.mutex(key);
        let _guard = mutex.lock().await;
        match found(self) {
            Some(lease) => Ok(lease),
            None => self.start(key).await,
        }
    }

    /// Returns a process with this configuration and its answer to the request; configures one if
    /// there is none.
    pub(super) async fn configured(
        self: &Arc<Self>,
        key: &Arc<ProviderKey>,
        service: &str,
        method: &str,
        request: Bytes,
    ) -> Result<(Lease, Bytes), WarmError> {
        let wanted = Digest::of_parts("configure-v1", [method.as_bytes(), &request]);
        let found = |pool: &Arc<Self>| {
            let lease = pool.lease(|entry| {
                entry.key.digest == key.digest
                    && entry.configured.as_ref().is_some_and(|(with, _)| *with == wanted)
            })?;
            let answer = pool.with_entry(&lease, |entry| entry.configured.clone())??.1;
            Some((lease, answer))
        };
        if let Some(found) = found(self) {
            return Ok(found);
        }
        let mutex = self.mutex(key);
        let _guard = mutex.lock().await;
        if let Some(found) = found(self) {
            return Ok(found);
        }
        let free = |entry: &Entry| entry.key.digest == key.digest && entry.configured.is_none();
        let lease = match self.lease(free) {
            Some(lease) => lease,
            None => self.start(key).await?,
        };
        // Until it has answered, and if this future is dropped before, it may be partly configured.
        self.with_entry(&lease, |entry| entry.is_retired = true);
        let call = lease.provider.call(wire::request(service, method, wire::full(request)));
        let answered = async {
            let (parts, body) = call.await?.into_parts();
            let (answer, trailers) = wire::collected(body).await?;
            Ok::<_, WarmError>((wire::is_ok(&parts.headers, &trailers), answer))
        };
        let answered = tokio::time::timeout(self.bounds.call, answered).await;
        let (is_ok, answer) = match answered {
            Ok(answered) => answered?,
            Err(_) => {
                lease.provider.end();
                return Err(format!("`{method}` took longer than {:?}", self.bounds.call).into());
            }
        };
        if !is_ok {
            return Err(format!("`{method}` failed").into());
        }
        // An answer with an error or a warning must not be reused for others.
        if wire::unframed(&answer).is_some_and(<[u8]>::is_empty) {
            self.with_entry(&lease, |entry| {
                entry.configured = Some((wanted, answer.clone()));
                entry.is_retired = false;
            });
        }
        Ok((lease, answer))
    }

    /// Returns the kept processes, oldest first.
    pub(super) fn kept(&self) -> Vec<KeptProvider> {
        let now = Instant::now();
        let kept = |entry: &Entry| {
            let stats = entry.stats(now);
            KeptProvider {
                provider: entry.key.source.clone(),
                repository: entry.key.repository.clone(),
                pid: entry.provider.pid,
                age_seconds: stats.age.as_secs(),
                uses: stats.uses,
                memory_bytes: stats.memory,
                is_configured: entry.configured.is_some(),
                is_in_use: stats.idle.is_none(),
            }
        };
        self.state().entries.iter().map(kept).collect()
    }

    /// Gives the processes of this key to no new users.
    pub(super) fn retire_all(&self, key: &ProviderKey) {
        let mut state = self.state();
        for entry in state.entries.iter_mut().filter(|entry| entry.key.digest == key.digest) {
            entry.is_retired = true;
        }
        self.sweep(&mut state);
    }

    /// Gives this process to no new users.
    pub(super) fn retire(&self, lease: &Lease) {
        self.with_entry(lease, |entry| entry.is_retired = true);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mutex(&self, key: &ProviderKey) -> Arc<tokio::sync::Mutex<()>> {
        self.state().mutexes.lock_for(&key.digest)
    }

    fn with_entry<T>(&self, lease: &Lease, with: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        self.state().entries.iter_mut().find(|entry| entry.id == lease.id).map(with)
    }

    fn lease(self: &Arc<Self>, is_right: impl Fn(&Entry) -> bool) -> Option<Lease> {
        let now = Instant::now();
        let mut state = self.state();
        let may_serve =
            |entry: &&mut Entry| is_right(entry) && self.bounds.allow(&entry.stats(now));
        // The newest one, because it may be kept longest.
        let entry = state.entries.iter_mut().rev().find(may_serve)?;
        entry.leases += 1;
        entry.uses += 1;
        let (id, provider) = (entry.id, Arc::clone(&entry.provider));
        Some(Lease { provider, id, pool: Arc::clone(self) })
    }

    async fn start(self: &Arc<Self>, key: &Arc<ProviderKey>) -> Result<Lease, WarmError> {
        self.sweep(&mut self.state());
        let memory: u64 = self.kept().iter().map(|kept| kept.memory_bytes).sum();
        if memory > self.bounds.memory {
            return Err(format!("the kept providers, all in use, hold {} MB", memory >> 20).into());
        }
        // The path must be short, because sockets are created in it and their paths are limited.
        let dir = tempfile::Builder::new()
            .prefix("pw")
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir_in(&self.tmp)
            .map_err(|why| format!("making a directory for a provider: {why}"))?;
        let provider = Provider::start(Start {
            shell: &self.shell,
            executable: &key.package.executable,
            env: &key.env,
            dir,
            limit: self.bounds.start,
        });
        let provider = Arc::new(provider.await?);
        let now = Instant::now();
        let mut state = self.state();
        state.last_id += 1;
        let id = state.last_id;
        state.entries.push(Entry {
            id,
            key: Arc::clone(key),
            provider: Arc::clone(&provider),
            configured: None,
            is_retired: false,
            started: now,
            released: now,
            leases: 1,
            uses: 1,
        });
        self.sweep(&mut state);
        if !std::mem::replace(&mut state.is_watched, true) {
            tokio::spawn(watch(Arc::downgrade(self)));
        }
        Ok(Lease { provider, id, pool: Arc::clone(self) })
    }

    /// Ends the processes that the limits no longer allow.
    fn sweep(&self, state: &mut State) {
        let now = Instant::now();
        let all: Vec<ProcessStats> = state.entries.iter().map(|entry| entry.stats(now)).collect();
        let ended = self.bounds.to_end(&all);
        state.entries.retain(|entry| !ended.contains(&entry.id));
        // Each change of credentials makes a new key, so unused ones have to go.
        state.mutexes.forget();
    }
}

/// Checks the processes regularly for as long as the pool exists.
async fn watch(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        let Some(pool) = pool.upgrade() else { return };
        pool.sweep(&mut pool.state());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_shared_beyond_one_repository_content_and_environment() {
        let key = |repository, source, program: &str, digest: &str, key: &str| {
            let package = Package { executable: program.into(), digest: digest.into() };
            let env = [("KEY".to_owned(), key.into())].into();
            ProviderKey::new(repository, source, package, env).digest
        };
        let one = key("one", "hashicorp/aws", "/aws", "h1:aws", "first");
        assert_eq!(one, key("one", "hashicorp/aws", "/aws", "h1:aws", "first"));
        for other in [
            key("two", "hashicorp/aws", "/aws", "h1:aws", "first"),
            key("one", "mirror/aws", "/aws", "h1:aws", "first"),
            key("one", "hashicorp/aws", "/other/aws", "h1:aws", "first"),
            key("one", "hashicorp/aws", "/aws", "h1:other", "first"),
            key("one", "hashicorp/aws", "/aws", "h1:aws", "second"),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn a_file_of_credentials_that_changes_makes_another_environment() {
        let home = tempfile::tempdir().unwrap();
        let aws = home.path().join(".aws/credentials");
        let named = home.path().join("token");
        std::fs::create_dir(home.path().join(".aws")).unwrap();
        let env = BTreeMap::from([
            ("HOME".to_owned(), home.path().as_os_str().to_owned()),
            ("TOKEN_FILE".to_owned(), named.clone().into_os_string()),
        ]);
        let mut seen = vec![env_digest(&env)];
        for (file, text) in [(&aws, "one"), (&named, "one"), (&aws, "two"), (&named, "two")] {
            std::fs::write(file.with_extension("new"), text).unwrap();
            std::fs::rename(file.with_extension("new"), file).unwrap();
            let now = env_digest(&env);
            assert_eq!(now, env_digest(&env));
            assert!(!seen.contains(&now), "{}", file.display());
            seen.push(now);
        }
    }

    #[tokio::test]
    async fn a_key_that_nobody_waits_for_is_forgotten() {
        let pool = Pool::new(Bounds::default(), "/bin/sh".into(), std::env::temp_dir());
        let package = Package { executable: "/none".into(), digest: "h1:none".into() };
        let key = ProviderKey::new("one", "a/b", package, BTreeMap::new());
        let mutex = pool.mutex(&key);
        pool.sweep(&mut pool.state());
        assert!(Arc::ptr_eq(&mutex, &pool.mutex(&key)), "somebody waits for it");
        drop(mutex);
        pool.sweep(&mut pool.state());
        assert!(pool.state().mutexes.is_empty());
    }
}
