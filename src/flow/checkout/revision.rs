//! A revision of the checkout's own git repository as [`Files`].
//!
//! Reads trees and blobs only; mirrors, merges and diffs of paths are `git`'s.

use std::path::Path;

use anyhow::Context as _;
use git2::{ObjectType, Repository, Tree, TreeWalkMode, TreeWalkResult};

use crate::package::files::{Files, FilesError};

use super::Error;

pub struct Revision {
    repository: Repository,
    tree: git2::Oid,
    /// The checkout's folder within the repository, with a `/` at the end, or empty.
    prefix: String,
}

impl Revision {
    /// The tree of `revision` (a branch, tag or commit) at the folder `root`.
    pub fn open(root: &Path, revision: &str) -> Result<Self, Error> {
        let repository = Repository::discover(root).map_err(|e| {
            Error::Usage(format!("{} is in no git repository: {}", root.display(), e.message()))
        })?;
        let tree = repository
            .revparse_single(revision)
            .and_then(|object| object.peel_to_tree())
            .map_err(|e| {
                Error::Usage(format!("there is no revision `{revision}`: {}", e.message()))
            })?
            .id();
        let top = repository.workdir().context("a bare repository has no checkout")?;
        let top = top.canonicalize().context("the repository's directory cannot be read")?;
        let root = root.canonicalize().context("the checkout's directory cannot be read")?;
        let below = root.strip_prefix(&top).unwrap_or(Path::new("")).to_string_lossy().into_owned();
        let prefix = if below.is_empty() { below } else { below + "/" };
        Ok(Self { repository, tree, prefix })
    }

    fn tree(&self) -> Result<Tree<'_>, FilesError> {
        self.repository.find_tree(self.tree).map_err(|e| unreadable("", &e))
    }
}

impl Files for Revision {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FilesError> {
        let entry = match self.tree()?.get_path(Path::new(&format!("{}{path}", self.prefix))) {
            Ok(entry) => entry,
            Err(e) if e.code() == git2::ErrorCode::NotFound => return Ok(None),
            Err(e) => return Err(unreadable(path, &e)),
        };
        match (entry.kind(), entry.filemode()) {
            (Some(ObjectType::Tree), _) => Ok(None),
            (Some(ObjectType::Blob), 0o100_644 | 0o100_755) => {
                let blob =
                    self.repository.find_blob(entry.id()).map_err(|e| unreadable(path, &e))?;
                Ok(Some(blob.content().to_vec()))
            }
            _ => Err(FilesError::NotRegular { path: path.into() }),
        }
    }

    fn paths(&self, under: &str) -> Result<Vec<String>, FilesError> {
        let folder = format!("{}{under}", self.prefix);
        let top = self.tree()?;
        let tree = match folder.trim_end_matches('/') {
            "" => top,
            folder => match top.get_path(Path::new(folder)) {
                Ok(entry) if entry.kind() == Some(ObjectType::Tree) => {
                    self.repository.find_tree(entry.id()).map_err(|e| unreadable(under, &e))?
                }
                Ok(_) => return Ok(Vec::new()),
                Err(e) if e.code() == git2::ErrorCode::NotFound => return Ok(Vec::new()),
                Err(e) => return Err(unreadable(under, &e)),
            },
        };
        let mut paths = Vec::new();
        let mut refused = None;
        let walked = tree.walk(TreeWalkMode::PreOrder, |below, entry| {
            let Ok(name) = entry.name() else {
                refused = Some(FilesError::NotUtf8 { path: under.into() });
                return TreeWalkResult::Abort;
            };
            let separator = if under.is_empty() { "" } else { "/" };
            let path = format!("{under}{separator}{below}{name}");
            match (entry.kind(), entry.filemode()) {
                (Some(ObjectType::Tree), _) => {}
                (Some(ObjectType::Blob), 0o100_644 | 0o100_755) => paths.push(path),
                _ => {
                    refused = Some(FilesError::NotRegular { path });
                    return TreeWalkResult::Abort;
                }
            }
            TreeWalkResult::Ok
        });
        match (refused, walked) {
            (Some(error), _) => Err(error),
            (None, Err(e)) => Err(unreadable(under, &e)),
            (None, Ok(())) => {
                paths.sort();
                Ok(paths)
            }
        }
    }
}

fn unreadable(path: &str, why: &git2::Error) -> FilesError {
    FilesError::Unreadable { path: path.into(), why: why.message().into() }
}
