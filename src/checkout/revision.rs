//! A revision of the checkout's git repository as [`Files`].
//!
//! Read through the crate `git`; nothing is checked out.

use std::path::Path;

use anyhow::Context as _;

use planwright_core::names::Sha;
use planwright_git as git;
use planwright_git::{EntryKind, Repo};
use planwright_package::files::{Files, FilesError};

use super::Error;

pub struct Revision {
    repo: Repo,
    tree: Sha,
    /// The checkout's folder within the repository, with a trailing `/`, or empty.
    prefix: String,
}

impl Revision {
    /// Opens `revision` (a branch, tag or commit) at the folder `root`.
    pub fn open(root: &Path, revision: &str) -> Result<Self, Error> {
        let repo = Repo::discover(root).map_err(|e| match e {
            git::Error::Missing(_) => Error::Usage(format!(
                "{} is in no git repository, so there is no revision to compare with",
                root.display()
            )),
            e => Error::Usage(format!("the git repository of {}: {e}", root.display())),
        })?;
        let tree = repo.commit(revision).and_then(|commit| repo.tree(&commit)).map_err(|e| {
            Error::Usage(match e {
                git::Error::Missing(_) => format!("there is no revision `{revision}` here"),
                e => format!("the revision `{revision}`: {e}"),
            })
        })?;
        let top = repo.workdir().context("a bare repository has no checkout")?;
        let top = top.canonicalize().context("the repository's directory cannot be read")?;
        let root = root.canonicalize().context("the checkout's directory cannot be read")?;
        let below = root.strip_prefix(&top).unwrap_or(Path::new("")).to_string_lossy().into_owned();
        let prefix = if below.is_empty() { below } else { below + "/" };
        Ok(Self { repo, tree, prefix })
    }
}

impl Files for Revision {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FilesError> {
        let full = format!("{}{path}", self.prefix);
        self.repo.read(&self.tree, &full).map_err(|e| refused(path, &e))
    }

    fn paths(&self, under: &str) -> Result<Vec<String>, FilesError> {
        let folder = format!("{}{under}", self.prefix);
        let entries = self
            .repo
            .paths(&self.tree, folder.trim_end_matches('/'))
            .map_err(|e| refused(under, &e))?;
        let relative = |path: String| match path.strip_prefix(&self.prefix) {
            Some(path) => path.to_owned(),
            None => path,
        };
        entries
            .into_iter()
            .map(|entry| match entry.kind {
                EntryKind::File | EntryKind::Executable => Ok(relative(entry.path)),
                _ => Err(FilesError::NotRegular { path: relative(entry.path) }),
            })
            .collect()
    }
}

fn refused(path: &str, why: &git::Error) -> FilesError {
    match why {
        git::Error::Refused { .. } => FilesError::NotRegular { path: path.into() },
        why => FilesError::Unreadable { path: path.into(), why: why.to_string() },
    }
}
