//! One stack, ready for the engine, whether it was rendered just now or kept from an apply.
//!
//! The piece that the bot and the command line share. Whether anybody may plan or apply it, and
//! where the result goes, is the callers' business.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::{
    domain::{names::StackId, plan::Plan, repo_config::RepoConfig, verdict::protected_changes},
    engine::{self, Binary, Control, Engine, ProviderLock, Root, Secrets},
    flow::backend::backend,
    package::{Prepared, lock},
};

/// What a plan of a stack is made from, beside its state and the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    pub files: BTreeMap<String, Vec<u8>>,
    /// By source; only those that the chosen variants use.
    pub providers: BTreeMap<String, lock::ProviderLock>,
    /// The range of engine versions in the lock.
    pub engine: String,
    pub state_key: String,
    /// Slots whose resources are deleted or replaced only when someone names them.
    pub protect: BTreeSet<String>,
}

impl Tree {
    pub fn of(prepared: &Prepared) -> Self {
        Self {
            files: prepared.rendered.files.clone(),
            providers: prepared.providers(),
            engine: prepared.lock.engine.clone(),
            state_key: prepared.lock.state_key.clone(),
            protect: prepared.package.manifest.protect.iter().cloned().collect(),
        }
    }
}

/// A tree with the engine that runs it, the place of its state, and a directory to work in.
pub struct Work {
    pub stack: StackId,
    pub tree: Tree,
    pub binary: Binary,
    pub backend: engine::Backend,
    providers: BTreeMap<String, ProviderLock>,
    dir: PathBuf,
}

impl Work {
    /// Finds the engine and the state; errors are worded for people. States of a local backend are
    /// kept under `states`.
    pub async fn of(
        engine: &Engine,
        (stack, tree): (StackId, Tree),
        (config, states): (&RepoConfig, &Path),
        (dir, control): (PathBuf, &Control<'_>),
    ) -> Result<Self, engine::Error> {
        let unusable =
            |what: &str, why: String| engine::Error::Unreadable { what: what.into(), why };
        let backend = backend(&config.backend, &tree.state_key, states)
            .map_err(|why| unusable("the backend settings", why))?;
        let both = format!("{}, {}", tree.engine, config.engine.version);
        let constraint = if config.engine.version == "*" { &tree.engine } else { &both };
        let binary = engine.binary(constraint, control).await?;
        let mut providers = BTreeMap::new();
        for (source, locked) in &tree.providers {
            let version = semver::Version::parse(&locked.version).map_err(|why| {
                unusable(&format!("the lock's version of `{source}`"), why.to_string())
            })?;
            let hashes = locked.hashes.clone();
            providers.insert(source.clone(), ProviderLock { version, hashes });
        }
        Ok(Self { stack, tree, binary, backend, providers, dir })
    }

    pub fn root<'a>(
        &'a self,
        env: &'a BTreeMap<String, OsString>,
        secrets: &'a Secrets,
    ) -> Root<'a> {
        Root {
            binary: &self.binary,
            dir: &self.dir,
            files: &self.tree.files,
            providers: &self.providers,
            backend: &self.backend,
            env,
            secrets,
        }
    }

    /// Addresses in protected slots that a plan deletes or replaces.
    pub fn protected(&self, plan: &Plan) -> BTreeSet<String> {
        let changes = protected_changes(plan, &self.tree.protect);
        changes.iter().map(|change| change.address.clone()).collect()
    }
}
