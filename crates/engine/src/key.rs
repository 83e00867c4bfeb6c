//! The key for HMACs of sensitive values, which enter digests: a private file, created once.

use std::{
    fs,
    io::{self, ErrorKind, Write as _},
    path::Path,
};

use secrecy::SecretSlice;

use super::Error;

/// The length of a generated key in bytes, and the least length of one that people provide.
const LENGTH: usize = 32;

/// Returns the key in `file`. Fails if there is none, or it is too short.
pub fn digest_key(file: &Path) -> Result<SecretSlice<u8>, Error> {
    let what = || format!("the digest key {}", file.display());
    let key = fs::read(file).map_err(Error::io(format!("reading {}", what())))?;
    if key.len() < LENGTH {
        let why = format!(
            "it has {} bytes, and needs at least {LENGTH}; with a new one, what was planned before \
             has to be planned again",
            key.len()
        );
        return Err(Error::unreadable(what(), why));
    }
    Ok(key.into())
}

/// Returns the key in `file`, and creates the file if it does not exist.
///
/// A file that exists but cannot be read is never replaced: plans that people have approved may
/// depend on it.
pub fn ensure_digest_key(file: &Path) -> Result<SecretSlice<u8>, Error> {
    if !file.try_exists().map_err(Error::io(format!("looking at {}", file.display())))? {
        create_key(file)
            .map_err(Error::io(format!("writing the digest key {}", file.display())))?;
    }
    digest_key(file)
}

/// Creates the file with a new key, atomically; if another process is faster, its key stays.
fn create_key(file: &Path) -> io::Result<()> {
    let mut key = [0; LENGTH];
    aws_lc_rs::rand::fill(&mut key).map_err(|_| io::Error::other("no randomness for a key"))?;
    // A temporary file is readable only by its owner from the start.
    let mut aside = tempfile::NamedTempFile::new_in(file.parent().unwrap_or(Path::new(".")))?;
    aside.write_all(&key)?;
    aside.as_file().sync_all()?;
    match aside.persist_noclobber(file) {
        Err(lost) if lost.error.kind() != ErrorKind::AlreadyExists => Err(lost.error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("digest.key");
        assert!(digest_key(&file).is_err(), "only our own is made");
        let key = ensure_digest_key(&file).unwrap();
        assert_eq!(key.expose_secret().len(), LENGTH);
        assert_eq!(ensure_digest_key(&file).unwrap().expose_secret(), key.expose_secret());
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_that_is_there_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("digest.key");
        fs::write(&file, "short").unwrap();
        let said = ensure_digest_key(&file).unwrap_err().to_string();
        assert!(said.contains("it has 5 bytes, and needs at least 32"), "{said}");
        // A key that another process has created in the meantime is kept.
        create_key(&file).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"short");
    }
}
