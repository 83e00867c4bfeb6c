//! The two real engines, and small stacks for them.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Mutex,
};

use futures::FutureExt as _;
use serde_json::Value as Json;
use tempfile::TempDir;

use planwright_core::{provider_types::Types, repo_config::EngineRule};
use planwright_engine::{
    Backend, Binary, Control, Engine, Error, Limits, Mode, Planned, ProviderLock, Root, Secrets,
    Settings, Sharing,
};
use planwright_package::provider_usage;

/// Returns the path of a file below `target` that `tests/components` makes. Panics if it is
/// missing.
pub fn component(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target").join(path);
    assert!(path.exists(), "{} is missing: run tests/components", path.display());
    path
}

/// Returns the built `tofu`, or the `terraform` on the path.
pub fn binary(engine: &str) -> PathBuf {
    match engine {
        "tofu" => component("tools/tofu"),
        other => other.into(),
    }
}

/// Returns settings for one of the two engines, with its working directories in `dir`.
pub fn settings(engine: &str, dir: &Path) -> Settings {
    Settings {
        binary: Some(binary(engine)),
        path: std::env::var_os("PATH").unwrap(),
        home: None,
        cli_config: Some(component(&format!("tools/{engine}.rc"))),
        plugin_cache: Some(component("tools").join(format!("plugins-{engine}"))),
        work: dir.join("work"),
        tmp: std::env::temp_dir(),
        environment: BTreeMap::new(),
        key: b"one key for all roles".to_vec().into(),
        limits: Limits::default(),
        concurrency: None,
        warm: Default::default(),
    }
}

/// A stack, its engine, and the commands that were started for it.
pub struct Stack {
    pub engine: Engine,
    pub binary: Binary,
    pub files: BTreeMap<String, Vec<u8>>,
    pub providers: BTreeMap<String, ProviderLock>,
    pub types: BTreeMap<String, Types>,
    pub backend: Backend,
    pub env: BTreeMap<String, OsString>,
    pub secrets: Secrets,
    pub started: Mutex<Vec<&'static str>>,
    /// The repository and its rule, if providers may be kept.
    pub warm: Option<(String, EngineRule)>,
    pub dir: TempDir,
    settings: Settings,
}

impl Stack {
    /// Returns a stack of this root module, with a local state.
    pub async fn new(engine: &str, tree: &Json) -> Self {
        Self::with(engine, tree, |_| ()).await
    }

    /// Returns such a stack; `set` changes the settings.
    pub async fn with(engine: &str, tree: &Json, set: impl FnOnce(&mut Settings)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = settings(engine, dir.path());
        set(&mut settings);
        let engine = Engine::new(settings.clone());
        let binary = engine.binary(">=1.9, <2", &Control::default()).await.unwrap();
        let state = dir.path().join("state/terraform.tfstate");
        let mut stack = Self {
            engine,
            binary,
            files: BTreeMap::new(),
            providers: BTreeMap::new(),
            types: BTreeMap::new(),
            backend: Backend {
                kind: "local".into(),
                config: [("path".into(), state.display().to_string())].into(),
            },
            env: BTreeMap::new(),
            secrets: Secrets::default(),
            started: Mutex::default(),
            warm: None,
            dir,
            settings,
        };
        stack.tree(tree);
        stack
    }

    /// Replaces the engine adapter, with everything that it keeps, by a new one.
    pub fn restart(&mut self) {
        self.engine = Engine::new(self.settings.clone());
    }

    /// Replaces the root module; an empty local backend block is added.
    pub fn tree(&mut self, tree: &Json) {
        let mut tree = tree.clone();
        tree["terraform"]["backend"] = serde_json::json!({"local": {}});
        self.files.insert("main.tf.json".into(), tree.to_string().into());
        self.types = provider_usage::types("stack", &self.files).unwrap();
    }

    pub fn values(&mut self, values: &Json) {
        self.files.insert("terraform.tfvars.json".into(), values.to_string().into());
    }

    pub fn root<'a>(&'a self, dir: &'a Path) -> Root<'a> {
        Root {
            binary: &self.binary,
            dir,
            files: &self.files,
            providers: &self.providers,
            types: &self.types,
            backend: &self.backend,
            env: &self.env,
            secrets: &self.secrets,
            warm: self.warm.as_ref().map(|(repository, rule)| Sharing { repository, rule }),
        }
    }

    pub fn workdir(&self) -> PathBuf {
        self.dir.path().join("stack")
    }

    /// Plans, and records the commands that are started for it.
    pub async fn plan(&self, mode: Mode) -> Planned {
        self.plan_in(&self.workdir(), mode).await.unwrap()
    }

    /// Plans in another directory, and records the commands.
    pub async fn plan_in(&self, dir: &Path, mode: Mode) -> Result<Planned, Error> {
        let on_start = |command, _| {
            self.started.lock().unwrap().push(command);
            std::future::ready(()).boxed()
        };
        let control = Control { on_start: Some(&on_start), ..Control::default() };
        self.engine.plan(&self.root(dir), mode, &control).await
    }

    /// Plans and applies.
    pub async fn apply(&self) -> planwright_engine::Applied {
        let planned = self.plan(Mode::Normal).await;
        let workdir = self.workdir();
        self.engine.apply(&self.root(&workdir), planned, &Control::default()).await.unwrap()
    }

    /// Returns the commands that were started since the last call.
    pub fn started(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.started.lock().unwrap())
    }
}
