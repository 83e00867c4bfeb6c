//! `planwright/echo`, the provider in `tests/provider`, which keeps resources as files.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use planwright_engine::{Control, Engine, ProviderLock, Settings, WarmSettings};

use super::engine::{Stack, settings};

const SOURCE: &str = "planwright/echo";

/// A directory in which resources are files. A test can change them behind the engine's back.
pub struct Echo(TempDir);

impl Echo {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(format!("{name}.json"))
    }

    /// Returns the file of a resource, with `content`, `tags` and `secret`, if it exists.
    pub fn read(&self, name: &str) -> Option<Json> {
        fs::read(self.file(name)).ok().map(|bytes| serde_json::from_slice(&bytes).unwrap())
    }

    pub fn write(&self, name: &str, thing: &Json) {
        fs::write(self.file(name), thing.to_string()).unwrap();
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.file(name)).unwrap();
    }

    /// Returns a root module with `blocks` and what the provider needs.
    pub fn tree(&self, blocks: &Json) -> Json {
        let mut tree = json!({
            "terraform": {"required_providers": {
                "echo": {"source": SOURCE, "version": "1.0.0"},
            }},
            "provider": {"echo": {"path": self.path()}},
        });
        for (name, block) in blocks.as_object().unwrap() {
            tree[name] = block.clone();
        }
        tree
    }

    /// Returns a stack of such a root module, whose provider is never kept.
    pub async fn stack(&self, engine: &str, blocks: &Json) -> Stack {
        self.warm_stack(engine, blocks, |warm| warm.providers.clear()).await
    }

    /// Returns a stack whose provider may be kept; `set` changes the settings for that.
    pub async fn warm_stack(
        &self,
        engine: &str,
        blocks: &Json,
        set: impl FnOnce(&mut WarmSettings),
    ) -> Stack {
        self.stack_with(engine, blocks, |settings| set(&mut settings.warm)).await
    }

    /// Returns a stack whose provider may be kept; `set` changes any of the settings.
    pub async fn stack_with(
        &self,
        engine: &str,
        blocks: &Json,
        set: impl FnOnce(&mut Settings),
    ) -> Stack {
        let mut stack = Stack::with(engine, &self.tree(blocks), |settings| {
            settings.warm.providers = [SOURCE.to_owned()].into();
            set(settings);
        })
        .await;
        stack.providers.insert(SOURCE.into(), lock(&stack.engine).await);
        stack
    }

    /// Returns the package `files` and a stack `files` of it, as texts by their path in a
    /// repository.
    pub async fn package(&self, engine: &str) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        let dir = tempfile::tempdir().unwrap();
        let lock = lock(&Engine::new(settings(engine, dir.path()))).await;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packages");
        for entry in walkdir::WalkDir::new(folder.join("files")) {
            let entry = entry.unwrap();
            if entry.file_type().is_file() {
                let path = entry.path().strip_prefix(&folder).unwrap().to_str().unwrap();
                let text = fs::read_to_string(entry.path()).unwrap();
                let text = text.replace("HASH", &lock.hashes[0]);
                files.insert(format!("packages/{path}"), text);
            }
        }
        let stack = format!(
            "apiVersion: planwright.dev/v1\nkind: Stack\npackage: packages/files\n\
             version: \"^0.1\"\nparams:\n  path: {}\n  texts:\n    one: first\n    two: second\n",
            self.path().display()
        );
        files.insert("stacks/files/stack.yaml".into(), stack);
        files
    }
}

/// Returns the lock of the provider as it was built on this machine: its hash is not the same on
/// all.
async fn lock(engine: &Engine) -> ProviderLock {
    let control = Control::default();
    let binary = engine.binary(">=1.9, <2", &control).await.unwrap();
    let required = [(SOURCE.to_owned(), "1.0.0".to_owned())].into();
    engine.provider_locks(&binary, &required, &control).await.unwrap().remove(SOURCE).unwrap()
}
