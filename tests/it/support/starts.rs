//! An engine that records each of its starts, for stories in which starts are counted.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use tempfile::TempDir;

use super::program::write_script;

/// The engine on the path, behind a script that records its arguments.
pub struct Starts {
    pub engine: PathBuf,
    log: PathBuf,
    /// The directory of the script, and the one that [`Starts::again`] shares.
    dirs: (TempDir, Arc<TempDir>),
}

/// Runs the engine for the first stack, and repeats its results for all others. This is for stories
/// with many equal stacks, in which the engine's own time does not matter.
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

    /// Returns an engine that repeats what it did for the first stack, which has to be planned
    /// alone.
    pub fn repeating() -> Self {
        Self::with(REPEATS)
    }

    /// Returns another engine that repeats the same results and counts its own starts.
    pub fn again(&self) -> Self {
        Self::beside(REPEATS, self.dirs.1.clone())
    }

    /// Returns an engine that runs `body` first, a piece of a shell script in which `$kept` is
    /// [`Starts::dir`].
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

    /// Returns the directory that the script and the story share.
    pub fn dir(&self) -> &Path {
        self.dirs.1.path()
    }

    /// Returns the commands that were started since the last call, except for `version`, which runs
    /// no provider.
    pub fn take(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let _ = fs::remove_file(&self.log);
        let words = text.lines().filter_map(|line| line.split(' ').next());
        words.filter(|word| *word != "version").map(str::to_owned).collect()
    }

    /// Returns how often `command` was started since the last call. Forgets all other starts, too.
    pub fn count(&self, command: &str) -> usize {
        self.take().iter().filter(|started| *started == command).count()
    }
}

fn real_engine() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&path).map(|dir| dir.join("terraform")).find(|p| p.exists());
    found.unwrap_or_else(|| Path::new("terraform").to_owned())
}
