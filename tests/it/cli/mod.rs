//! The command line as people use it: the real binary, in a directory of its own.

mod journey;
mod mistakes;

use std::{collections::BTreeMap, ffi::OsString, path::Path, process::Command};

use tempfile::TempDir;

/// A directory in which `planwright` runs, and nothing of the surroundings counts.
pub struct Repository {
    folder: TempDir,
    /// The whole environment of the commands.
    pub env: BTreeMap<String, OsString>,
}

/// What a command said.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Repository {
    pub fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), env: BTreeMap::new() }
    }

    /// After `planwright init`.
    pub fn new() -> Self {
        let repository = Self::empty();
        repository.done(&["init"]);
        repository
    }

    /// With one more stack, locked.
    pub fn with_stack(name: &str, stack: &str) -> Self {
        let repository = Self::new();
        repository.write(&format!("stacks/{name}/stack.yaml"), stack);
        repository.done(&["lock", name]);
        repository
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, path: &str, text: &str) {
        let full = self.path().join(path);
        std::fs::create_dir_all(full.parent().unwrap()).unwrap();
        std::fs::write(full, text).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{path} has no {from:?}");
        self.write(path, &text.replacen(from, to, 1));
    }

    /// A command that is not started yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_planwright"));
        command.args(arguments).current_dir(self.path()).env_clear().envs(&self.env);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Said {
        let output = self.command(arguments).output().unwrap();
        Said {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What a command that must succeed says.
    pub fn done(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(said.code, 0, "{arguments:?}: {}{}", said.out, said.err);
        said.out
    }

    /// The JSON that a command answers, and its exit code.
    pub fn json(&self, arguments: &[&str]) -> (serde_json::Value, i32) {
        let said = self.run(&[arguments, &["--json"]].concat());
        let json = serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {}", said.out));
        (json, said.code)
    }

    pub fn git(&self, arguments: &[&str]) {
        let status = Command::new("git")
            .args([
                "-c",
                "user.name=t",
                "-c",
                "user.email=t@example.org",
                "-c",
                "init.defaultBranch=main",
            ])
            .args(arguments)
            .current_dir(self.path())
            .status()
            .unwrap();
        assert!(status.success(), "git {arguments:?}");
    }
}
