//! Warming ahead: after a start, before anybody waits, the providers of what was planned last are
//! started and configured again.
//!
//! Each warm plan leaves a manifest, one for each repository, environment and locked providers: where its
//! tree lies and what it was locked to. No values and no credentials are in it; the tree is as that plan
//! left it. What comes of it is thrown away, and what goes wrong with it concerns nobody.

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

/// How many of the latest manifests are followed.
const MOST: usize = 5;

/// How long to wait before it is looked again whether somebody works.
const IDLE_POLL_INTERVAL: Duration = Duration::from_secs(1);

/// What one plan was made with, but for its values.
#[derive(Serialize, Deserialize)]
struct Manifest {
    repository: String,
    rule: EngineRule,
    binary: Binary,
    dir: PathBuf,
    providers: BTreeMap<String, ProviderLock>,
    types: BTreeSet<String>,
    /// Of the environment that the providers had.
    env: Digest,
}

/// Leaves the manifest of a plan that went warm.
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
    // Some directories are removed after their plan; one that stays is as good as another.
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

/// Returns the latest first; what cannot be read is left out.
fn manifests(work: &Path) -> Vec<Manifest> {
    latest(work).iter().filter_map(|file| read(file)).collect()
}

fn read(file: &Path) -> Option<Manifest> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

/// Removes the manifests of a repository, which does not want kept providers any more.
pub(super) fn forget(work: &Path, repository: &str) {
    for file in latest(work) {
        if read(&file).is_some_and(|manifest| manifest.repository == repository) {
            let _ = fs::remove_file(file);
        }
    }
}

/// Returns the files that are followed, the latest first; the others, of credentials that changed
/// since, are removed.
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
    /// Starts and configures the providers of what was planned last, one after the other, whenever
    /// nobody else works. `env` is what plans get, `secrets` what nobody may read of it.
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
        // Locks nothing, and reads of the world what data sources ask for; the answer is of no
        // interest.
        let args = vec!["-lock=false".into(), "-refresh=false".into()];
        let command = Command { name: "plan", args, captures: false };
        let context = CommandContext { root: &root, dir: &dir, control: &control };
        let mut transcript = Transcript::new(secrets, None);
        let ended = self.run(context, command, &mut transcript).await;
        ended.map(drop).map_err(|error| session.why(&error).into())
    }
}
