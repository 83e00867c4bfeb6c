//! The files that the engine runs: a generated root module in JSON, the values, the static modules.
//!
//! Pure, with byte-for-byte reproducible results. Every value that a user can set is in
//! `terraform.tfvars.json`, where a string is a literal. `main.tf.json`, where `${…}` is an
//! expression, contains only names and references from the package.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use planwright_core::{canonical::pretty, digest::Digest};

use super::{
    expression::Reference,
    loaded_package::{Package, folder},
    lock::Lock,
    resolve::{Binding, Bound, Resolved},
};

/// The file of the root module.
pub const MAIN: &str = "main.tf.json";
/// The file with the values of its variables.
pub const VALUES: &str = "terraform.tfvars.json";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Content by path, relative to the directory in which the engine runs.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Rendered {
    /// Renders a resolved stack. `backend` is only the type; its settings are passed to `init`.
    pub fn new(package: &Package, resolved: &Resolved, lock: &Lock, backend: &str) -> Self {
        let mut files = BTreeMap::new();
        files.insert(MAIN.into(), pretty(main(package, resolved, lock, backend)));
        files.insert(VALUES.into(), pretty(values(resolved)));
        for (slot, filled) in &resolved.slots {
            for (path, bytes) in package.module(slot, &filled.variant) {
                files.insert(format!("{}/{path}", folder(slot, &filled.variant)), bytes.to_vec());
            }
        }
        Self { files }
    }

    /// Returns the digest of all files.
    pub fn digest(&self) -> Digest {
        digest(self.files.iter())
    }

    /// Returns the digest of all files except the values: while it stays the same, no new `init` is
    /// needed.
    pub fn code_digest(&self) -> Digest {
        digest(self.files.iter().filter(|(path, _)| *path != VALUES))
    }
}

fn digest<'a>(files: impl Iterator<Item = (&'a String, &'a Vec<u8>)>) -> Digest {
    Digest::of_parts("v1", files.flat_map(|(path, bytes)| [path.as_bytes(), bytes.as_slice()]))
}

fn main(package: &Package, resolved: &Resolved, lock: &Lock, backend: &str) -> Value {
    let used: BTreeMap<&String, _> = package
        .manifest
        .providers
        .iter()
        .filter(|(name, _)| resolved.providers.contains_key(*name))
        .collect();
    let required: Map<String, Value> = used
        .iter()
        .map(|(name, provider)| {
            ((*name).clone(), json!({ "source": provider.source, "version": provider.version }))
        })
        .collect();
    let mut terraform = json!({ "required_version": lock.engine, "backend": { backend: {} } });
    if !required.is_empty() {
        terraform["required_providers"] = required.into();
    }
    let mut root = json!({ "terraform": terraform, "module": modules(resolved) });
    for (block, value) in [
        ("variable", variables(resolved)),
        ("provider", providers(resolved)),
        ("output", outputs(package, resolved)),
    ] {
        if !value.is_empty() {
            root[block] = value.into();
        }
    }
    root
}

fn modules(resolved: &Resolved) -> Map<String, Value> {
    resolved
        .slots
        .iter()
        .map(|(slot, filled)| {
            let mut module = Map::new();
            module.insert("source".into(), format!("./{}", folder(slot, &filled.variant)).into());
            for (name, binding) in &filled.vars {
                module.insert(name.clone(), bound(binding, &variable_of_slot(slot, name)));
            }
            (slot.clone(), module.into())
        })
        .collect()
}

fn providers(resolved: &Resolved) -> Map<String, Value> {
    resolved
        .providers
        .iter()
        .map(|(provider, settings)| {
            let settings: Map<String, Value> = settings
                .iter()
                .map(|(name, binding)| {
                    (name.clone(), bound(binding, &variable_of_provider(provider, name)))
                })
                .collect();
            (provider.clone(), settings.into())
        })
        .collect()
}

fn outputs(package: &Package, resolved: &Resolved) -> Map<String, Value> {
    let output = |(name, reference): (&String, &Reference)| {
        let mut output = json!({ "value": in_engine(reference) });
        if package.manifest.sensitive.contains(name) {
            output["sensitive"] = true.into();
        }
        (name.clone(), output)
    };
    resolved.outputs.iter().map(output).collect()
}

fn variables(resolved: &Resolved) -> Map<String, Value> {
    all(resolved)
        .into_iter()
        .filter(|(_, binding)| matches!(binding.bound, Bound::Value(_)))
        .map(|(name, binding)| {
            (name, json!({ "type": binding.constraint, "nullable": binding.is_nullable }))
        })
        .collect()
}

fn values(resolved: &Resolved) -> Value {
    let values: Map<String, Value> = all(resolved)
        .into_iter()
        .filter_map(|(name, binding)| match &binding.bound {
            Bound::Value(node) => Some((name, node.value())),
            Bound::Wired { .. } => None,
        })
        .collect();
    values.into()
}

/// Returns every binding by the name of its root variable.
fn all(resolved: &Resolved) -> BTreeMap<String, &Binding> {
    let vars = resolved.slots.iter().flat_map(|(slot, filled)| {
        filled.vars.iter().map(move |(name, binding)| (variable_of_slot(slot, name), binding))
    });
    let settings = resolved.providers.iter().flat_map(|(provider, settings)| {
        settings.iter().map(move |(name, binding)| (variable_of_provider(provider, name), binding))
    });
    vars.chain(settings).collect()
}

fn bound(binding: &Binding, variable: &str) -> Value {
    match &binding.bound {
        Bound::Value(_) => format!("${{var.{variable}}}").into(),
        Bound::Wired { reference, .. } => in_engine(reference).into(),
    }
}

fn in_engine(reference: &Reference) -> String {
    match reference {
        Reference::Slot { slot, output } => format!("${{module.{slot}.{output}}}"),
        // By now params have been replaced by values, so the resolved document contains no such
        // reference.
        Reference::Param(path) => format!("${{var.{}}}", path.join("_")),
    }
}

/// Returns the name of a root variable. It is unique because names of slots and providers have no
/// `_`.
fn variable_of_slot(slot: &str, name: &str) -> String {
    format!("{slot}_{name}")
}

fn variable_of_provider(provider: &str, name: &str) -> String {
    format!("provider_{provider}_{name}")
}
