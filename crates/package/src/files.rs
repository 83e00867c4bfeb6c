//! A tree of files, wherever it is stored: in memory, in a working directory, in a commit.
//!
//! Pure code reads repositories and packages only through [`Files`]. Git trees and directories
//! implement it in other crates; implementations reject symlinks, submodules, and paths that are
//! not UTF-8.

use std::collections::BTreeMap;

use planwright_core::finding::{Finding, Location};

/// Regular files by path relative to the root, with `/` and without `.` or `..`.
pub trait Files {
    /// Returns the bytes of a file; `None` if it does not exist.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FilesError>;

    /// Returns the paths of all files below the folder `under`, relative to the root and sorted;
    /// `""` is the root.
    fn paths(&self, under: &str) -> Result<Vec<String>, FilesError>;
}

/// Why a tree cannot be read: each reason would make two machines see two different trees.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilesError {
    #[error("`{path}` is a symbolic link or submodule, and only regular files are read")]
    NotRegular { path: String },
    #[error("the path `{path}` is not UTF-8")]
    NotUtf8 { path: String },
    #[error("the path {path:?} has a control character, by which two trees could be taken for one")]
    ControlCharacter { path: String },
    #[error("`{path}` and `{other}` differ only in case, so they are one file on some machines")]
    CaseCollision { path: String, other: String },
    #[error("`{path}` cannot be read: {why}")]
    Unreadable { path: String, why: String },
}

impl FilesError {
    pub fn finding(&self) -> Finding {
        let (code, path, fix) = match self {
            Self::NotRegular { path } => ("not_regular", path, "replace it by the file it means"),
            Self::NotUtf8 { path } => ("path_not_utf8", path, "rename it"),
            Self::ControlCharacter { path } => ("path_control_character", path, "rename it"),
            Self::CaseCollision { path, .. } => ("case_collision", path, "rename one of them"),
            Self::Unreadable { path, .. } => ("unreadable", path, "make it readable"),
        };
        let place = Location { file: path.clone(), line: 1, column: 1 };
        Finding { fix: Some(fix.into()), ..Finding::error(code, place, self.to_string()) }
    }
}

impl From<FilesError> for Vec<Finding> {
    fn from(error: FilesError) -> Self {
        vec![error.finding()]
    }
}

/// A tree in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryFiles(pub BTreeMap<String, Vec<u8>>);

impl<P: Into<String>, B: Into<Vec<u8>>> FromIterator<(P, B)> for MemoryFiles {
    fn from_iter<I: IntoIterator<Item = (P, B)>>(files: I) -> Self {
        Self(files.into_iter().map(|(path, bytes)| (path.into(), bytes.into())).collect())
    }
}

impl Files for MemoryFiles {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FilesError> {
        Ok(self.0.get(path).cloned())
    }

    fn paths(&self, under: &str) -> Result<Vec<String>, FilesError> {
        let is_below = |path: &&String| {
            under.is_empty() || path.strip_prefix(under).is_some_and(|rest| rest.starts_with('/'))
        };
        Ok(self.0.keys().filter(is_below).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_does_not_contain_its_namesakes() {
        let files: MemoryFiles = [("a/x", "1"), ("ab/y", "2"), ("a", "3")].into_iter().collect();
        assert_eq!(files.paths("a").unwrap(), ["a/x"]);
        assert_eq!(files.paths("").unwrap().len(), 3);
        assert_eq!(files.read("ab").unwrap(), None);
    }
}
