//! Warming ahead: after a start, before anybody waits, the providers of what was planned last are
//! started and configured again.
//!
//! Each warm plan leaves a recipe, one for each repository, environment and locked providers: where its
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

use super::{REATTACH, Session};
use crate::{
    Backend, Binary, Control, Engine, ProviderLock, Root, Secrets, Sharing, WARM,
    init::{Command, Ready},
    transcript::Transcript,
    workdir::WorkDir,
};
use planwright_core::{digest::Digest, provider_types::Types, repo_config::EngineRule};

/// How many of the latest recipes are followed.
const MOST: usize = 5;

/// How long to wait before it is looked again whether somebody works.
const LOOK: Duration = Duration::from_secs(1);

/// What one plan was made with, but for its values.
#[derive(Serialize, Deserialize)]
struct Recipe {
    repository: String,
    rule: EngineRule,
    binary: Binary,
    dir: PathBuf,
    providers: BTreeMap<String, ProviderLock>,
    types: BTreeSet<String>,
    /// Of the environment that the providers had.
    env: Digest,
}

/// Leaves the recipe of a plan that went warm.
pub(crate) fn note(work: &Path, root: &Root<'_>, session: &Session) {
    let (Some(sharing), Some(first)) = (root.warm, session.relays.first()) else { return };
    let recipe = Recipe {
        repository: sharing.repository.to_owned(),
        rule: sharing.rule.clone(),
        binary: root.binary.clone(),
        dir: root.dir.to_owned(),
        providers: root.providers.clone(),
        types: first.behind.types.clone(),
        env: first.behind.base.env_digest.clone(),
    };
    let locked = recipe.providers.iter().map(|(source, lock)| format!("{source} {}", lock.version));
    let parts = [recipe.repository.clone(), recipe.env.to_string()].into_iter().chain(locked);
    let parts: Vec<String> = parts.collect();
    let name = Digest::of_parts("ahead-v1", parts.iter().map(String::as_bytes));
    let file = folder(work).join(name.as_str().replace(':', "-"));
    // Some directories are removed after their plan; one that stays is as good as another.
    let recipe = read(&file).filter(|kept| kept.dir.exists()).unwrap_or(recipe);
    let written = fs::create_dir_all(folder(work))
        .and_then(|()| fs::write(&file, serde_json::to_vec(&recipe).unwrap_or_default()));
    if let Err(why) = written {
        tracing::debug!("nothing is warmed ahead: {}: {why}", file.display());
    }
    latest(work);
}

fn folder(work: &Path) -> PathBuf {
    work.join(super::FOLDER).join("ahead")
}

/// The latest first; what cannot be read is left out.
fn recipes(work: &Path) -> Vec<Recipe> {
    latest(work).iter().filter_map(|file| read(file)).collect()
}

fn read(file: &Path) -> Option<Recipe> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

/// Removes the recipes of a repository, which does not want kept providers any more.
pub(super) fn forget(work: &Path, repository: &str) {
    for file in latest(work) {
        if read(&file).is_some_and(|recipe| recipe.repository == repository) {
            let _ = fs::remove_file(file);
        }
    }
}

/// The files that are followed, the latest first; the others, of credentials that changed since, are
/// removed.
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
    pub async fn warm_ahead(&self, env: &BTreeMap<String, OsString>, secrets: &Secrets) {
        let all = self.turns.available_permits();
        for recipe in recipes(&self.settings.work) {
            while self.turns.available_permits() < all {
                tokio::time::sleep(LOOK).await;
            }
            if let Err(why) = self.follow(&recipe, env, secrets).await {
                let why = secrets.scrubbed(&why);
                tracing::debug!(dir = %recipe.dir.display(), "not warmed ahead: {why}");
            }
        }
    }

    async fn follow(
        &self,
        recipe: &Recipe,
        env: &BTreeMap<String, OsString>,
        secrets: &Secrets,
    ) -> Result<(), String> {
        let control = Control::default();
        let nothing = BTreeMap::new();
        let backend = Backend { kind: String::new(), config: BTreeMap::new() };
        let types: BTreeMap<String, Types> = BTreeMap::new();
        let root = Root {
            binary: &recipe.binary,
            dir: &recipe.dir,
            files: &nothing,
            providers: &recipe.providers,
            types: &types,
            backend: &backend,
            env,
            secrets,
            warm: Some(Sharing { repository: &recipe.repository, rule: &recipe.rule }),
        };
        if !recipe.dir.exists() {
            return Err("its directory is gone".into());
        }
        let _turn = self.turn("plan", WARM, &control).await.map_err(|why| why.to_string())?;
        let held = WorkDir::hold(&recipe.dir, &self.settings.tmp, Duration::ZERO, &control).await;
        let workdir = held.map_err(|why| why.to_string())?;
        let env = self.environment(&workdir.home(), workdir.tmp(), env);
        let mut ready = Ready { workdir, env, has_own_home: self.settings.home.is_none() };
        if self.warm.env_digest(&ready) != recipe.env {
            return Err("plans have another environment now".into());
        }
        let trusted = self.warm.trusted(&root);
        let unpacked = self.warm.unpacked(&root, (&ready, &trusted)).await?;
        let unpacked = unpacked.filter(|unpacked| !unpacked.is_empty());
        let unpacked = unpacked.ok_or("nothing of it may be kept, or it is not installed")?;
        let session = self.warm.session(&root, (&ready, unpacked), recipe.types.clone()).await?;
        ready.env.insert(REATTACH.into(), session.reattach.clone());
        // Locks nothing, and reads of the world what data sources ask for; the answer is of no
        // interest.
        let args = vec!["-lock=false".into(), "-refresh=false".into()];
        let command = Command { name: "plan", args, captures: false };
        let mut transcript = Transcript::new(secrets, None);
        let ended = self.run(&root, &ready, command, (&control, &mut transcript)).await;
        ended.map(drop).map_err(|error| session.why(&error))
    }
}
