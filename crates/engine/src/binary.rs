//! The engine's binary: where it is, which of the two engines it is, and its exact version.
//!
//! The version is asked once per binary, which is identified by path, size and modification time.
//! Which versions are acceptable is an argument; it comes from the lock of the stack.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

use super::{
    Control, Engine, Error,
    child::{self, Invocation},
    secrets::Secrets,
    transcript::Transcript,
    workdir,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Tofu,
    Terraform,
}

impl Kind {
    pub(super) fn registry(self) -> &'static str {
        match self {
            Self::Tofu => "registry.opentofu.org",
            Self::Terraform => "registry.terraform.io",
        }
    }

    /// Returns the name that people know the engine by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tofu => "OpenTofu",
            Self::Terraform => "Terraform",
        }
    }

    /// Returns which engine a binary is, judging by its file name: the JSON of the two engines does
    /// not distinguish them.
    fn from_file_name(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().into_owned();
        [("tofu", Self::Tofu), ("terraform", Self::Terraform)]
            .into_iter()
            .find_map(|(word, kind)| name.contains(word).then_some(kind))
    }
}

/// An engine that was found and whose version satisfies the constraint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binary {
    pub kind: Kind,
    pub path: PathBuf,
    pub version: Version,
}

/// Identifies a binary without running it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint {
    path: PathBuf,
    size: u64,
    changed: (i64, i64),
}

#[derive(Deserialize)]
struct Answer {
    terraform_version: Version,
}

impl Engine {
    /// Returns the path of this machine's engine without running it. Fails if there is none.
    pub fn find(&self) -> Result<PathBuf, Error> {
        find_binary(self.settings.binary.as_deref(), &self.settings.path)
    }

    /// Returns this machine's engine. Fails if its version does not satisfy `constraint`, such as
    /// `>=1.9, <2`.
    pub async fn binary(&self, constraint: &str, control: &Control<'_>) -> Result<Binary, Error> {
        let wanted = VersionReq::parse(constraint).map_err(|why| {
            Error::unreadable(format!("the engine constraint `{constraint}`"), why)
        })?;
        let path = self.find()?;
        let fingerprint = fingerprint(&path)?;
        let known = self.versions.lock().ok().and_then(|known| known.get(&fingerprint).cloned());
        let binary = match known {
            Some(binary) => binary,
            None => {
                let binary = self.ask(path, control).await?;
                if let Ok(mut known) = self.versions.lock() {
                    known.insert(fingerprint, binary.clone());
                }
                binary
            }
        };
        if wanted.matches(&binary.version) {
            return Ok(binary);
        }
        let wanted = format!("`{constraint}`");
        Err(Error::WrongVersion { binary: binary.path, version: binary.version, wanted })
    }

    async fn ask(&self, path: PathBuf, control: &Control<'_>) -> Result<Binary, Error> {
        let kind = Kind::from_file_name(&path).ok_or_else(|| {
            let why = "its name has neither `tofu` nor `terraform` in it, which say what it is";
            Error::unreadable(path.display().to_string(), why)
        })?;
        workdir::private(&self.settings.work)?;
        let dir = tempfile::tempdir_in(&self.settings.work).map_err(Error::io(format!(
            "making a directory in {}",
            self.settings.work.display()
        )))?;
        let env = self.environment(dir.path(), dir.path(), &BTreeMap::new());
        let invocation = Invocation {
            command: "version",
            program: &path,
            args: vec!["version".into(), "-json".into()],
            dir: dir.path(),
            env: &env,
            log: &dir.path().join("version.log"),
            captures: true,
            limit: self.settings.limits.read,
            grace: self.settings.limits.grace,
            outlives: false,
            holds: None,
        };
        let secrets = Secrets::default();
        let mut transcript = Transcript::new(&secrets, None);
        let ended = child::run(&invocation, control, &mut transcript).await?;
        let what = || format!("what `{} version -json` answers", path.display());
        let answer: Answer =
            serde_json::from_slice(&ended.stdout).map_err(|why| Error::unreadable(what(), why))?;
        Ok(Binary { kind, path, version: answer.terraform_version })
    }
}

fn find_binary(named: Option<&Path>, path: &OsStr) -> Result<PathBuf, Error> {
    let is_program = |path: &PathBuf| {
        path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    let on_path =
        |name: &Path| std::env::split_paths(path).map(|dir| dir.join(name)).find(is_program);
    let (found, looked) = match named {
        Some(named) if named.components().count() > 1 => {
            (Some(named.to_owned()).filter(is_program), format!("`{}`", named.display()))
        }
        Some(named) => (on_path(named), format!("`{}` on PATH", named.display())),
        None => (
            on_path(Path::new("tofu")).or_else(|| on_path(Path::new("terraform"))),
            "`tofu`, then `terraform`, on PATH".to_owned(),
        ),
    };
    let found = found.ok_or(Error::NotFound { looked })?;
    // Children run in other directories, so the path must be absolute.
    std::path::absolute(&found).map_err(Error::io(format!("finding {}", found.display())))
}

fn fingerprint(path: &Path) -> Result<Fingerprint, Error> {
    let meta = path.metadata().map_err(Error::io(format!("looking at {}", path.display())))?;
    let changed = (meta.mtime(), meta.mtime_nsec());
    Ok(Fingerprint { path: path.to_owned(), size: meta.len(), changed })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn program(dir: &Path, name: &str) -> PathBuf {
        let path = dir.join(name);
        fs::write(&path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn tofu_comes_first_and_a_named_one_before_both() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().as_os_str();
        assert!(matches!(find_binary(None, path), Err(Error::NotFound { .. })));
        let terraform = program(dir.path(), "terraform");
        assert_eq!(find_binary(None, path).unwrap(), terraform);
        let tofu = program(dir.path(), "tofu");
        assert_eq!(find_binary(None, path).unwrap(), tofu);
        assert_eq!(find_binary(Some(Path::new("terraform")), path).unwrap(), terraform);
        assert_eq!(find_binary(Some(&terraform), "".as_ref()).unwrap(), terraform);
        assert!(find_binary(Some(Path::new("terragrunt")), path).is_err());
    }

    #[test]
    fn a_file_that_cannot_run_is_no_engine() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("tofu"), "").unwrap();
        assert!(find_binary(None, dir.path().as_os_str()).is_err());
    }
}
