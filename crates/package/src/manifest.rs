//! The manifest of a package, `package.yaml`.
//!
//! Only its form is checked here; `contract` checks whether slots, contracts and variants fit
//! together.

use std::collections::BTreeMap;

use semver::{Version, VersionReq};
use serde::Deserialize;

use super::{
    Checked,
    document::{Document, finding_at},
    yaml::Node,
};

#[derive(Clone, Debug, Deserialize)]
pub struct Manifest {
    pub name: String,
    pub version: String,
    pub summary: String,
    pub keywords: Vec<String>,
    pub requires: Requires,
    pub providers: BTreeMap<String, Provider>,
    pub contracts: BTreeMap<String, Contract>,
    pub slots: BTreeMap<String, Slot>,
    /// From `slot.input` of a contract to the reference that supplies it.
    pub wiring: BTreeMap<String, String>,
    pub outputs: BTreeMap<String, String>,
    /// Outputs that are never shown. The engine fails if an output that a module marks as sensitive
    /// is not listed here.
    pub sensitive: Vec<String>,
    /// Slots whose resources are only deleted or replaced if a person allows it by address.
    pub protect: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Requires {
    pub planwright: String,
    pub engine: String,
}

/// A provider with its exact version; its key is its local name.
#[derive(Clone, Debug, Deserialize)]
pub struct Provider {
    /// `namespace/type`; the registry host is the engine's default.
    pub source: String,
    pub version: String,
    /// Hashes by platform, such as `linux_amd64`.
    pub hashes: BTreeMap<String, String>,
}

/// The inputs and outputs, with their types, of every variant of a slot.
#[derive(Clone, Debug, Deserialize)]
pub struct Contract {
    pub inputs: BTreeMap<String, String>,
    pub outputs: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Slot {
    pub implements: String,
    /// The param that selects the variant; a slot without one has a single variant.
    pub select: Option<String>,
    pub variants: Vec<String>,
}

impl Manifest {
    /// Returns the manifest, as a value and as a tree with positions.
    pub fn parse(file: &str, bytes: &[u8]) -> Checked<(Self, Node)> {
        let (manifest, node): (Self, Node) = Document::Package.read(file, bytes)?;
        let mut findings = Vec::new();
        if Version::parse(&manifest.version).is_err() {
            let message =
                format!("`{}` is not a version as in Semantic Versioning", manifest.version);
            findings.push(finding_at(&node, "/version", "invalid_version", message));
        }
        for (pointer, range) in [
            ("/requires/planwright", &manifest.requires.planwright),
            ("/requires/engine", &manifest.requires.engine),
        ] {
            if VersionReq::parse(range).is_err() {
                let message = format!("`{range}` is not a range of versions, such as `>=1.9, <2`");
                findings.push(finding_at(&node, pointer, "invalid_version", message));
            }
        }
        for (name, provider) in &manifest.providers {
            if Version::parse(&provider.version).is_err() {
                let message = format!("`{}` is not an exact version", provider.version);
                let pointer = format!("/providers/{name}/version");
                findings.push(finding_at(&node, &pointer, "invalid_version", message));
            }
        }
        if findings.is_empty() { Ok((manifest, node)) } else { Err(findings) }
    }
}
