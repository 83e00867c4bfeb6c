//! An engine that notes each of its starts, for stories in which none may happen.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use tempfile::TempDir;

use super::program::write_script;

/// The engine on PATH behind a script that writes down what it is started with.
pub struct Starts {
    pub engine: PathBuf,
    log: PathBuf,
    /// Its own place, and that of what was done for the first stack.
    dirs: (TempDir, Arc<TempDir>),
}

/// Does the work of the first stack, and what it did then for all others: for stories with many
/// equal stacks, in which the engine's own time is of no interest.
const REPEATS: &str = r#"
case "$1" in
init)
  if [ -d "$kept/data" ]; then mkdir -p .terraform; cp -r "$kept/data/." .terraform; exit 0; fi
  "$real" "$@" || exit $?
  cp -r .terraform "$kept/data"; exit 0;;
plan)
  for word in "$@"; do case "$word" in -out=*) out="${word#-out=}";; esac; done
  if [ -f "$kept/plan" ]; then cp "$kept/plan" "$out"; exit 2; fi
  "$real" "$@"; code=$?
  cp "$out" "$kept/plan"; exit $code;;
show)
  if [ ! -f "$kept/shown" ]; then "$real" "$@" > "$kept/shown" || exit $?; fi
  cat "$kept/shown"; exit 0;;
esac
"#;

impl Starts {
    pub fn new() -> Self {
        Self::with("")
    }

    /// An engine that repeats what it did for the first stack; that one has to come alone.
    pub fn repeating() -> Self {
        Self::with(REPEATS)
    }

    /// Another that repeats the same, and counts for itself.
    pub fn again(&self) -> Self {
        Self::beside(REPEATS, self.dirs.1.clone())
    }

    /// An engine that does `body` first, a piece of a shell script; `$kept` is [`Starts::dir`].
    pub fn with(body: &str) -> Self {
        Self::beside(body, Arc::new(TempDir::new().unwrap()))
    }

    fn beside(body: &str, kept: Arc<TempDir>) -> Self {
        let dir = TempDir::new().unwrap();
        let (engine, log) = (dir.path().join("terraform-counted"), dir.path().join("starts"));
        let real = real_engine();
        let script = format!(
            "#!/bin/sh\nreal={}\nkept={}\necho \"$*\" >> {}\n{body}\nexec \"$real\" \"$@\"\n",
            real.display(),
            kept.path().display(),
            log.display(),
        );
        write_script(&engine, &script);
        Self { engine, log, dirs: (dir, kept) }
    }

    /// A directory that the script and the story share.
    pub fn dir(&self) -> &Path {
        self.dirs.1.path()
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
