//! The lock file of a stack: the exact package, engine range, providers and state key that it uses.
//!
//! Only `planwright lock` and change sets write lock files. Everything else checks them and
//! requires them to match the stack and the bytes of the package exactly.

use std::collections::BTreeMap;

use semver::Version;
use serde::{Deserialize, Serialize};

use planwright_core::{
    canonical::pretty,
    digest::Digest,
    finding::{Finding, Location},
    names::StackId,
};

use super::{
    Checked,
    document::{Document, finding_at},
    files::Files,
    loaded_package::Package,
    repository::{lock_file, stacks},
    stack::Stack,
    yaml::Node,
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    #[serde(rename = "apiVersion")]
    pub api_version: String,
    pub kind: String,
    pub package: LockedPackage,
    /// A range; the exact version that ran is part of the input digest.
    pub engine: String,
    /// Providers by source, such as `hashicorp/aws`.
    pub providers: BTreeMap<String, ProviderLock>,
    /// The name of the state, for the whole life of the stack, whatever the stack is called later.
    pub state_key: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedPackage {
    pub name: String,
    pub version: String,
    /// `builtin`, or `path:` followed by the folder.
    pub source: String,
    /// The content digest of the package.
    pub digest: Digest,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderLock {
    pub version: String,
    /// The hashes of all platforms, as in the engine's own lock file.
    pub hashes: Vec<String>,
}

impl Lock {
    /// Returns a new lock for `stack`; an existing state key is kept.
    ///
    /// Fails if the stack does not allow the version of the package.
    pub fn new(stack: &Stack, package: &Package, state_key: Option<String>) -> Checked<Self> {
        let manifest = &package.manifest;
        let is_allowed =
            Version::parse(&manifest.version).is_ok_and(|version| stack.version.matches(&version));
        if !is_allowed {
            let message = format!(
                "`{}` is here in version {}, and the stack asks for `{}`",
                manifest.name, manifest.version, stack.version
            );
            let mut finding =
                Finding::error("version_unavailable", stack.version_place.clone(), message);
            finding.pointer = Some("/version".into());
            finding.allowed = vec![manifest.version.clone()];
            finding.fix = Some(format!("write `version: \"^{}\"`", manifest.version));
            return Err(vec![finding]);
        }
        let providers = manifest.providers.values().map(|provider| {
            let hashes = provider.hashes.values().cloned().collect();
            (provider.source.clone(), ProviderLock { version: provider.version.clone(), hashes })
        });
        Ok(Self {
            api_version: "planwright.dev/v1".into(),
            kind: "Lock".into(),
            package: LockedPackage {
                name: manifest.name.clone(),
                version: manifest.version.clone(),
                source: package.source.locked(),
                digest: package.digest.clone(),
            },
            engine: manifest.requires.engine.clone(),
            providers: providers.collect(),
            state_key: state_key.unwrap_or_else(|| stack.id.to_string()),
        })
    }

    /// Returns the bytes of the file.
    pub fn bytes(&self) -> Vec<u8> {
        pretty(serde_json::to_value(self).unwrap_or_default())
    }

    /// Reads the lock of a stack, as a value and as a tree; `None` if it was never locked.
    pub fn read(files: &dyn Files, id: &StackId) -> Checked<Option<(Self, Node)>> {
        let path = lock_file(id);
        let Some(bytes) = files.read(&path)? else { return Ok(None) };
        Document::Lock.read(&path, &bytes).map(Some).map_err(|mut findings| {
            for finding in &mut findings {
                if finding.code == "invalid_yaml" {
                    finding.code = "invalid_json".into();
                }
                // The file may hold the key of an existing state, so `lock` refuses it as well.
                finding.fix = Some(format!(
                    "git checkout -- {path}; if it was never committed, remove it and run `{}`",
                    mend(id)
                ));
            }
            findings
        })
    }

    /// Returns the lock of a stack if it matches stack and package. This is what `--locked` means.
    pub fn checked(files: &dyn Files, stack: &Stack, package: &Package) -> Checked<Self> {
        let id = &stack.id;
        let Some((lock, node)) = Self::read(files, id)? else {
            let place = Location { file: lock_file(id), line: 1, column: 1 };
            let message = format!("the stack `{id}` has no lock file");
            let fix = Some(mend(id));
            return Err(vec![Finding { fix, ..Finding::error("lock_missing", place, message) }]);
        };
        let now = Self::new(stack, package, Some(lock.state_key.clone()))?;
        let findings = lock.findings(&now, &node, id);
        if findings.is_empty() { Ok(lock) } else { Err(findings) }
    }

    /// Returns the first difference between this lock and a new one; the others follow from it.
    fn findings(&self, now: &Self, node: &Node, id: &StackId) -> Vec<Finding> {
        let (locked, actual) = (&self.package, &now.package);
        if let Some(folder) = locked.edited(actual) {
            return vec![edited_package(node, actual, folder, id)];
        }
        let differs = [
            ("/package/name", locked.name.as_str(), actual.name.as_str()),
            ("/package/source", &locked.source, &actual.source),
            ("/package/version", &locked.version, &actual.version),
            ("/package/digest", locked.digest.short(), actual.digest.short()),
            ("/engine", &self.engine, &now.engine),
        ]
        .into_iter()
        .find(|(_, locked, actual)| locked != actual);
        let message = match differs {
            Some((pointer, locked, actual)) => Some((
                pointer,
                format!("the lock says `{locked}`, and the stack now uses `{actual}`"),
            )),
            None if locked.digest != actual.digest => {
                Some(("/package/digest", "the lock's digest is not the package's".into()))
            }
            None if self.providers != now.providers => {
                Some(("/providers", "the lock's providers are not the package's".into()))
            }
            None => None,
        };
        let told = message.map(|(pointer, message)| {
            let mut finding = finding_at(node, pointer, "lock_outdated", message);
            finding.fix = Some(mend(id));
            finding
        });
        told.into_iter().collect()
    }
}

impl LockedPackage {
    /// Returns the folder of the package if only its content differs from `actual`'s.
    ///
    /// Returns `None` for a built-in package: there the lock or the binary differs.
    fn edited<'a>(&self, actual: &'a Self) -> Option<&'a str> {
        let folder = actual.source.strip_prefix("path:")?;
        let is_same = (&self.name, &self.source, &self.version)
            == (&actual.name, &actual.source, &actual.version);
        (is_same && self.digest != actual.digest).then_some(folder)
    }
}

fn edited_package(node: &Node, package: &LockedPackage, folder: &str, id: &StackId) -> Finding {
    let message = format!(
        "the package `{}` ({folder}) is not what was locked: its content changed, its version ({}) \
         did not",
        package.name, package.version
    );
    let mut finding = finding_at(node, "/package/digest", "lock_outdated", message);
    finding.fix = Some(format!(
        "take the edit back; or, if it is meant, raise `version` in {folder}/package.yaml and run \
         `{}`",
        mend(id)
    ));
    finding
}

/// Returns a finding for each stack that uses the state key of another: they would destroy each
/// other's resources.
///
/// The state belongs to the stack that `owners` has for its key, or else to the stack whose name
/// equals the key, or else to the first one; the findings are about the others.
pub fn shared_state(
    files: &dyn Files,
    owners: &BTreeMap<String, StackId>,
) -> Checked<Vec<Finding>> {
    let mut users: BTreeMap<String, Vec<(StackId, Node)>> = BTreeMap::new();
    for id in stacks(files)?.0 {
        // A lock that cannot be read is reported where its stack is checked.
        let Ok(Some((lock, node))) = Lock::read(files, &id) else { continue };
        users.entry(lock.state_key).or_default().push((id, node));
    }
    let mut findings = Vec::new();
    for (key, users) in users {
        let named = users.iter().position(|(id, _)| id.to_string() == key);
        let first = users.get(named.unwrap_or(0)).map(|(id, _)| id);
        let Some(owner) = owners.get(&key).or(first) else { continue };
        for (id, node) in users.iter().filter(|(id, _)| id != owner) {
            let message = belongs_to(&key, owner, id);
            let mut finding = finding_at(node, "/state_key", "state_shared", message);
            let own = if id.to_string() == key { format!("{id}-2") } else { id.to_string() };
            finding.fix = Some(format!("write `\"state_key\": \"{own}\"` there"));
            findings.push(finding);
        }
    }
    Ok(findings)
}

/// Returns why a stack does not get a state.
pub fn belongs_to(key: &str, owner: &StackId, other: &StackId) -> String {
    format!(
        "the state `{key}` was first used by the stack `{owner}` and stays with it, also after that \
         is removed; give `{other}` a state key of its own"
    )
}

fn mend(id: &StackId) -> String {
    format!("planwright lock {id}")
}
