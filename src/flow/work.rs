//! One stack that is ready for the engine, either rendered just now or kept from an apply.
//!
//! Shared by the bot and the command line. Whether it may be planned or applied, and what happens
//! with the result, is up to the callers.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    path::{Path, PathBuf},
};

use planwright_core::{
    names::StackId,
    plan::Plan,
    provider_types::Types,
    repo_config::{EngineRule, FILE, RepoConfig},
    verdict::protected_changes,
};
use planwright_engine as engine;
use planwright_engine::{Binary, Control, Engine, ProviderLock, Root, Secrets, Sharing};
use planwright_package::{Prepared, lock, provider_usage, repository::lock_file};

use crate::flow::backend::backend;

/// What a plan of a stack is made from, apart from its state and the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    pub files: BTreeMap<String, Vec<u8>>,
    /// Providers by source; only those that the selected variants use.
    pub providers: BTreeMap<String, lock::ProviderLock>,
    /// The range of engine versions in the lock.
    pub engine: String,
    pub state_key: String,
    /// Slots whose resources are only deleted or replaced if a person allows it by address.
    pub protect: BTreeSet<String>,
}

impl Tree {
    pub fn new(prepared: &Prepared) -> Self {
        Self {
            files: prepared.rendered.files.clone(),
            providers: prepared.providers(),
            engine: prepared.lock.engine.clone(),
            state_key: prepared.lock.state_key.clone(),
            protect: prepared.package.manifest.protect.iter().cloned().collect(),
        }
    }
}

/// A tree with its engine, the backend of its state, and a work directory.
pub struct Work {
    pub stack: StackId,
    pub tree: Tree,
    pub binary: Binary,
    pub backend: engine::Backend,
    providers: BTreeMap<String, ProviderLock>,
    /// What its modules use, by source of the provider.
    pub types: BTreeMap<String, Types>,
    repository: String,
    rule: EngineRule,
    dir: PathBuf,
}

/// What all stacks of a repository share.
#[derive(Clone, Copy)]
pub struct Home<'a> {
    /// A unique name of the repository.
    pub repository: &'a str,
    pub config: &'a RepoConfig,
    /// The directory of the states of a local backend.
    pub states: &'a Path,
}

/// The stack to work on, and its work directory.
pub struct Site<'a> {
    pub home: Home<'a>,
    pub stack: StackId,
    pub dir: PathBuf,
}

/// The ranges of engine versions that apply to a stack.
#[derive(Clone, Copy)]
struct Ranges<'a> {
    package: &'a str,
    repository: &'a str,
}

impl Work {
    /// Finds the engine and the backend. Errors are worded for people.
    pub async fn open(
        engine: &Engine,
        Site { home, stack, dir }: Site<'_>,
        tree: Tree,
        control: &Control<'_>,
    ) -> Result<Self, engine::Error> {
        let Home { repository, config, states } = home;
        let unusable =
            |what: &str, why: String| engine::Error::Unreadable { what: what.into(), why };
        let backend = backend(&config.backend, &tree.state_key, states)
            .map_err(|why| unusable("the backend settings", why))?;
        let ranges = Ranges { package: &tree.engine, repository: &config.engine.version };
        let binary = engine.binary(&ranges.intersection(), control).await;
        let binary = binary.map_err(|error| wrong_version(error, &stack, ranges))?;
        let mut providers = BTreeMap::new();
        for (source, locked) in &tree.providers {
            let version = semver::Version::parse(&locked.version).map_err(|why| {
                unusable(&format!("the lock's version of `{source}`"), why.to_string())
            })?;
            let hashes = locked.hashes.clone();
            providers.insert(source.clone(), ProviderLock { version, hashes });
        }
        let types = provider_usage::types(&stack.to_string(), &tree.files).map_err(|findings| {
            let why: Vec<String> = findings.iter().map(ToString::to_string).collect();
            unusable("the rendered modules", why.join("\n"))
        })?;
        let (repository, rule) = (repository.to_owned(), config.engine.clone());
        Ok(Self { stack, tree, binary, backend, providers, types, repository, rule, dir })
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
            types: &self.types,
            backend: &self.backend,
            env,
            secrets,
            warm: Some(Sharing { repository: &self.repository, rule: &self.rule }),
        }
    }

    /// Returns the addresses of protected resources that a plan deletes or replaces.
    pub fn protected(&self, plan: &Plan) -> BTreeSet<String> {
        let changes = protected_changes(plan, &self.tree.protect);
        changes.iter().map(|change| change.address.clone()).collect()
    }
}

impl Ranges<'_> {
    /// Returns the range of versions that are in both ranges. `*` cannot be combined with another
    /// range, so it is left out.
    fn intersection(self) -> String {
        match (self.package, self.repository) {
            (one, "*") | ("*", one) => one.to_owned(),
            (one, other) => format!("{one}, {other}"),
        }
    }
}

/// Adds to the error where each range comes from, since only one of them may be the problem.
fn wrong_version(
    error: engine::Error,
    stack: &StackId,
    Ranges { package, repository }: Ranges<'_>,
) -> engine::Error {
    match error {
        engine::Error::WrongVersion { binary, version, .. } => {
            let wanted = format!(
                "`{package}` (`engine` in {}, from its package) and `{repository}` \
                 (`engine.version` in {FILE})",
                lock_file(stack)
            );
            engine::Error::WrongVersion { binary, version, wanted }
        }
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_gives_way_to_the_other_range() {
        for ((package, repository), expected) in [
            ((">=1.9, <2", ">=1.10"), ">=1.9, <2, >=1.10"),
            (("*", ">=1.10"), ">=1.10"),
            ((">=1.9", "*"), ">=1.9"),
            (("*", "*"), "*"),
        ] {
            assert_eq!(Ranges { package, repository }.intersection(), expected);
            assert!(semver::VersionReq::parse(expected).is_ok());
        }
    }
}
