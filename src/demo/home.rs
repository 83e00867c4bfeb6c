//! The directory in which a demo keeps everything: for one demo at a time, and nothing else.

use std::{
    fs::{self, File},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

/// The file that marks a directory as a demo's.
const MARKER: &str = "planwright-demo";

/// Everything that a demo writes besides its marker.
const CONTENTS: [&str; 5] = ["hub", "bot", "app.pem", "webhook.secret", "client.secret"];

pub struct Home {
    pub dir: PathBuf,
    /// Locked while the demo runs.
    _marker: File,
}

impl Home {
    /// Locks the directory, and creates it if needed.
    ///
    /// Fails if it contains files that are not a demo's, or if another demo runs there.
    pub fn take(dir: &Path) -> Result<Self> {
        let shown = dir.display();
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .with_context(|| format!("making the directory {shown}"))?;
        let path = dir.join(MARKER);
        let is_empty = fs::read_dir(dir).context("reading the directory")?.next().is_none();
        if !is_empty && !path.is_file() {
            bail!(
                "{shown} has files in it that no demo has made: give an empty directory, or one of \
                 an earlier demo, with `--data DIR`"
            );
        }
        let marker = File::options().create(true).append(true).open(&path);
        let marker = marker.with_context(|| format!("making {}", path.display()))?;
        if marker.try_lock().is_err() {
            bail!(
                "another demo runs in {shown}: end it first, or give another one with `--data DIR`"
            );
        }
        Ok(Self { dir: dir.to_owned(), _marker: marker })
    }

    /// Deletes everything that a demo has made, and nothing else.
    pub fn reset(&self) -> Result<()> {
        for name in CONTENTS {
            let path = self.dir.join(name);
            let removed = match fs::symlink_metadata(&path) {
                Ok(found) if found.is_dir() => fs::remove_dir_all(&path),
                Ok(_) => fs::remove_file(&path),
                Err(_) => continue,
            };
            removed.with_context(|| format!("deleting {}", path.display()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_with_something_elses_files_is_neither_taken_nor_reset() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("hub")).unwrap();
        let error = Home::take(dir.path()).err().unwrap().to_string();
        assert!(error.contains("that no demo has made"), "{error}");
        assert!(dir.path().join("hub").is_dir());
    }

    #[test]
    fn a_reset_leaves_what_the_demo_has_not_made() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::take(dir.path()).unwrap();
        fs::create_dir_all(dir.path().join("hub/repositories")).unwrap();
        for name in ["app.pem", "notes.txt"] {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        home.reset().unwrap();
        let left = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut left: Vec<_> = left.collect();
        left.sort();
        assert_eq!(left, ["notes.txt", MARKER]);
    }

    #[test]
    fn two_demos_do_not_run_in_one_directory() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::take(dir.path()).unwrap();
        let error = Home::take(dir.path()).err().unwrap().to_string();
        assert!(error.starts_with("another demo runs in "), "{error}");
        drop(home);
        Home::take(dir.path()).unwrap();
    }
}
