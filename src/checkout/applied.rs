//! The last applied tree of each stack, kept under `.planwright/applied/` so that it can be planned
//! again: for drift, for outputs, and to destroy a stack whose files are gone.
//!
//! It holds the tree and its locks, but no plan or state. One file per stack, replaced as a whole.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use planwright_core::{names::StackId, repo_config::Backend};
use planwright_engine as engine;
use planwright_package::lock::ProviderLock;

use super::Error;
use crate::flow::work::Tree;

const FOLDER: &str = "applied";
const FILE: &str = "applied.json";

/// The last applied tree of a stack, and the backend of its state.
#[derive(Debug, PartialEq, Eq)]
pub struct Applied {
    pub tree: Tree,
    backend: Backend,
}

/// The content of the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    backend: Backend,
    state_key: String,
    engine: String,
    protect: BTreeSet<String>,
    providers: BTreeMap<String, ProviderLock>,
    files: BTreeMap<String, Content>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Content {
    Text(String),
    Base64(String),
}

impl Applied {
    pub fn new(tree: Tree, backend: &Backend) -> Self {
        Self { tree, backend: backend.clone() }
    }

    /// Returns the stacks of which something was applied.
    pub fn all(dir: &Path) -> Result<BTreeSet<StackId>, Error> {
        let folder = dir.join(FOLDER);
        let mut all = BTreeSet::new();
        if !folder.is_dir() {
            return Ok(all);
        }
        for entry in walkdir::WalkDir::new(&folder) {
            let entry = entry.with_context(|| format!("{} cannot be read", folder.display()))?;
            let parent = entry.path().parent().and_then(|parent| parent.strip_prefix(&folder).ok());
            if let Some(parent) = parent.filter(|_| entry.file_name() == FILE) {
                let id = StackId::parse(&parent.to_string_lossy());
                all.insert(id.with_context(|| format!("{}", entry.path().display()))?);
            }
        }
        Ok(all)
    }

    /// Returns the last applied tree, if there is one. Fails if the record cannot be read: it may
    /// describe real resources.
    pub fn read(dir: &Path, stack: &StackId) -> Result<Option<Self>, engine::Error> {
        let path = file(dir, stack);
        let unusable = |why: String| engine::Error::Unreadable {
            what: format!("the record of the last apply, {}", path.display()),
            why,
        };
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(|error| unusable(error.to_string()))?,
        };
        let document: Document =
            serde_json::from_slice(&bytes).map_err(|error| unusable(error.to_string()))?;
        let mut files = BTreeMap::new();
        for (path, content) in document.files {
            let bytes = match content {
                Content::Text(text) => text.into_bytes(),
                Content::Base64(text) => {
                    STANDARD.decode(text).map_err(|error| unusable(error.to_string()))?
                }
            };
            files.insert(path, bytes);
        }
        let tree = Tree {
            files,
            providers: document.providers,
            engine: document.engine,
            state_key: document.state_key,
            protect: document.protect,
        };
        Ok(Some(Self { tree, backend: document.backend }))
    }

    pub fn write(self, dir: &Path, stack: &StackId) -> Result<(), engine::Error> {
        let path = file(dir, stack);
        let content = |bytes: Vec<u8>| match String::from_utf8(bytes) {
            Ok(text) => Content::Text(text),
            Err(error) => Content::Base64(STANDARD.encode(error.as_bytes())),
        };
        let files = self.tree.files.into_iter().map(|(path, bytes)| (path, content(bytes)));
        let document = Document {
            files: files.collect(),
            backend: self.backend,
            state_key: self.tree.state_key,
            engine: self.tree.engine,
            protect: self.tree.protect,
            providers: self.tree.providers,
        };
        let folder = path.parent().unwrap_or(dir);
        let written = fs::create_dir_all(folder)
            .and_then(|()| tempfile::NamedTempFile::new_in(folder))
            .and_then(|mut aside| {
                aside.write_all(&serde_json::to_vec_pretty(&document)?)?;
                aside.as_file().sync_all()?;
                aside.persist(&path).map_err(|error| error.error)
            });
        let what = || format!("writing {}", path.display());
        written.map(drop).map_err(|source| engine::Error::Io { what: what(), source })
    }

    pub fn remove(dir: &Path, stack: &StackId) -> Result<(), engine::Error> {
        let path = file(dir, stack);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                let what = format!("removing {}", path.display());
                Err(engine::Error::Io { what, source })
            }
            _ => Ok(()),
        }
    }

    /// Fails if the state would be looked for in another place than where the last apply left it:
    /// the engine would find nothing there and create everything a second time.
    pub fn is_where(
        &self,
        stack: &StackId,
        state_key: &str,
        backend: &Backend,
    ) -> Result<(), engine::Error> {
        let (was, is) = (&self.tree.state_key, state_key);
        let moved = if was != is {
            format!("the state key was `{was}` and is now `{is}`")
        } else if self.backend != *backend {
            format!("`backend` in planwright.yaml was `{}`, with other settings", self.backend.kind)
        } else {
            return Ok(());
        };
        Err(engine::Error::Unreadable {
            what: format!("the state of `{stack}`"),
            why: format!(
                "since its last apply, {moved}. Planwright does not move states: take that back, or \
                 move the state yourself and then remove .planwright/{FOLDER}/{stack}"
            ),
        })
    }
}

fn file(dir: &Path, stack: &StackId) -> PathBuf {
    dir.join(FOLDER).join(stack.to_string()).join(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied() -> Applied {
        let files = [("main.tf.json", b"{}".to_vec()), ("x.bin", vec![0xff, 0])];
        let hashes = vec!["h1:x".to_owned()];
        let provider = ProviderLock { version: "1.0.0".into(), hashes };
        let tree = Tree {
            files: files.map(|(path, bytes)| (path.to_owned(), bytes)).into(),
            providers: [("hashicorp/aws".to_owned(), provider)].into(),
            engine: ">=1.9, <2".into(),
            state_key: "web/prod".into(),
            protect: ["bucket".to_owned()].into(),
        };
        Applied::new(tree, &local())
    }

    fn local() -> Backend {
        Backend { kind: "local".into(), config: BTreeMap::new() }
    }

    #[test]
    fn what_was_applied_comes_back_byte_by_byte() {
        let dir = tempfile::tempdir().unwrap();
        let stack = StackId::parse("web/prod").unwrap();
        assert_eq!(Applied::read(dir.path(), &stack).unwrap(), None);
        applied().write(dir.path(), &stack).unwrap();
        assert_eq!(Applied::read(dir.path(), &stack).unwrap(), Some(applied()));
        assert_eq!(Applied::all(dir.path()).unwrap(), [stack.clone()].into());
        Applied::remove(dir.path(), &stack).unwrap();
        assert_eq!(Applied::read(dir.path(), &stack).unwrap(), None);
        assert!(Applied::all(dir.path()).unwrap().is_empty());
    }

    #[test]
    fn a_record_that_cannot_be_read_is_an_error_and_not_never_applied() {
        let dir = tempfile::tempdir().unwrap();
        let stack = StackId::parse("web").unwrap();
        applied().write(dir.path(), &stack).unwrap();
        fs::write(file(dir.path(), &stack), "{}").unwrap();
        assert!(Applied::read(dir.path(), &stack).is_err());
    }

    #[test]
    fn a_state_that_would_be_looked_for_elsewhere_is_refused() {
        let stack = StackId::parse("web/prod").unwrap();
        assert!(applied().is_where(&stack, "web/prod", &local()).is_ok());
        assert!(applied().is_where(&stack, "web/other", &local()).is_err());
        let s3 = Backend { kind: "s3".into(), ..local() };
        assert!(applied().is_where(&stack, "web/prod", &s3).is_err());
    }
}
