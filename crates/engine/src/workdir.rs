//! The private directory in which one stack is worked on: its tree, logs and plan file.
//!
//! Only one operation at a time holds it, even with several processes. Unknown files in the tree
//! are removed, except what the engine itself keeps there (`.terraform`, its lock file).

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Component, Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::{Control, Error};

/// The engine's data directory in the tree; its lock file beside it is written by `init`.
pub(super) const DATA: &str = ".terraform";
pub(super) const LOCK_FILE: &str = ".terraform.lock.hcl";

/// The extension of plan files, by which those that a killed process left behind are found.
const PLAN: &str = "tfplan";

/// The file that is locked while an operation uses the directory.
const HELD: &str = "held";

/// A locked work directory; unlocked when dropped.
pub(super) struct WorkDir {
    dir: PathBuf,
    scratch: TempDir,
    held: File,
}

impl WorkDir {
    /// Creates the directory if needed and waits until no other operation holds it.
    pub(crate) async fn hold(
        dir: &Path,
        tmp: &Path,
        wait: Duration,
        control: &Control<'_>,
    ) -> Result<Self, Error> {
        private(dir)?;
        let file = dir.join(HELD);
        let held = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&file)
            .map_err(Error::io(format!("opening {}", file.display())))?;
        lock(&held, "work directory", wait, control).await?;
        // The path must be short, because providers create sockets in it and their paths are
        // limited.
        let scratch = tempfile::Builder::new()
            .prefix("pw")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(tmp)
            .map_err(Error::io(format!("making a directory in {}", tmp.display())))?;
        let workdir = Self { dir: dir.to_owned(), scratch, held };
        private(&workdir.tree())?;
        private(&workdir.home())?;
        workdir.remove_plan_files()?;
        Ok(workdir)
    }

    /// Returns the locked file. A child that has it open keeps the lock even if this process dies.
    pub(crate) fn held(&self) -> &File {
        &self.held
    }

    /// Returns the folder of the rendered root module.
    pub(crate) fn tree(&self) -> PathBuf {
        self.dir.join("tree")
    }

    /// Returns an empty folder for `HOME`.
    pub(crate) fn home(&self) -> PathBuf {
        self.dir.join("home")
    }

    pub(crate) fn tmp(&self) -> &Path {
        self.scratch.path()
    }

    /// Returns the file for a command's raw output; it is private, and the next run overwrites it.
    pub(crate) fn log(&self, command: &str) -> PathBuf {
        self.dir.join(format!("{command}.log"))
    }

    pub(crate) fn new_plan_file(&self) -> PathBuf {
        self.dir.join(format!("{}.{PLAN}", uuid::Uuid::now_v7()))
    }

    /// Removes plan files that a killed process left behind, since they contain secrets in plain
    /// text.
    fn remove_plan_files(&self) -> Result<(), Error> {
        for path in entries(&self.dir)? {
            if path.extension().is_some_and(|extension| extension == PLAN) {
                fs::remove_file(&path)
                    .map_err(Error::io(format!("removing {}", path.display())))?;
            }
        }
        Ok(())
    }

    /// Makes the tree contain exactly `files`.
    pub(crate) fn write(&self, files: &BTreeMap<String, Vec<u8>>) -> Result<(), Error> {
        for path in files.keys() {
            check(path)?;
        }
        let tree = self.tree();
        let mut keep: BTreeSet<PathBuf> = [tree.join(DATA), tree.join(LOCK_FILE)].into();
        for path in files.keys() {
            let parents =
                Path::new(path).ancestors().filter(|parent| !parent.as_os_str().is_empty());
            keep.extend(parents.map(|parent| tree.join(parent)));
        }
        let paths: BTreeSet<PathBuf> = files.keys().map(|path| tree.join(path)).collect();
        sweep(&tree, &tree, &keep, &paths)?;
        for (path, bytes) in files {
            let path = tree.join(path);
            if fs::read(&path).is_ok_and(|old| old == *bytes) {
                continue;
            }
            let parent = path.parent().unwrap_or(&tree);
            fs::create_dir_all(parent)
                .and_then(|()| fs::write(&path, bytes))
                .map_err(Error::io(format!("writing {}", path.display())))?;
        }
        Ok(())
    }
}

/// Returns whether an operation, or a child that outlived one, holds the work directory `dir`. If
/// that cannot be determined, it counts as held.
pub fn is_held(dir: &Path) -> bool {
    match File::open(dir.join(HELD)) {
        Ok(file) => file.try_lock().is_err(),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    }
}

/// Removes what is in `dir` but not to be kept, and links and directories in the place of files.
fn sweep(
    tree: &Path,
    dir: &Path,
    keep: &BTreeSet<PathBuf>,
    files: &BTreeSet<PathBuf>,
) -> Result<(), Error> {
    for path in entries(dir)? {
        let what = || format!("removing {}", path.display());
        let meta = fs::symlink_metadata(&path).map_err(Error::io(what()))?;
        if is_state(&path) {
            let why = "there is a state in it, which belongs to the backend; move it to where the \
                       backend's `path` says";
            return Err(Error::unreadable(path.display().to_string(), why));
        }
        let is_own = dir == tree && (path.ends_with(DATA) || path.ends_with(LOCK_FILE));
        if is_own && !meta.is_symlink() {
            continue;
        }
        let is_wanted_dir = meta.is_dir() && keep.contains(&path) && !files.contains(&path);
        let is_wanted_file = meta.is_file() && files.contains(&path);
        if is_wanted_dir {
            sweep(tree, &path, keep, files)?;
        } else if meta.is_dir() {
            fs::remove_dir_all(&path).map_err(Error::io(what()))?;
        } else if !is_wanted_file {
            fs::remove_file(&path).map_err(Error::io(what()))?;
        }
    }
    Ok(())
}

fn is_state(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("terraform.tfstate"))
}

/// Checks that a path of the rendered tree stays inside the tree and is not one of the engine's own
/// files.
fn check(path: &str) -> Result<(), Error> {
    let is_plain = !path.is_empty()
        && !path.contains('\0')
        && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
        && !path.ends_with('/');
    let first = path.split('/').next().unwrap_or_default();
    if !is_plain || first == DATA || path == LOCK_FILE || is_state(Path::new(path)) {
        let why = "it is no plain path below the root module, or the name belongs to the engine";
        return Err(Error::unreadable(format!("the rendered file `{path}`"), why));
    }
    Ok(())
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let what = || format!("reading the directory {}", dir.display());
    fs::read_dir(dir)
        .map_err(Error::io(what()))?
        .map(|entry| entry.map(|entry| entry.path()).map_err(Error::io(what())))
        .collect()
}

/// Creates a directory that only this user can read, or restricts an existing one.
pub(super) fn private(dir: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .and_then(|()| fs::set_permissions(dir, Permissions::from_mode(0o700)))
        .map_err(Error::io(format!("making {}", dir.display())))
}

/// Waits for a file lock, which other processes respect too.
pub(super) async fn lock(
    file: &File,
    what: &'static str,
    wait: Duration,
    control: &Control<'_>,
) -> Result<(), Error> {
    let command = match what {
        "work directory" => "waiting for the work directory",
        _ => "waiting for the provider cache",
    };
    let deadline = Instant::now() + wait;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(source)) => {
                return Err(Error::Io { what: format!("locking the {what}"), source });
            }
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                return Err(Error::TimedOut { command, limit: wait });
            }
            Err(TryLockError::WouldBlock) => {}
        }
        tokio::select! {
            () = control.cancel.cancelled() => return Err(Error::Cancelled { command }),
            () = sleep(Duration::from_millis(50)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn held(dir: &Path) -> Result<WorkDir, Error> {
        WorkDir::hold(dir, dir.parent().unwrap(), Duration::ZERO, &Control::default()).await
    }

    fn files(paths: &[&str]) -> BTreeMap<String, Vec<u8>> {
        paths.iter().map(|path| ((*path).to_owned(), b"{}".to_vec())).collect()
    }

    fn listed(tree: &Path) -> Vec<String> {
        let mut paths: Vec<String> = walkdir::WalkDir::new(tree)
            .min_depth(1)
            .into_iter()
            .map(|entry| entry.unwrap().path().strip_prefix(tree).unwrap().display().to_string())
            .collect();
        paths.sort();
        paths
    }

    #[tokio::test]
    async fn strangers_go_and_the_engines_own_files_stay() {
        let tmp = tempfile::tempdir().unwrap();
        let workdir = held(&tmp.path().join("stack")).await.unwrap();
        let tree = workdir.tree();
        workdir.write(&files(&["main.tf.json", "modules/site/none/main.tf", "was_dir/x"])).unwrap();
        fs::create_dir(tree.join(DATA)).unwrap();
        fs::write(tree.join(DATA).join("kept"), "").unwrap();
        fs::write(tree.join(LOCK_FILE), "").unwrap();
        fs::write(tree.join("evil.auto.tfvars"), "").unwrap();
        fs::remove_file(tree.join("main.tf.json")).unwrap();
        let outside = tmp.path().join("outside");
        fs::write(&outside, "theirs").unwrap();
        std::os::unix::fs::symlink(&outside, tree.join("main.tf.json")).unwrap();
        workdir.write(&files(&["main.tf.json", "was_dir"])).unwrap();
        assert_eq!(
            listed(&tree),
            [".terraform", ".terraform.lock.hcl", ".terraform/kept", "main.tf.json", "was_dir"]
        );
        assert_eq!(fs::read_to_string(outside).unwrap(), "theirs");
    }

    #[tokio::test]
    async fn data_of_the_engine_that_is_a_link_goes() {
        let tmp = tempfile::tempdir().unwrap();
        let workdir = held(&tmp.path().join("stack")).await.unwrap();
        let data = workdir.tree().join(DATA);
        std::os::unix::fs::symlink(tmp.path(), &data).unwrap();
        workdir.write(&files(&["main.tf.json"])).unwrap();
        assert!(fs::symlink_metadata(&data).is_err());
        assert!(tmp.path().exists());
    }

    #[tokio::test]
    async fn a_path_that_leaves_the_tree_or_is_the_engines_is_refused() {
        let tmp = tempfile::tempdir().unwrap();
        let workdir = held(&tmp.path().join("stack")).await.unwrap();
        for path in [
            "../x",
            "/x",
            "a/../../x",
            "",
            "a/",
            ".terraform/x",
            ".terraform.lock.hcl",
            "terraform.tfstate",
        ] {
            let refused = workdir.write(&files(&[path]));
            assert!(matches!(refused, Err(Error::Unreadable { .. })), "{path}: {refused:?}");
        }
    }

    #[tokio::test]
    async fn a_state_in_the_tree_is_never_removed() {
        let tmp = tempfile::tempdir().unwrap();
        let workdir = held(&tmp.path().join("stack")).await.unwrap();
        let state = workdir.tree().join("terraform.tfstate");
        fs::write(&state, "precious").unwrap();
        assert!(workdir.write(&files(&["main.tf.json"])).is_err());
        assert!(state.exists());
    }

    #[tokio::test]
    async fn it_is_private_and_one_at_a_time_holds_it() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = tmp.path().join("stack");
        let first = held(&dir).await.unwrap();
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(matches!(held(&dir).await, Err(Error::TimedOut { .. })));
        drop(first);
        held(&dir).await.unwrap();
    }

    #[tokio::test]
    async fn a_child_that_outlives_us_still_holds_it() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = tmp.path().join("stack");
        let first = held(&dir).await.unwrap();
        let mut child = std::process::Command::new("sleep")
            .arg("600")
            .stdin(first.held().try_clone().unwrap())
            .spawn()
            .unwrap();
        drop(first);
        assert!(matches!(held(&dir).await, Err(Error::TimedOut { .. })));
        assert!(is_held(&dir));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!is_held(&dir) && !is_held(&tmp.path().join("nothing")));
        held(&dir).await.unwrap();
    }

    #[tokio::test]
    async fn a_plan_file_that_was_left_behind_is_removed() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = tmp.path().join("stack");
        let left = held(&dir).await.unwrap().new_plan_file();
        fs::write(&left, "secrets").unwrap();
        held(&dir).await.unwrap();
        assert!(!left.exists());
    }
}
