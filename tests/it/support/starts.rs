//! An engine that notes each of its starts, for stories in which none may happen.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// The engine on PATH behind a script that writes down what it is started with.
pub struct Starts {
    pub engine: PathBuf,
    log: PathBuf,
    _dir: TempDir,
}

impl Starts {
    pub fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let (engine, log) = (dir.path().join("terraform-counted"), dir.path().join("starts"));
        let real = real_engine();
        let script = format!(
            "#!/bin/sh\necho \"$*\" >> {}\nexec {} \"$@\"\n",
            log.display(),
            real.display()
        );
        fs::write(&engine, script).unwrap();
        fs::set_permissions(&engine, fs::Permissions::from_mode(0o755)).unwrap();
        Self { engine, log, _dir: dir }
    }

    /// The commands that were started since the last time, but `version`, which runs no provider.
    pub fn take(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let _ = fs::remove_file(&self.log);
        let words = text.lines().filter_map(|line| line.split(' ').next());
        words.filter(|word| *word != "version").map(str::to_owned).collect()
    }

    /// How often `command` was started since the last time; forgets all others too.
    pub fn count(&self, command: &str) -> usize {
        self.take().iter().filter(|started| *started == command).count()
    }
}

fn real_engine() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&path).map(|dir| dir.join("terraform")).find(|p| p.exists());
    found.unwrap_or_else(|| Path::new("terraform").to_owned())
}
