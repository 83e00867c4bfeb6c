//! Prewarming: after a start, the providers of the latest plans are started and configured again,
//! before anybody waits for them.
//!
//! Each warm plan leaves a manifest, one per repository, environment and locked providers: where
//! its tree is, and its lock. Manifests contain no values or credentials; the tree is as that plan
//! left it. Results are discarded, and failures affect nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use planwright_core::{digest::Digest, provider_types::Types, repo_config::EngineRule};

use super::{Session, error::WarmError};
use crate::{
    Backend, Binary, Control, Engine, ProviderLock, Root, Secrets, Sharing, WARM,
    init::{Command, CommandContext, InitializedDir, REATTACH},
    transcript::Transcript,
    workdir::WorkDir,
};

/// How many manifests are kept and used, newest first.
const MOST: usize = 5;

/// How often to check whether other work is running.
const IDLE_POLL_INTERVAL: Duration = Duration::from_secs(1);

/// What one plan was made with, except its values.
#[derive(Serialize, Deserialize)]
struct Manifest {
    repository: String,
    rule: EngineRule,
    binary: Binary,
    dir: PathBuf,
    providers: BTreeMap<String, ProviderLock>,
    types: BTreeSet<String>,
    /// The digest of the environment that the providers had.
    env: Digest,
}

/// Writes the manifest of a warm plan.
pub(crate) fn note(work: &Path, root: &Root<'_>, session: &Session) {
    let (Some(sharing), Some(first)) = (root.warm, session.relays.first()) else { return };
    let manifest = Manifest {
        repository: sharing.repository.to_owned(),
        rule: sharing.rule.clone(),
        binary: root.binary.clone(),
        dir: root.dir.to_owned(),
        providers: root.providers.clone(),
        types: first.backend.types.clone(),
        env: first.backend.key.env_digest.clone(),
    };
    let locked =
        manifest.providers.iter().map(|(source, lock)| format!("{source} {}", lock.version));
    let parts = [manifest.repository.clone(), manifest.env.to_string()].into_iter().chain(locked);
    let parts: Vec<String> = parts.collect();
    let name = Digest::of_parts("ahead-v1", parts.iter().map(String::as_bytes));
    let file = folder(work).join(name.as_str().replace(':', "-"));
    // Some work directories are removed after their plan, so an older manifest whose directory
    // still exists is kept.
    let manifest = read(&file).filter(|kept| kept.dir.exists()).unwrap_or(manifest);
    let written = fs::create_dir_all(folder(work))
        .and_then(|()| fs::write(&file, serde_json::to_vec(&manifest).unwrap_or_default()));
    if let Err(why) = written {
        tracing::debug!("nothing is warmed ahead: {}: {why}", file.display());
    }
    latest(work);
}

fn folder(work: &Path) -> PathBuf {
    work.join(super::FOLDER).join("ahead")
}

/// Returns the manifests, newest first; unreadable ones are skipped.
fn manifests(work: &Path) -> Vec<Manifest> {
    latest(work).iter().filter_map(|file| read(file)).collect()
}

fn read(file: &Path) -> Option<Manifest> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

/// Removes the manifests of a repository whose settings no longer allow kept providers.
pub(super) fn forget(work: &Path, repository: &str) {
    for file in latest(work) {
        if read(&file).is_some_and(|manifest| manifest.repository == repository) {
            let _ = fs::remove_file(file);
        }
    }
}

/// Returns the files of the newest manifests, newest first; older ones, for instance for earlier
/// credentials, are removed.
fn latest(work: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder(work)).into_iter().flatten().flatten();
    let mut files: Vec<(SystemTime, PathBuf)> = entries
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    files.sort_unstable_by(|a, b| b.cmp(a));
    let old = files.split_off(files.len().min(MOST));
    for (_, file) in old {
        let _ = fs::remove_file(file);
    }
    files.into_iter().map(|(_, file)| file).collect()
}

impl Engine {
    /// Starts and configures the providers of the latest plans, one after the other, whenever
    /// nothing else runs. `env` is the environment of plans, and `secrets` are the values in it
    /// that must not be logged.
    pub async fn prewarm(&self, env: &BTreeMap<String, OsString>, secrets: &Secrets) {
        let all = self.turns.available_permits();
        for manifest in manifests(&self.settings.work) {
            while self.turns.available_permits() < all {
                tokio::time::sleep(IDLE_POLL_INTERVAL).await;
            }
            if let Err(why) = self.prewarm_one(&manifest, env, secrets).await {
                let why = secrets.scrubbed(&why.to_string());
                tracing::debug!(dir = %manifest.dir.display(), "not warmed ahead: {why}");
            }
        }
    }

    async fn prewarm_one(
        &self,
        manifest: &Manifest,
        env: &BTreeMap<String, OsString>,
        secrets: &Secrets,
    ) -> Result<(), WarmError> {
        let control = Control::default();
        let nothing = BTreeMap::new();
        let backend = Backend { kind: String::new(), config: BTreeMap::new() };
        let types: BTreeMap<String, Types> = BTreeMap::new();
        let root = Root {
            binary: &manifest.binary,
            dir: &manifest.dir,
            files: &nothing,
            providers: &manifest.providers,
            types: &types,
            backend: &backend,
            env,
            secrets,
            warm: Some(Sharing { repository: &manifest.repository, rule: &manifest.rule }),
        };
        if !manifest.dir.exists() {
            return Err("its directory is gone".into());
        }
        let _turn = self.turn("plan", WARM, &control).await.map_err(|why| why.to_string())?;
        let held = WorkDir::hold(&manifest.dir, &self.settings.tmp, Duration::ZERO, &control).await;
        let workdir = held.map_err(|why| why.to_string())?;
        let env = self.environment(&workdir.home(), workdir.tmp(), env);
        let mut dir = InitializedDir { workdir, env, has_own_home: self.settings.home.is_none() };
        if self.warm.env_digest(&dir) != manifest.env {
            return Err("plans have another environment now".into());
        }
        let trusted = self.warm.trusted(&root);
        let unpacked = self.warm.unpacked(&root, &dir, &trusted).await?;
        let unpacked = unpacked.filter(|unpacked| !unpacked.is_empty());
        let unpacked = unpacked.ok_or("nothing of it may be kept, or it is not installed")?;
        let session = self.warm.session(&root, &dir, unpacked, manifest.types.clone()).await?;
        dir.env.insert(REATTACH.into(), session.reattach.clone());
        // This plan takes no lock, and the only remote calls are those of data sources; its result
        // is not used.
        let args = vec!["-lock=false".into(), "-refresh=false".into()];
        let command = Command { name: "plan", args, captures: false };
        let context = CommandContext { root: &root, dir: &dir, control: &control };
        let mut transcript = Transcript::new(secrets, None);
        let ended = self.run(context, command, &mut transcript).await;
        ended.map(drop).map_err(|error| session.why(&error).into())
    }
}
