//! Digests, by which values are compared.
//!
//! A digest names its algorithm or version (`sha256:…`, `v1:…`), so that digests by different rules
//! are never equal.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A digest as text: `algorithm:hex`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// Returns `sha256:` with the hash of `bytes`.
    pub fn sha256(bytes: &[u8]) -> Self {
        Self(format!("sha256:{}", hex::encode(Sha256::digest(bytes))))
    }

    /// Returns `<version>:` with the SHA-256 of all parts, each preceded by its length, so that
    /// different lists of parts have different digests.
    pub fn of_parts<'a>(version: &str, parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(format!("{version}:{}", hex::encode(hash.finalize())))
    }

    /// Makes a digest of a stored or typed text, which is not checked. It is only compared.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the form that people see and may type: the version and twelve hex digits.
    pub fn short(&self) -> &str {
        let hex = self.0.find(':').map_or(0, |colon| colon + 1);
        &self.0[..self.0.len().min(hex + 12)]
    }

    /// Returns whether a person who typed `text` meant this digest. At least the short form is
    /// needed.
    pub fn is_meant_by(&self, text: &str) -> bool {
        text.len() >= self.short().len() && self.0.starts_with(text)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_concatenate_alike_differ() {
        let one = Digest::of_parts("v1", [b"ab".as_slice(), b"c"]);
        let other = Digest::of_parts("v1", [b"a".as_slice(), b"bc"]);
        assert_ne!(one, other);
    }

    #[test]
    fn a_prefix_means_the_digest_only_from_twelve_digits_on() {
        let digest = Digest::of_parts("v1", [b"x".as_slice()]);
        assert!(digest.is_meant_by(digest.as_str()));
        assert!(digest.is_meant_by(digest.short()));
        assert!(!digest.is_meant_by("v1:"));
        assert!(!digest.is_meant_by("v1:000000000000"));
    }
}
