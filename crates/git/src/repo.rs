//! A repository, bare or with a checkout, and its history. Blocking.

use std::path::Path;

use git2::{Commit, Oid, Repository};

use planwright_core::names::Sha;

use super::error::{Error, Result, lookup};

/// An open repository. All results are owned data. Nothing is written except the tree of a merge.
pub struct Repo(pub(super) Repository);

impl std::fmt::Debug for Repo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Repo").field(&self.0.path()).finish()
    }
}

impl Repo {
    /// Opens the repository at exactly this path.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self(Repository::open(path)?))
    }

    /// Opens the repository that contains `path`, for work on a local checkout.
    pub fn discover(path: &Path) -> Result<Self> {
        let what = format!("`{}` (no git repository in it or above it)", path.display());
        Repository::discover(path).map(Self).map_err(lookup(what))
    }

    /// Returns the root of the checkout, or `None` in a bare repository.
    pub fn workdir(&self) -> Option<&Path> {
        self.0.workdir()
    }

    /// Resolves a revision as git does, such as `HEAD~1` or `origin/main`.
    pub fn commit(&self, revision: &str) -> Result<Sha> {
        let object = self.0.revparse_single(revision).map_err(lookup(revision))?;
        let commit = object
            .peel_to_commit()
            .map_err(|_| Error::Failed(format!("`{revision}` is no commit")))?;
        sha(commit.id())
    }

    /// Returns the tree of a commit.
    pub fn tree(&self, commit: &Sha) -> Result<Sha> {
        // The tree is looked up, so that a missing one is noticed as damage here.
        sha(self.find_commit(commit)?.tree()?.id())
    }

    /// Returns the first parent. Fails with [`Error::Missing`] if there is none.
    pub fn parent(&self, commit: &Sha) -> Result<Sha> {
        let parent = self.find_commit(commit)?.parent_id(0);
        sha(parent.map_err(lookup(format!("a parent of {commit}")))?)
    }

    /// Returns the best common ancestor. Fails with [`Error::Missing`] if there is none.
    pub fn merge_base(&self, one: &Sha, other: &Sha) -> Result<Sha> {
        let (one_id, other_id) = (self.find_commit(one)?.id(), self.find_commit(other)?.id());
        let what = format!("a common ancestor of {one} and {other}");
        sha(self.0.merge_base(one_id, other_id).map_err(lookup(what))?)
    }

    /// Returns whether `descendant` is `ancestor`, or has it in its history.
    pub fn is_ancestor(&self, ancestor: &Sha, descendant: &Sha) -> Result<bool> {
        let (old, new) = (self.find_commit(ancestor)?.id(), self.find_commit(descendant)?.id());
        Ok(old == new || self.0.graph_descendant_of(new, old)?)
    }

    pub(super) fn find_commit(&self, commit: &Sha) -> Result<Commit<'_>> {
        self.0.find_commit(oid(commit)?).map_err(lookup(format!("commit {commit}")))
    }
}

pub(super) fn oid(sha: &Sha) -> Result<Oid> {
    Ok(Oid::from_str(sha.as_str())?)
}

pub(super) fn sha(oid: Oid) -> Result<Sha> {
    Sha::parse(oid.to_string()).map_err(|e| Error::Failed(e.to_string()))
}
