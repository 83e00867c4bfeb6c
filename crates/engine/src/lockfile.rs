//! The engine's lock file `.terraform.lock.hcl`, generated from the lock of a stack.
//!
//! Only the form that the engines themselves write. Which providers a stack needs, and whether a
//! lock may change, is decided in `package`.

use std::{collections::BTreeMap, fmt::Write as _};

use semver::Version;
use serde::{Deserialize, Serialize};

use super::{Error, Kind};

/// The version and hashes of one provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderLock {
    pub version: Version,
    /// Hashes as the engines write them: `h1:…` of the unpacked files, `zh:…` of the archive. One
    /// match is enough, so the list may hold hashes for several platforms and registries.
    pub hashes: Vec<String>,
}

/// Returns the lock file for these providers; `None` if there are none.
pub(super) fn text(
    providers: &BTreeMap<String, ProviderLock>,
    kind: Kind,
) -> Result<Option<String>, Error> {
    if providers.is_empty() {
        return Ok(None);
    }
    let mut text = String::from("# Written by Planwright from the stack's lock; do not edit.\n");
    for (source, lock) in providers {
        let address = address(source, kind)?;
        if lock.hashes.is_empty() {
            let why = "it has no hash, so nothing says which bytes may run; lock the stack again";
            return Err(Error::unreadable(format!("the locked provider `{source}`"), why));
        }
        let mut hashes = lock.hashes.clone();
        hashes.sort();
        let _ = write!(text, "\nprovider \"{address}\" {{\n  version = \"{}\"\n", lock.version);
        text.push_str("  hashes = [\n");
        for hash in &hashes {
            check_hash(source, hash)?;
            let _ = writeln!(text, "    \"{hash}\",");
        }
        text.push_str("  ]\n}\n");
    }
    Ok(Some(text))
}

/// Returns `host/namespace/type`, with the engine's default registry if `source` names no host.
pub(super) fn address(source: &str, kind: Kind) -> Result<String, Error> {
    let is_part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.:".contains(&b))
            && !part.starts_with('.')
    };
    let parts: Vec<&str> = source.split('/').collect();
    match parts.as_slice() {
        parts if !parts.iter().all(|part| is_part(part)) => {}
        [_, _] => return Ok(format!("{}/{source}", kind.registry())),
        [_, _, _] => return Ok(source.to_owned()),
        _ => {}
    }
    let why = "expected `namespace/type` or `host/namespace/type`, in lower case";
    Err(Error::unreadable(format!("the provider `{source}`"), why))
}

fn check_hash(source: &str, hash: &str) -> Result<(), Error> {
    let is_hash = hash.split_once(':').is_some_and(|(scheme, digest)| {
        matches!(scheme, "h1" | "zh")
            && !digest.is_empty()
            && digest.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b))
    });
    if is_hash {
        return Ok(());
    }
    let why = format!("`{hash}` is no hash; expected `h1:…` or `zh:…`");
    Err(Error::unreadable(format!("the locked provider `{source}`"), why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aws() -> BTreeMap<String, ProviderLock> {
        let hashes = vec!["zh:0123".to_owned(), "h1:ab+/=".to_owned()];
        let lock = ProviderLock { version: Version::new(5, 100, 0), hashes };
        [("hashicorp/aws".to_owned(), lock)].into()
    }

    #[test]
    fn it_names_the_registry_of_the_engine() {
        insta::assert_snapshot!(text(&aws(), Kind::Tofu).unwrap().unwrap(), @r#"
        # Written by Planwright from the stack's lock; do not edit.

        provider "registry.opentofu.org/hashicorp/aws" {
          version = "5.100.0"
          hashes = [
            "h1:ab+/=",
            "zh:0123",
          ]
        }
        "#);
        let terraform = text(&aws(), Kind::Terraform).unwrap().unwrap();
        assert!(terraform.contains("\"registry.terraform.io/hashicorp/aws\""));
    }

    #[test]
    fn nothing_but_a_source_and_hashes_gets_in() {
        for source in ["aws", "a/b/c/d", "a/b\" {", "A/b", "../aws", ""] {
            assert!(address(source, Kind::Tofu).is_err(), "{source}");
        }
        for hashes in [vec![], vec!["h1:a\"".to_owned()], vec!["md5:00".to_owned()]] {
            let mut providers = aws();
            providers.get_mut("hashicorp/aws").unwrap().hashes = hashes.clone();
            assert!(text(&providers, Kind::Tofu).is_err(), "{hashes:?}");
        }
    }
}
