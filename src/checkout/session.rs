//! What the commands that run the engine share: the engine, the user's environment, and the folders
//! under `.planwright/`.
//!
//! `.planwright/` is private and never committed. It holds states of a local backend, last applied
//! trees, work directories, providers, and the key for HMACs of sensitive values.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use futures::future::join_all;
use tokio_util::sync::CancellationToken;

use planwright_core::names::StackId;
use planwright_engine as engine;
use planwright_engine::{Control, Engine, Root, Secrets};
use planwright_package::repository;

use super::{Checkout, Environment, Error, applied::Applied, named};
use crate::flow::work::{Home, Site, Tree, Work};

/// Called with each line of the engine's output about a stack.
pub type Log = dyn Fn(&StackId, &str) + Send + Sync;

/// The user at the terminal.
pub struct Person {
    pub environment: BTreeMap<String, OsString>,
    /// The engine that they name; if `None`, the first of `tofu` and `terraform` on their path.
    pub engine: Option<PathBuf>,
    /// Cancelled when they want to stop.
    pub cancel: CancellationToken,
    pub log: Box<Log>,
}

/// A running command with an engine.
pub struct Session<'a> {
    pub checkout: &'a Checkout,
    pub engine: Engine,
    pub cancel: CancellationToken,
    secrets: Secrets,
    /// No stack gets variables in addition to those of every child.
    no_more: BTreeMap<String, OsString>,
    log: Box<Log>,
    /// The path of `.planwright`.
    dir: PathBuf,
}

/// A result for each stack; errors are worded for the user.
pub type PerStack<T> = Vec<(StackId, Result<T, String>)>;

impl<'a> Session<'a> {
    pub fn new(checkout: &'a Checkout, person: Person) -> Result<Self, Error> {
        let dir = checkout.root.join(".planwright");
        private_dir(&dir)?;
        let environment = Environment::new(&person.environment)?;
        let path = |name: &str| person.environment.get(name).map(PathBuf::from);
        let settings = engine::Settings {
            binary: person.engine,
            path: person.environment.get("PATH").cloned().unwrap_or_default(),
            home: path("HOME"),
            cli_config: path("TF_CLI_CONFIG_FILE"),
            plugin_cache: Some(path("TF_PLUGIN_CACHE_DIR").unwrap_or(dir.join("providers"))),
            work: dir.join("work"),
            tmp: std::env::temp_dir(),
            environment: environment.variables,
            key: engine::ensure_digest_key(&dir.join("digest.key")).map_err(anyhow::Error::from)?,
            limits: engine::Limits::default(),
            concurrency: None,
            warm: engine::WarmSettings::trusted(),
        };
        Ok(Self {
            checkout,
            engine: Engine::new(settings),
            cancel: person.cancel,
            secrets: environment.secrets,
            no_more: BTreeMap::new(),
            log: person.log,
            dir,
        })
    }

    /// Returns the named stacks, out of those that exist here and those that were applied from
    /// here.
    pub fn known(&self, names: &[String]) -> Result<Vec<StackId>, Error> {
        let mut all: BTreeSet<StackId> = repository::stacks(&self.checkout.files)?.0;
        all.extend(Applied::all(&self.dir)?);
        named(&all, names)
    }

    /// Calls `work` for each stack, as many at a time as the engine allows.
    ///
    /// Fails as a whole if it is cancelled, or if no engine is found.
    pub async fn each<S, T>(
        &self,
        stacks: Vec<(StackId, S)>,
        work: impl AsyncFn(StackId, S) -> Result<T, engine::Error>,
    ) -> Result<PerStack<T>, Error> {
        let work = &work;
        let all = stacks
            .into_iter()
            .map(|(stack, given)| async move { (stack.clone(), work(stack, given).await) });
        let all = join_all(all).await;
        if self.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let mut told = Vec::new();
        for (stack, done) in all {
            if let Err(error @ engine::Error::NotFound { .. }) = &done {
                let flag = "`--engine PATH` or PLANWRIGHT_ENGINE";
                return Err(Error::Refused(format!("{error}: {flag}")));
            }
            told.push((stack, done.map_err(|error| error.to_string())));
        }
        Ok(told)
    }

    /// Returns a tree with everything that the engine needs to work on it.
    pub async fn work(&self, stack: StackId, tree: Tree) -> Result<Work, engine::Error> {
        let config = &self.checkout.config;
        if let Some(applied) = self.applied(&stack)? {
            applied.is_where(&stack, &tree.state_key, &config.backend)?;
        }
        let dir = self.dir.join("work").join(stack.to_string());
        let control = Control { cancel: self.cancel.clone(), ..Control::default() };
        let states = self.dir.join("state");
        let repository = self.checkout.root.display().to_string();
        let home = Home { repository: &repository, config, states: &states };
        Work::open(&self.engine, Site { home, stack, dir }, tree, &control).await
    }

    pub fn root<'w>(&'w self, work: &'w Work) -> Root<'w> {
        work.root(&self.no_more, &self.secrets)
    }

    /// Returns the callback for the engine's output about `stack`.
    pub fn log<'s>(&'s self, stack: &'s StackId) -> impl Fn(&str) + Send + Sync + 's {
        move |line| (self.log)(stack, line)
    }

    /// Returns what was last applied of a stack.
    pub fn applied(&self, stack: &StackId) -> Result<Option<Applied>, engine::Error> {
        Applied::read(&self.dir, stack)
    }

    /// Records a tree as the last applied one, or removes the record if the stack was destroyed.
    pub fn record(&self, work: &Work, is_destroyed: bool) -> Result<(), engine::Error> {
        if is_destroyed {
            return Applied::remove(&self.dir, &work.stack);
        }
        Applied::new(work.tree.clone(), &self.checkout.config.backend).write(&self.dir, &work.stack)
    }
}

/// Creates a directory that only its owner can read and that git ignores.
fn private_dir(dir: &Path) -> Result<(), Error> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.with_context(|| format!("{} cannot be made", dir.display()))?;
    let ignore = dir.join(".gitignore");
    if !ignore.exists() {
        fs::write(&ignore, "*\n")
            .with_context(|| format!("{} cannot be written", ignore.display()))?;
    }
    Ok(())
}
