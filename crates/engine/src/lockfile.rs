//! `.terraform.lock.hcl`: written from what a stack's lock says, read when a stack is locked.
//!
//! Only the narrow form that the engines themselves write. Which providers a stack needs, and
//! whether a lock may change, is `package`'s.

use std::{collections::BTreeMap, fmt::Write as _};

use semver::Version;
use serde::{Deserialize, Serialize};

use super::{Error, Kind};

/// The version and content of one provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderLock {
    pub version: Version,
    /// As the engines write them: `h1:…` of the unpacked files, `zh:…` of the archive; one that
    /// fits is enough, so hashes of several platforms and registries may stand side by side.
    pub hashes: Vec<String>,
}

/// The lock file of these providers; nothing where there are none.
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

/// `host/namespace/type`, with the engine's own registry where no host is named.
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

/// The providers in a lock file that an engine wrote, those of its own registry without host.
pub(super) fn parse(text: &str, kind: Kind) -> Result<BTreeMap<String, ProviderLock>, Error> {
    let broken = |line: &str| Error::unreadable(LOCK, format!("the line `{line}` is not known"));
    let registry = format!("{}/", kind.registry());
    let mut providers = BTreeMap::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some(address) =
            line.strip_prefix("provider \"").and_then(|rest| rest.strip_suffix("\" {"))
        else {
            return Err(broken(line));
        };
        let lock = block(&mut lines)?;
        providers.insert(address.strip_prefix(&registry).unwrap_or(address).to_owned(), lock);
    }
    Ok(providers)
}

const LOCK: &str = "the lock file that the engine wrote";

fn block<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Result<ProviderLock, Error> {
    let (mut version, mut hashes) = (None, Vec::new());
    for line in lines {
        if let Some(hash) = line.strip_prefix('"').and_then(|rest| rest.strip_suffix("\",")) {
            hashes.push(hash.to_owned());
        } else if line == "}" {
            let version: Option<&str> = version;
            let version = version.ok_or_else(|| Error::unreadable(LOCK, "it names no version"))?;
            let version = version.parse().map_err(|why| Error::unreadable(LOCK, why))?;
            return Ok(ProviderLock { version, hashes });
        } else if let Some((name, value)) = line.split_once('=')
            && name.trim() == "version"
        {
            version = Some(value.trim().trim_matches('"'));
        }
    }
    Err(Error::unreadable(LOCK, "it ends within a block"))
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
    fn what_is_written_is_read_back() {
        let written = text(&aws(), Kind::Tofu).unwrap().unwrap();
        let read = parse(&written, Kind::Tofu).unwrap();
        assert_eq!(read["hashicorp/aws"].version, Version::new(5, 100, 0));
        assert_eq!(read["hashicorp/aws"].hashes, ["h1:ab+/=", "zh:0123"]);
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

    #[test]
    fn a_line_that_is_not_known_is_an_error() {
        assert!(parse("module \"x\" {\n}\n", Kind::Tofu).is_err());
        assert!(parse("provider \"a/b/c\" {\n  version = \"1.0.0\"\n", Kind::Tofu).is_err());
    }
}
