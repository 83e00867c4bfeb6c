//! What the engine works on: the recorded state of a stack, changes to it behind everybody's back,
//! and an engine that records its commands and waits or fails on demand.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value as Json;
use tempfile::TempDir;

use super::{bot::Story, program::write_script};

impl Story {
    /// Returns the recorded state of a stack, if there is one.
    pub fn state(&self, stack: &str) -> Option<Json> {
        let text = fs::read(self.state_file(stack)?).ok()?;
        Some(serde_json::from_slice(&text).unwrap())
    }

    /// Returns an output in the state, or null.
    pub fn output(&self, stack: &str, name: &str) -> Json {
        self.state(stack).map_or(Json::Null, |state| state["outputs"][name]["value"].clone())
    }

    /// Returns the number of instances of resources in the state.
    pub fn recorded(&self, stack: &str) -> usize {
        let state = self.state(stack).unwrap_or_default();
        let instances = |resource: &Json| resource["instances"].as_array().map_or(0, Vec::len);
        state["resources"].as_array().map_or(0, |resources| resources.iter().map(instances).sum())
    }

    /// Changes the recorded attributes of a resource's first instance, so that the stack has
    /// drifted.
    pub fn meddle(&self, stack: &str, resource: &str, change: impl FnOnce(&mut Json)) {
        let mut state = self.state(stack).unwrap();
        let resources = state["resources"].as_array_mut().unwrap();
        let found = resources.iter_mut().find(|it| it["name"] == resource).unwrap();
        change(&mut found["instances"][0]["attributes"]);
        state["serial"] = (state["serial"].as_u64().unwrap() + 1).into();
        fs::write(self.state_file(stack).unwrap(), state.to_string()).unwrap();
    }

    fn state_file(&self, stack: &str) -> Option<PathBuf> {
        let repositories = fs::read_dir(self.dir.path().join("bot/state")).ok()?;
        let file =
            |repository: fs::DirEntry| repository.path().join(stack).join("terraform.tfstate");
        repositories.flatten().map(file).find(|file| file.exists())
    }
}

/// The real engine behind a script that records each command.
pub struct Watched {
    dir: TempDir,
}

impl Watched {
    pub fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let path = dir.path().display();
        // A command waits if there is a pipe of its name, and fails if there is a file `fail-NAME`.
        let script = format!(
            "#!/bin/sh\necho \"$1\" >> '{path}/log'\n\
             [ -p '{path}/'\"$1\" ] && read -r _ < '{path}/'\"$1\"\n\
             [ -e '{path}/fail-'\"$1\" ] && {{ echo 'the cloud is closed'; exit 1; }}\n\
             exec '{}' \"$@\"\n",
            terraform().display()
        );
        let watched = Self { dir };
        write_script(&watched.program(), &script);
        watched
    }

    /// Returns the path of the script, for `Setup::engine`.
    pub fn program(&self) -> PathBuf {
        self.dir.path().join("terraform-watched")
    }

    /// Returns how often a command was started.
    pub fn count(&self, command: &str) -> usize {
        let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        log.lines().filter(|line| *line == command).count()
    }

    /// Makes a command fail before it does anything, or no longer.
    pub fn fail(&self, command: &str, fails: bool) {
        let mark = self.dir.path().join(format!("fail-{command}"));
        if fails { fs::write(mark, "").unwrap() } else { fs::remove_file(mark).unwrap() }
    }

    /// Makes a command wait, the next time that it is started.
    pub fn hold(&self, command: &str) -> Held {
        let pipe = self.dir.path().join(command);
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        Held { pipe }
    }
}

/// A command that is made to wait.
pub struct Held {
    pipe: PathBuf,
}

impl Held {
    /// Returns once the command waits. It continues when the returned file is dropped.
    pub async fn reached(&self) -> fs::File {
        let pipe = self.pipe.clone();
        // Opening a pipe blocks until somebody reads from it.
        let open = move || fs::OpenOptions::new().write(true).open(pipe).unwrap();
        let writer = tokio::task::spawn_blocking(open).await.unwrap();
        fs::remove_file(&self.pipe).unwrap();
        writer
    }
}

fn terraform() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let mut found = std::env::split_paths(&path).map(|dir| dir.join("terraform"));
    found.find(|file| Path::new(file).exists()).expect("stories need `terraform` on PATH")
}
