//! Bare git repositories: commits, merges and differences.
//!
//! Nothing here knows about pull requests, people or events.

pub mod authors;
pub mod diff;

use std::{collections::BTreeMap, path::Path};

use git2::{Commit, FileMode, Oid, Repository, Signature, Sort, Time, Tree};

type Result<T> = std::result::Result<T, git2::Error>;

/// A change of one file in a commit.
#[derive(Clone, Debug)]
pub enum FileChange {
    Write { path: String, contents: Vec<u8>, executable: bool },
    Delete { path: String },
    Symlink { path: String, target: String },
}

impl FileChange {
    pub fn path(&self) -> &str {
        match self {
            Self::Write { path, .. } | Self::Delete { path } | Self::Symlink { path, .. } => path,
        }
    }
}

/// Returns whether git accepts `name` as the name of a branch.
pub fn is_branch_name(name: &str) -> bool {
    git2::Branch::name_is_valid(name).unwrap_or(false)
}

/// A name, an e-mail address and a time in Unix seconds, as a commit records them.
#[derive(Clone, Debug)]
pub struct Stamp {
    pub name: String,
    pub email: String,
    pub second: i64,
}

impl Stamp {
    fn signature(&self) -> Result<Signature<'static>> {
        Signature::new(&self.name, &self.email, &Time::new(self.second, 0))
    }
}

/// The message, author and committer of a commit.
#[derive(Clone, Debug)]
pub struct CommitMeta {
    pub message: String,
    pub author: Stamp,
    pub committer: Stamp,
}

/// A commit, with the paths that it changes against its first parent.
#[derive(Clone, Debug)]
pub struct CommitInfo {
    pub sha: String,
    pub tree: String,
    pub message: String,
    pub author: Stamp,
    pub committer: Stamp,
    pub parents: Vec<String>,
    pub added: Vec<String>,
    pub removed: Vec<String>,
    pub modified: Vec<String>,
}

/// The size of the difference between two trees; additions and deletions are lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiffStat {
    pub additions: usize,
    pub deletions: usize,
    pub changed_files: usize,
}

/// The contents of a file before and after a change; `None` if the file does not exist.
#[derive(Clone, Debug)]
pub struct ChangedFile {
    pub path: String,
    pub old: Option<Vec<u8>>,
    pub new: Option<Vec<u8>>,
}

pub struct GitRepo(Repository);

impl GitRepo {
    /// Creates a bare repository that is configured like GitHub's: any commit may be fetched by its
    /// id, and nobody may push to the refs of pull requests.
    pub fn create(path: &Path, default_branch: &str) -> Result<Self> {
        let repository = Repository::init_bare(path)?;
        repository.set_head(&format!("refs/heads/{default_branch}"))?;
        let mut config = repository.config()?;
        config.set_bool("uploadpack.allowAnySHA1InWant", true)?;
        config.set_bool("uploadpack.allowFilter", true)?;
        config.set_str("receive.hideRefs", "refs/pull")?;
        Ok(Self(repository))
    }

    pub fn open(path: &Path) -> Result<Self> {
        Repository::open_bare(path).map(Self)
    }

    pub fn branches(&self) -> Result<BTreeMap<String, String>> {
        let mut branches = BTreeMap::new();
        for reference in self.0.references_glob("refs/heads/*")? {
            let reference = reference?;
            if let (Ok(name), Some(target)) = (reference.name(), reference.target()) {
                branches
                    .insert(name.trim_start_matches("refs/heads/").to_owned(), target.to_string());
            }
        }
        Ok(branches)
    }

    /// Points the full ref `name` to `sha`, or deletes it if that is `None`.
    pub fn set_ref(&self, name: &str, sha: Option<&str>) -> Result<()> {
        match sha {
            Some(sha) => self.0.reference(name, Oid::from_str(sha)?, true, "fakehub").map(drop),
            None => self.0.find_reference(name)?.delete(),
        }
    }

    /// Fetches `sha`, a commit id or full ref, from another repository on this disk, and points the
    /// full ref `into` to it.
    pub fn fetch(&self, from: &Path, sha: &str, into: &str) -> Result<()> {
        let from = from.to_string_lossy();
        self.0.remote_anonymous(&from)?.fetch(&[format!("+{sha}:{into}")], None, None)
    }

    /// Returns the id of the commit that a branch name, full ref or (abbreviated) id stands for.
    pub fn resolve(&self, name: &str) -> Option<String> {
        [format!("refs/heads/{name}"), name.to_owned()].iter().find_map(|spec| {
            let object = self.0.revparse_single(spec).ok()?;
            Some(object.peel_to_commit().ok()?.id().to_string())
        })
    }

    /// Creates a commit with `changes` on top of `parent`, or without a parent. Returns its id.
    ///
    /// No ref points to it yet.
    pub fn commit(
        &self,
        parent: Option<&str>,
        changes: &[FileChange],
        meta: &CommitMeta,
    ) -> Result<String> {
        let parents = parent.map(|sha| self.find(sha)).transpose()?;
        let base = match &parents {
            Some(parent) => parent.tree()?,
            None => self.0.find_tree(self.0.treebuilder(None)?.write()?)?,
        };
        let mut update = git2::build::TreeUpdateBuilder::new();
        for change in changes {
            match change {
                FileChange::Write { path, contents, executable } => {
                    let mode = if *executable { FileMode::BlobExecutable } else { FileMode::Blob };
                    update.upsert(path.as_str(), self.0.blob(contents)?, mode);
                }
                FileChange::Delete { path } => {
                    update.remove(path.as_str());
                }
                FileChange::Symlink { path, target } => {
                    update.upsert(path.as_str(), self.0.blob(target.as_bytes())?, FileMode::Link);
                }
            }
        }
        let tree = self.0.find_tree(update.create_updated(&self.0, &base)?)?;
        self.write(&tree, &parents.iter().collect::<Vec<_>>(), meta)
    }

    /// Creates a merge commit of `head` into `base`. Returns its id, or `None` if they conflict.
    pub fn merge(&self, base: &str, head: &str, meta: &CommitMeta) -> Result<Option<String>> {
        let (base, head) = (self.find(base)?, self.find(head)?);
        let Some(tree) = self.merged_tree(&base, &head)? else { return Ok(None) };
        self.write(&tree, &[&base, &head], meta).map(Some)
    }

    /// Creates one commit on `base` with all changes of `head`. Returns its id, or `None` if they
    /// conflict.
    pub fn squash(&self, base: &str, head: &str, meta: &CommitMeta) -> Result<Option<String>> {
        let (base, head) = (self.find(base)?, self.find(head)?);
        let Some(tree) = self.merged_tree(&base, &head)? else { return Ok(None) };
        self.write(&tree, &[&base], meta).map(Some)
    }

    /// Copies the commits of `head` that are not in `base` onto `base`. Returns the id of the last
    /// copy, or `None` if one conflicts.
    pub fn rebase(&self, base: &str, head: &str, committer: &Stamp) -> Result<Option<String>> {
        let mut onto = self.find(base)?;
        for sha in self.between(base, head)? {
            let commit = self.find(&sha)?;
            let mut index = self.0.cherrypick_commit(&commit, &onto, 0, None)?;
            if index.has_conflicts() {
                return Ok(None);
            }
            let tree = self.0.find_tree(index.write_tree_to(&self.0)?)?;
            let meta = CommitMeta {
                message: text(commit.message_bytes()),
                author: stamp(&commit.author()),
                committer: committer.clone(),
            };
            onto = self.find(&self.write(&tree, &[&onto], &meta)?)?;
        }
        Ok(Some(onto.id().to_string()))
    }

    /// Creates a commit on `onto` that reverts `sha`. Returns its id, or `None` if that conflicts.
    #[cfg(feature = "testing")]
    pub fn revert(&self, onto: &str, sha: &str, meta: &CommitMeta) -> Result<Option<String>> {
        let (onto, commit) = (self.find(onto)?, self.find(sha)?);
        let mainline = u32::from(commit.parent_count() > 1);
        let mut index = self.0.revert_commit(&commit, &onto, mainline, None)?;
        if index.has_conflicts() {
            return Ok(None);
        }
        let tree = self.0.find_tree(index.write_tree_to(&self.0)?)?;
        self.write(&tree, &[&onto], meta).map(Some)
    }

    /// Creates a copy of a commit with further changes in it. Returns its id.
    #[cfg(feature = "testing")]
    pub fn amend(&self, sha: &str, changes: &[FileChange], meta: &CommitMeta) -> Result<String> {
        let changed = self.commit(Some(sha), changes, meta)?;
        let parents: Vec<Commit<'_>> = self.find(sha)?.parents().collect();
        self.write(&self.find(&changed)?.tree()?, &parents.iter().collect::<Vec<_>>(), meta)
    }

    pub fn is_mergeable(&self, base: &str, head: &str) -> Result<bool> {
        Ok(self.merged_tree(&self.find(base)?, &self.find(head)?)?.is_some())
    }

    pub fn is_ancestor(&self, old: &str, new: &str) -> Result<bool> {
        Ok(old == new || self.0.graph_descendant_of(Oid::from_str(new)?, Oid::from_str(old)?)?)
    }

    /// Returns the ids of the commits in `head` that are not in `base`, oldest first.
    pub fn between(&self, base: &str, head: &str) -> Result<Vec<String>> {
        let mut walk = self.0.revwalk()?;
        walk.set_sorting(Sort::TOPOLOGICAL | Sort::REVERSE)?;
        walk.push(Oid::from_str(head)?)?;
        walk.hide(Oid::from_str(base)?)?;
        walk.map(|oid| oid.map(|oid| oid.to_string())).collect()
    }

    /// Returns the ids of the commits up to `sha` that change a file below `path`, newest first.
    /// Merges are left out.
    pub fn history(&self, sha: &str, path: &str) -> Result<Vec<String>> {
        let mut walk = self.0.revwalk()?;
        walk.set_sorting(Sort::TOPOLOGICAL)?;
        walk.push(Oid::from_str(sha)?)?;
        let mut found = Vec::new();
        for oid in walk {
            let facts = self.commit_info(&oid?.to_string())?;
            let mut changed = facts.added.iter().chain(&facts.removed).chain(&facts.modified);
            let is_below = |file: &String| {
                file.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            if facts.parents.len() < 2 && changed.any(is_below) {
                found.push(facts.sha);
            }
        }
        Ok(found)
    }

    /// Returns the size of the difference that a pull request of `head` into `base` shows: from
    /// their merge base to `head`.
    pub fn diff_stat(&self, base: &str, head: &str) -> Result<DiffStat> {
        let parted = self.0.merge_base(Oid::from_str(base)?, Oid::from_str(head)?)?;
        let (old, new) = (self.0.find_commit(parted)?.tree()?, self.find(head)?.tree()?);
        let stats = self.0.diff_tree_to_tree(Some(&old), Some(&new), None)?.stats()?;
        Ok(DiffStat {
            additions: stats.insertions(),
            deletions: stats.deletions(),
            changed_files: stats.files_changed(),
        })
    }

    /// Returns the files of the difference that [`GitRepo::diff_stat`] measures, ordered by path.
    pub fn changed_files(&self, base: &str, head: &str) -> Result<Vec<ChangedFile>> {
        let parted = self.0.merge_base(Oid::from_str(base)?, Oid::from_str(head)?)?;
        let (old, new) = (self.0.find_commit(parted)?.tree()?, self.find(head)?.tree()?);
        let diff = self.0.diff_tree_to_tree(Some(&old), Some(&new), None)?;
        let mut changed = vec![];
        for delta in diff.deltas() {
            let path = delta.new_file().path().or(delta.old_file().path());
            let path = path.unwrap_or(Path::new("")).to_string_lossy().into_owned();
            let (old, new) = (self.file(&parted.to_string(), &path)?, self.file(head, &path)?);
            changed.push(ChangedFile { path, old, new });
        }
        Ok(changed)
    }

    pub fn commit_info(&self, sha: &str) -> Result<CommitInfo> {
        let commit = self.find(sha)?;
        let mut facts = CommitInfo {
            sha: sha.to_owned(),
            tree: commit.tree_id().to_string(),
            message: text(commit.message_bytes()).trim_end().to_owned(),
            author: stamp(&commit.author()),
            committer: stamp(&commit.committer()),
            parents: commit.parent_ids().map(|id| id.to_string()).collect(),
            added: vec![],
            removed: vec![],
            modified: vec![],
        };
        let old = commit.parent(0).ok().map(|parent| parent.tree()).transpose()?;
        let diff = self.0.diff_tree_to_tree(old.as_ref(), Some(&commit.tree()?), None)?;
        for delta in diff.deltas() {
            let (list, file) = match delta.status() {
                git2::Delta::Added => (&mut facts.added, delta.new_file()),
                git2::Delta::Deleted => (&mut facts.removed, delta.old_file()),
                _ => (&mut facts.modified, delta.new_file()),
            };
            list.extend(file.path().map(|path| path.to_string_lossy().into_owned()));
        }
        Ok(facts)
    }

    /// Returns the contents of a file in a commit, or `None` if it has no file of this path.
    pub fn file(&self, sha: &str, path: &str) -> Result<Option<Vec<u8>>> {
        match self.find(sha)?.tree()?.get_path(Path::new(path)) {
            Ok(entry) if entry.kind() != Some(git2::ObjectType::Blob) => Ok(None),
            Ok(entry) => Ok(Some(self.0.find_blob(entry.id())?.content().to_vec())),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the paths of all files in a commit, in git's order.
    pub fn paths(&self, sha: &str) -> Result<Vec<String>> {
        let mut paths = vec![];
        self.find(sha)?.tree()?.walk(git2::TreeWalkMode::PreOrder, |folder, entry| {
            if entry.kind() != Some(git2::ObjectType::Tree) {
                paths.push(format!("{folder}{}", text(entry.name_bytes())));
            }
            git2::TreeWalkResult::Ok
        })?;
        Ok(paths)
    }

    fn find(&self, sha: &str) -> Result<Commit<'_>> {
        self.0.find_commit(Oid::from_str(sha)?)
    }

    fn merged_tree(&self, base: &Commit<'_>, head: &Commit<'_>) -> Result<Option<Tree<'_>>> {
        let mut index = self.0.merge_commits(base, head, None)?;
        if index.has_conflicts() {
            return Ok(None);
        }
        self.0.find_tree(index.write_tree_to(&self.0)?).map(Some)
    }

    fn write(&self, tree: &Tree<'_>, parents: &[&Commit<'_>], meta: &CommitMeta) -> Result<String> {
        let author = meta.author.signature()?;
        let committer = meta.committer.signature()?;
        let oid = self.0.commit(None, &author, &committer, &meta.message, tree, parents)?;
        Ok(oid.to_string())
    }
}

fn stamp(signature: &Signature<'_>) -> Stamp {
    Stamp {
        name: text(signature.name_bytes()),
        email: text(signature.email_bytes()),
        second: signature.when().seconds(),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
