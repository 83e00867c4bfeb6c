//! A directory as [`Files`].
//!
//! Symbolic links are never followed, neither at a file nor at a folder above it.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use walkdir::WalkDir;

use planwright_package::files::{Files, FilesError};

pub struct WorkingDir {
    root: PathBuf,
}

impl WorkingDir {
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Returns the full path; `None` if it does not exist. Fails if any step of it is a symbolic
    /// link.
    fn regular(&self, path: &str) -> Result<Option<PathBuf>, FilesError> {
        let mut full = self.root.clone();
        for step in path.split('/').filter(|step| !step.is_empty()) {
            full.push(step);
            match full.symlink_metadata() {
                Ok(metadata) if metadata.is_symlink() => {
                    return Err(FilesError::NotRegular { path: path.into() });
                }
                Ok(_) => {}
                Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                    return Ok(None);
                }
                Err(e) => return Err(unreadable(path, &e)),
            }
        }
        Ok(Some(full))
    }
}

impl Files for WorkingDir {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FilesError> {
        match self.regular(path)? {
            Some(full) if full.is_file() => {
                std::fs::read(full).map(Some).map_err(|e| unreadable(path, &e))
            }
            _ => Ok(None),
        }
    }

    fn paths(&self, under: &str) -> Result<Vec<String>, FilesError> {
        let Some(folder) = self.regular(under)? else { return Ok(Vec::new()) };
        let mut paths = Vec::new();
        let is_git = |entry: &walkdir::DirEntry| entry.depth() > 0 && entry.file_name() == ".git";
        for entry in WalkDir::new(folder).into_iter().filter_entry(|entry| !is_git(entry)) {
            let entry = entry.map_err(|e| unreadable(under, &e))?;
            let relative = entry.path().strip_prefix(&self.root).unwrap_or(entry.path());
            let steps: Option<Vec<&str>> =
                relative.components().map(|step| step.as_os_str().to_str()).collect();
            let Some(path) = steps.map(|steps| steps.join("/")) else {
                return Err(FilesError::NotUtf8 { path: relative.to_string_lossy().into() });
            };
            if entry.file_type().is_file() && path != under {
                paths.push(path);
            } else if !entry.file_type().is_dir() && !entry.file_type().is_file() {
                return Err(FilesError::NotRegular { path });
            }
        }
        paths.sort();
        Ok(paths)
    }
}

fn unreadable(path: &str, why: &impl ToString) -> FilesError {
    FilesError::Unreadable { path: path.into(), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_refused_on_the_way_and_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("x"), "secret").unwrap();
        std::fs::create_dir(dir.path().join("a")).unwrap();
        std::os::unix::fs::symlink(outside.path(), dir.path().join("a/linked")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("x"), dir.path().join("a/file")).unwrap();
        let files = WorkingDir::new(dir.path());
        for path in ["a/linked/x", "a/file"] {
            assert!(matches!(files.read(path), Err(FilesError::NotRegular { .. })), "{path}");
        }
        assert!(matches!(files.paths("a"), Err(FilesError::NotRegular { .. })));
    }

    #[test]
    fn paths_are_from_the_root_and_sorted() {
        let dir = tempfile::tempdir().unwrap();
        for path in ["a/c", "a/b/d", "e"] {
            let full = dir.path().join(path);
            std::fs::create_dir_all(full.parent().unwrap()).unwrap();
            std::fs::write(full, path).unwrap();
        }
        let files = WorkingDir::new(dir.path());
        assert_eq!(files.paths("a").unwrap(), ["a/b/d", "a/c"]);
        assert_eq!(files.paths("nowhere").unwrap(), Vec::<String>::new());
        assert_eq!(files.read("e").unwrap().unwrap(), b"e");
        assert_eq!(files.read("a").unwrap(), None);
        assert_eq!(files.read("e/f").unwrap(), None);
    }
}
