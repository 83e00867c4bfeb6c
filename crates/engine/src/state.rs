//! The identity of a state: lineage and serial.
//!
//! Read without running the engine. The resources in a state are never read.

use std::{fs, io::Read as _, path::Path};

use serde::{Deserialize, Serialize};

use super::{Backend, Error};

/// One version of one state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateId {
    pub lineage: String,
    pub serial: u64,
}

impl StateId {
    /// Returns the state that a plan file was made from; `None` if there was none yet.
    pub(super) fn from_plan_file(file: &Path) -> Result<Option<Self>, Error> {
        let broken = |why: &dyn std::fmt::Display| Error::unreadable("the state in the plan", why);
        let file = fs::File::open(file).map_err(Error::io("opening the plan file"))?;
        let mut archive = zip::ZipArchive::new(file).map_err(|why| broken(&why))?;
        let mut entry = archive.by_name("tfstate").map_err(|why| broken(&why))?;
        let mut json = Vec::new();
        entry.read_to_end(&mut json).map_err(|why| broken(&why))?;
        let id: Self = serde_json::from_slice(&json).map_err(|why| broken(&why))?;
        Ok(Some(id).filter(|id| !id.lineage.is_empty()))
    }
}

impl Backend {
    /// Returns the current state of a local backend; `None` if there is none yet. Fails if the
    /// backend is not local.
    pub fn local_state(&self) -> Result<Option<StateId>, Error> {
        let path = match (self.kind.as_str(), self.config.get("path")) {
            ("local", Some(path)) => Path::new(path),
            _ => {
                let why = format!("the backend is `{}`; only a local one is a file", self.kind);
                return Err(Error::unreadable("the state", why));
            }
        };
        let what = format!("the state {}", path.display());
        match fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(what)(error)),
            Ok(bytes) if bytes.is_empty() => Ok(None),
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map(Some).map_err(|why| Error::unreadable(what, why))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(path: &Path) -> Backend {
        let config = [("path".to_owned(), path.display().to_string())].into();
        Backend { kind: "local".into(), config }
    }

    #[test]
    fn a_local_state_is_known_by_lineage_and_serial() {
        let dir = tempfile::tempdir().unwrap();
        let backend = local(&dir.path().join("terraform.tfstate"));
        assert_eq!(backend.local_state().unwrap(), None);
        fs::write(dir.path().join("terraform.tfstate"), r#"{"lineage":"ab","serial":3}"#).unwrap();
        let id = StateId { lineage: "ab".into(), serial: 3 };
        assert_eq!(backend.local_state().unwrap(), Some(id));
    }

    #[test]
    fn a_state_that_cannot_be_read_is_an_error_and_not_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("terraform.tfstate");
        fs::write(&path, r#"{"encrypted_data":"…"}"#).unwrap();
        assert!(local(&path).local_state().is_err());
        assert!(Backend { kind: "s3".into(), ..local(&path) }.local_state().is_err());
    }
}
