//! The unpacked package of a provider: where it is, whether it matches the lock, what to start.
//!
//! The engine does not check a running provider against its lock file, so this is done here, before
//! each start. `h1:` marks the `dirhash` of Go's module checksums: SHA-256 over the sorted lines of
//! digest and path of each file.

use std::{
    collections::HashMap,
    fmt, fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Mutex,
};

use aws_lc_rs::digest::{Context, SHA256};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::error::WarmError;
use crate::ProviderLock;

/// A provider that the engine has unpacked, with the locked content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Package {
    pub executable: PathBuf,
    /// Its `h1:…` hash.
    pub digest: String,
}

/// Detects changes of a file without reading it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint {
    path: PathBuf,
    size: u64,
    inode: u64,
    changed: (i64, i64),
}

/// Digests of packages by the fingerprints of their files, so that packages of 700 MB are read
/// once.
#[derive(Default)]
pub(super) struct Packages {
    known: Mutex<HashMap<Vec<Fingerprint>, String>>,
}

impl Packages {
    /// Returns the package in `dir`, if there is one. Fails if it must not run. Reads every file of
    /// a package with unknown fingerprints.
    pub(super) fn at(&self, dir: &Path, lock: &ProviderLock) -> Result<Option<Package>, WarmError> {
        let Ok(dir) = fs::canonicalize(dir) else { return Ok(None) };
        let files = files(&dir)?;
        let mut executables = files.iter().filter(|file| is_executable(file));
        let Some(executable) = executables.next() else { return Ok(None) };
        if executables.next().is_some() {
            return Err(format!("{} has more than one program", dir.display()).into());
        }
        let digest = self.digest(&dir, &files)?;
        if !lock.hashes.contains(&digest) {
            return Err(format!(
                "{} has the digest {digest}, which is not among those in the lock",
                dir.display()
            )
            .into());
        }
        Ok(Some(Package { executable: executable.clone(), digest }))
    }

    fn digest(&self, dir: &Path, files: &[PathBuf]) -> Result<String, WarmError> {
        let fingerprints: Vec<Fingerprint> =
            files.iter().map(|file| Fingerprint::read(file)).collect::<Result<_, _>>()?;
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(digest) = known.get(&fingerprints) {
            return Ok(digest.clone());
        }
        let digest = h1(dir, files)?;
        known.insert(fingerprints, digest.clone());
        Ok(digest)
    }
}

/// Returns all files below `dir`. Fails if there is anything else than files and directories.
fn files(dir: &Path) -> Result<Vec<PathBuf>, WarmError> {
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(dir) {
        let entry = entry.map_err(|why| why.to_string())?;
        match entry.file_type() {
            kind if kind.is_file() => files.push(entry.into_path()),
            kind if kind.is_dir() => {}
            _ => {
                return Err(
                    format!("{} is neither file nor directory", entry.path().display()).into()
                );
            }
        }
    }
    Ok(files)
}

fn is_executable(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("terraform-provider-")
        && fs::metadata(file).is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0)
}

impl Fingerprint {
    pub(super) fn read(file: &Path) -> Result<Self, WarmError> {
        let meta = fs::metadata(file).map_err(|why| format!("{}: {why}", file.display()))?;
        Ok(Self {
            path: file.to_owned(),
            size: meta.len(),
            inode: meta.ino(),
            changed: (meta.ctime(), meta.ctime_nsec()),
        })
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, size, inode, changed } = self;
        write!(f, "{} {size} {inode} {}.{:09}", path.display(), changed.0, changed.1)
    }
}

fn h1(dir: &Path, files: &[PathBuf]) -> Result<String, WarmError> {
    let mut lines = Vec::new();
    for file in files {
        let name = file.strip_prefix(dir).ok().and_then(Path::to_str);
        let name = name.ok_or_else(|| format!("{} is no text", file.display()))?;
        lines.push((name, sha256(file).map_err(|why| format!("{}: {why}", file.display()))?));
    }
    lines.sort_unstable();
    let mut all = Context::new(&SHA256);
    for (name, digest) in lines {
        all.update(format!("{digest}  {name}\n").as_bytes());
    }
    Ok(format!("h1:{}", STANDARD.encode(all.finish())))
}

fn sha256(file: &Path) -> std::io::Result<String> {
    let mut hash = Context::new(&SHA256);
    let mut file = fs::File::open(file)?;
    let mut block = vec![0; 1 << 18];
    loop {
        match std::io::Read::read(&mut file, &mut block)? {
            0 => return Ok(hex::encode(hash.finish())),
            read => hash.update(&block[..read]),
        }
    }
}

/// Returns the platform in the engines' notation, such as `linux_amd64`.
pub(super) fn platform() -> String {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    };
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    format!("{os}_{arch}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("LICENSE.txt"), "free\n").unwrap();
        let program = dir.path().join("terraform-provider-echo_v1.0.0");
        fs::write(&program, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        dir
    }

    fn lock(hash: &str) -> ProviderLock {
        ProviderLock { version: semver::Version::new(1, 0, 0), hashes: vec![hash.into()] }
    }

    /// The output of Go's `dirhash.HashDir(dir, "", dirhash.Hash1)` for these two files.
    const H1: &str = "h1:IjtkVOOaoWeSZHM0jdKmo76AYLvozPUDjMg/dzRr8QI=";

    #[test]
    fn the_locked_package_is_found_and_another_one_refused() {
        let dir = package();
        let packages = Packages::default();
        let found = packages.at(dir.path(), &lock(H1)).unwrap().unwrap();
        assert!(found.executable.ends_with("terraform-provider-echo_v1.0.0"));
        let refused = packages.at(dir.path(), &lock("h1:other")).unwrap_err().to_string();
        assert!(refused.contains("not among those in the lock"), "{refused}");
    }

    #[test]
    fn a_file_that_changed_is_read_again() {
        let dir = package();
        let packages = Packages::default();
        packages.at(dir.path(), &lock(H1)).unwrap().unwrap();
        fs::write(dir.path().join("LICENSE.txt"), "evil\n").unwrap();
        assert!(packages.at(dir.path(), &lock(H1)).is_err());
    }

    #[test]
    fn a_package_that_is_not_there_is_none_and_a_link_in_one_is_refused() {
        let dir = package();
        let packages = Packages::default();
        assert_eq!(packages.at(&dir.path().join("none"), &lock(H1)), Ok(None));
        std::os::unix::fs::symlink("/etc/hostname", dir.path().join("link")).unwrap();
        assert!(packages.at(dir.path(), &lock(H1)).is_err());
    }
}
