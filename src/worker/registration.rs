//! The name of this process, and finding the names of dead processes.
//!
//! Each process has a file in the data directory, which is locked while the process lives; the lock
//! ends with the process in every case. A process that starts and can lock another one's file
//! immediately gives back the jobs and requests that were taken under that name. Those of a process
//! on another machine wait until their time is up, because nothing here shows whether it lives.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::app::App;

/// Locked while processes register or are removed, so that nobody sees a file that is not locked
/// yet.
const LOCK: &str = "door";

/// The registration of this process, valid while this value lives.
pub struct ProcessRegistration {
    name: String,
    _alive: File,
}

/// The registration of a dead process, locked while this value lives.
struct StaleRegistration {
    name: String,
    file: PathBuf,
    _locked: File,
}

impl ProcessRegistration {
    /// Registers this process, after giving back the jobs and requests of dead processes that used
    /// the same data directory.
    pub async fn register(app: &App) -> Result<Self> {
        let dir = app.data.join("workers");
        let context = || format!("registering this process in {}", dir.display());
        let locked = dir.clone();
        let lock = tokio::task::spawn_blocking(move || lock(&locked)).await?;
        let _lock = lock.with_context(context)?;
        for stale in stale(&dir).with_context(context)? {
            app.store.abandon_requests(&stale.name).await?;
            let jobs = app.store.abandon_leases(&stale.name, app.now()).await?;
            if jobs > 0 {
                tracing::warn!(jobs, "an earlier process died over its work, which goes on now");
            }
            fs::remove_file(&stale.file).with_context(context)?;
        }
        Self::new(&dir, app.process.clone()).with_context(context)
    }

    fn new(dir: &Path, name: String) -> io::Result<Self> {
        let alive = private().create_new(true).open(dir.join(&name))?;
        alive.lock()?;
        Ok(Self { name, _alive: alive })
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Keeps all other processes from registering until the returned file is closed.
fn lock(dir: &Path) -> io::Result<File> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let file = private().create(true).truncate(false).open(dir.join(LOCK))?;
    file.lock()?;
    Ok(file)
}

/// Returns the registrations in `dir` whose processes are dead.
fn stale(dir: &Path) -> io::Result<Vec<StaleRegistration>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir)? {
        let file = entry?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name == LOCK {
            continue;
        }
        let locked = private().open(&file)?;
        match locked.try_lock() {
            Ok(()) => all.push(StaleRegistration { name, file, _locked: locked }),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(all)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_is_stale_when_its_process_is_gone_and_not_before() {
        let dir = tempfile::tempdir().unwrap();
        drop(lock(dir.path()).unwrap());
        let names = |dir: &Path| -> Vec<String> {
            stale(dir).unwrap().iter().map(|stale| stale.name.clone()).collect()
        };
        let living = ProcessRegistration::new(dir.path(), "a".into()).unwrap();
        assert_eq!(names(dir.path()), [""; 0]);
        drop(living);
        assert_eq!(names(dir.path()), ["a"]);
    }
}
