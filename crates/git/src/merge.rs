//! Merging two commits in memory, as GitHub would merge the pull request now.
//!
//! Only the tree is created: no commit, no ref, no checkout.

use std::collections::BTreeSet;

use git2::MergeOptions;

use planwright_core::names::Sha;

use super::{
    error::{Error, Result},
    repo::{Repo, sha},
    tree::utf8,
};

/// The result of a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merge {
    Tree(Sha),
    /// Both sides changed these paths, so a person has to resolve the conflict.
    Conflict {
        paths: BTreeSet<String>,
    },
}

impl Repo {
    /// Merges `head` into `base`. Fails with [`Error::Missing`] if they have no common ancestor.
    pub fn merge(&self, base: &Sha, head: &Sha) -> Result<Merge> {
        // libgit2 would merge unrelated histories as if both began with an empty tree.
        self.merge_base(base, head)?;
        let (ours, theirs) = (self.find_commit(base)?, self.find_commit(head)?);
        let mut options = MergeOptions::new();
        options.find_renames(true);
        let mut index = self.0.merge_commits(&ours, &theirs, Some(&options))?;
        let mut paths = BTreeSet::new();
        for conflict in index.conflicts()? {
            let conflict = conflict?;
            for side in [conflict.ancestor, conflict.our, conflict.their].into_iter().flatten() {
                paths.insert(utf8(&side.path)?);
            }
        }
        if !paths.is_empty() {
            return Ok(Merge::Conflict { paths });
        }
        if index.has_conflicts() {
            return Err(Error::Failed(format!(
                "merging {head} into {base}: conflicts without paths"
            )));
        }
        Ok(Merge::Tree(sha(index.write_tree_to(&self.0)?)?))
    }
}
