//! The files of a tree, and the paths in which two trees differ. Blocking.
//!
//! Only plain files are read. A symlink could point anywhere, a submodule is another repository,
//! and an LFS pointer is not the file that it stands for: each is an error and never followed.

use git2::Delta;

use planwright_core::names::Sha;

use super::{
    error::{Error, Result, lookup},
    repo::{Repo, oid},
};

/// An entry of a tree that is not a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The path from the root of the repository, with `/`.
    pub path: String,
    pub kind: EntryKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    File,
    Executable,
    Symlink,
    Submodule,
}

/// A path in which two trees differ. A rename is a removal and an addition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangedPath {
    pub path: String,
    pub kind: ChangeKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    Added,
    Modified,
    Removed,
}

/// The largest file that is read, in bytes. Configuration is smaller.
const LARGEST: usize = 8 << 20;
const LFS: &[u8] = b"version https://git-lfs.github.com/spec/";

impl Repo {
    /// Returns the contents of a file, or `None` if there is no file at this path.
    ///
    /// Fails with [`Error::Refused`] if it is not a plain file, or a folder in its path is a
    /// symlink or submodule.
    pub fn read(&self, tree: &Sha, path: &str) -> Result<Option<Vec<u8>>> {
        let (id, mode) = match self.entry(tree, path)? {
            None | Some((_, TREE)) => return Ok(None),
            Some(file) => file,
        };
        refuse(path, kind(mode))?;
        let (size, _) = self.0.odb()?.read_header(id)?;
        if size > LARGEST {
            return Err(Error::Refused { path: path.into(), why: "is larger than 8 MB" });
        }
        let content = self.0.find_blob(id)?.content().to_vec();
        if content.starts_with(LFS) {
            let why = "is a pointer of Git LFS; commit the file itself";
            return Err(Error::Refused { path: path.into(), why });
        }
        Ok(Some(content))
    }

    /// Returns everything in a folder (`""` for the whole tree), sorted and with symlinks and
    /// submodules.
    pub fn paths(&self, tree: &Sha, under: &str) -> Result<Vec<Entry>> {
        let under = under.trim_matches('/');
        let root = match under {
            "" => oid(tree)?,
            _ => match self.entry(tree, under)? {
                None => return Ok(Vec::new()),
                Some((id, TREE)) => id,
                Some((_, mode)) => {
                    refuse(under, kind(mode))?;
                    return Ok(Vec::new());
                }
            },
        };
        let prefix = if under.is_empty() { String::new() } else { format!("{under}/") };
        let (mut entries, mut folders) = (Vec::new(), vec![(prefix, root)]);
        while let Some((prefix, id)) = folders.pop() {
            for entry in &self.find_tree(id)? {
                let path = format!("{prefix}{}", utf8(entry.name_bytes())?);
                match entry.filemode() {
                    TREE => folders.push((format!("{path}/"), entry.id())),
                    mode => entries.push(Entry { path, kind: kind(mode)? }),
                }
            }
        }
        entries.sort();
        Ok(entries)
    }

    /// Returns the paths in which two trees differ, sorted.
    pub fn changed_paths(&self, from: &Sha, to: &Sha) -> Result<Vec<ChangedPath>> {
        let (from, to) = (self.find_tree(oid(from)?)?, self.find_tree(oid(to)?)?);
        let diff = self.0.diff_tree_to_tree(Some(&from), Some(&to), None)?;
        let mut changed = Vec::new();
        for delta in diff.deltas() {
            let (file, kind) = match delta.status() {
                Delta::Added => (delta.new_file(), ChangeKind::Added),
                Delta::Deleted => (delta.old_file(), ChangeKind::Removed),
                Delta::Modified | Delta::Typechange => (delta.new_file(), ChangeKind::Modified),
                other => return Err(Error::Failed(format!("unexpected difference {other:?}"))),
            };
            let path = utf8(file.path_bytes().unwrap_or_default())?;
            changed.push(ChangedPath { path, kind });
        }
        changed.sort();
        Ok(changed)
    }

    fn find_tree(&self, id: git2::Oid) -> Result<git2::Tree<'_>> {
        self.0.find_tree(id).map_err(lookup(format!("tree {id}")))
    }

    /// Returns id and mode of the entry at `path`.
    fn entry(&self, tree: &Sha, path: &str) -> Result<Option<(git2::Oid, i32)>> {
        if path.contains('\0') {
            // No name contains one, and git2 would panic.
            return Ok(None);
        }
        let mut folder = self.find_tree(oid(tree)?)?;
        let mut segments = path.split('/').peekable();
        while let Some(segment) = segments.next() {
            let entry = folder.get_name(segment).map(|entry| (entry.id(), entry.filemode()));
            let Some((id, mode)) = entry else { return Ok(None) };
            if segments.peek().is_none() {
                return Ok(Some((id, mode)));
            }
            if mode != TREE {
                // If a file is in the place of a folder, the path does not exist; behind a symlink
                // it might.
                refuse(path, kind(mode))?;
                return Ok(None);
            }
            folder = self.0.find_tree(id)?;
        }
        Ok(None)
    }
}

const TREE: i32 = 0o040_000;

fn kind(mode: i32) -> Result<EntryKind> {
    match mode {
        0o100_644 | 0o100_664 | 0o100_600 => Ok(EntryKind::File),
        0o100_755 => Ok(EntryKind::Executable),
        0o120_000 => Ok(EntryKind::Symlink),
        0o160_000 => Ok(EntryKind::Submodule),
        TREE => Err(Error::Failed("a folder where a file is expected".into())),
        other => Err(Error::Failed(format!("unknown file mode {other:o}"))),
    }
}

fn refuse(path: &str, kind: Result<EntryKind>) -> Result<()> {
    let why = match kind? {
        EntryKind::File | EntryKind::Executable => return Ok(()),
        EntryKind::Symlink => "is, or lies behind, a symlink; commit the file itself",
        EntryKind::Submodule => "is, or lies in, a submodule; only this repository is read",
    };
    Err(Error::Refused { path: path.into(), why })
}

pub(super) fn utf8(path: &[u8]) -> Result<String> {
    String::from_utf8(path.to_vec()).map_err(|_| Error::Refused {
        path: String::from_utf8_lossy(path).into_owned(),
        why: "has a name that is not UTF-8",
    })
}
