//! The engine alone: `plan` in directories that are rendered and initialised beforehand, as many at
//! a time as the machine has cores, as the bot does it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};

use crate::{case::Case, support::bot::CONFIG};

/// Returns how long the plans of all stacks take.
pub fn plan(case: &Case) -> Duration {
    let dir = tempfile::TempDir::new().unwrap();
    let dirs = rendered(case, dir.path());
    for dir in &dirs {
        let state = format!("-backend-config=path={}", dir.join("bare.tfstate").display());
        engine(case, dir, &["init", "-input=false", &state]);
    }
    let start = Instant::now();
    let left = Mutex::new(dirs.iter());
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(dir) = { left.lock().unwrap().next() } {
                    engine(case, dir, &["plan", "-input=false", "-lock=false", "-out=plan.out"]);
                }
            });
        }
    });
    start.elapsed()
}

/// Renders the stacks below `dir` as the engine gets them, and returns their folders.
pub fn rendered(case: &Case, dir: &Path) -> Vec<PathBuf> {
    let (checkout, out) = (dir.join("checkout"), dir.join("rendered"));
    let config = ("planwright.yaml".to_owned(), CONFIG.to_owned());
    for (path, text) in std::iter::once(&config).chain(&case.files) {
        let path = checkout.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let mut render = Command::new(env!("CARGO_BIN_EXE_planwright"));
    succeed(render.args(["render", "--out"]).arg(&out).current_dir(&checkout));
    (0..case.stacks).map(|i| out.join(format!("{}-{i}", case.package))).collect()
}

fn engine(case: &Case, dir: &Path, args: &[&str]) {
    let mut engine = Command::new("terraform");
    engine.args(args).current_dir(dir).env("TF_PLUGIN_CACHE_DIR", &case.provider_cache);
    succeed(engine.envs(&case.env));
}

fn succeed(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said));
}
