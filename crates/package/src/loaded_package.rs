//! A package with all its parts: manifest, schema, variants, module files, digest.
//!
//! Reading checks each file by itself; `contract` checks whether the files fit together.

use std::collections::BTreeMap;

use planwright_core::{
    digest::Digest,
    finding::{Finding, Location},
};

use super::{
    Checked, content,
    expression::Reference,
    files::Files,
    manifest::{Manifest, Slot},
    schema::Schema,
    source::Source,
    variant::{self, Variant},
    yaml::Node,
};

pub struct Package {
    pub source: Source,
    /// The prefix of its file paths in positions of findings, such as `packages/mine`.
    pub origin: String,
    pub manifest: Manifest,
    /// `package.yaml` as a tree with positions.
    pub node: Node,
    pub params: Schema,
    /// The variants, by slot and name.
    pub variants: BTreeMap<(String, String), Variant>,
    pub files: BTreeMap<String, Vec<u8>>,
    pub digest: Digest,
}

impl Source {
    /// Reads the package, checking file by file; `place` is where it was requested.
    pub fn package(&self, files: &dyn Files, place: &Location) -> Checked<Package> {
        Package::read(self.clone(), self.tree(files, place)?)
    }
}

impl Package {
    /// Reads the files of a package, given by path relative to its folder.
    pub fn read(source: Source, files: BTreeMap<String, Vec<u8>>) -> Checked<Self> {
        let origin = source.origin();
        let (manifest, node) = Manifest::parse(
            &format!("{origin}/package.yaml"),
            required(&files, &origin, "package.yaml")?,
        )?;
        let schema = format!("{origin}/{}", variant::SCHEMA);
        let params = Schema::parse(&schema, required(&files, &origin, variant::SCHEMA)?)?;
        let mut variants = BTreeMap::new();
        let mut findings = Vec::new();
        for (slot, Slot { variants: names, .. }) in &manifest.slots {
            for name in names {
                match read_variant(&files, &origin, slot, name) {
                    Ok(variant) => {
                        variants.insert((slot.clone(), name.clone()), variant);
                    }
                    Err(more) => findings.extend(more),
                }
            }
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        let digest = content::digest(&files);
        Ok(Self { source, origin, manifest, node, params, variants, files, digest })
    }

    pub fn variant(&self, slot: &str, name: &str) -> Option<&Variant> {
        self.variants.get(&(slot.to_owned(), name.to_owned()))
    }

    /// Returns the schema of a param by its path, from the package's own schema or that of any
    /// variant.
    pub fn param(&self, path: &[String]) -> Option<&serde_json::Value> {
        self.params.property(path).or_else(|| {
            self.variants.iter().find_map(|((slot, _), variant)| {
                let select = self.manifest.slots.get(slot)?.selector()?;
                let own = path.strip_prefix(select.split_last()?.1)?;
                variant.params.as_ref()?.property(own).filter(|_| !own.is_empty())
            })
        })
    }

    /// Returns the static files of a variant's module, by path relative to its folder.
    pub fn module<'a>(
        &'a self,
        slot: &str,
        name: &str,
    ) -> impl Iterator<Item = (&'a str, &'a [u8])> + use<'a> {
        let folder = folder(slot, name);
        self.files.iter().filter_map(move |(path, bytes)| {
            let path = path.strip_prefix(&folder)?.strip_prefix('/')?;
            let is_ours = path == variant::FILE || path == variant::SCHEMA;
            (!is_ours).then_some((path, bytes.as_slice()))
        })
    }
}

impl Slot {
    /// Returns the path of the param that selects the variant; the variant's own params are in the
    /// same object.
    pub fn selector(&self) -> Option<Vec<String>> {
        match Reference::parse(self.select.as_deref()?) {
            Ok(Some(Reference::Param(path))) if path.len() > 1 => Some(path),
            _ => None,
        }
    }
}

/// Returns the folder of a variant, in the package and in the rendered tree.
pub fn folder(slot: &str, variant: &str) -> String {
    format!("modules/{slot}/{variant}")
}

fn read_variant(
    files: &BTreeMap<String, Vec<u8>>,
    origin: &str,
    slot: &str,
    name: &str,
) -> Checked<Variant> {
    let folder = folder(slot, name);
    let schema = format!("{folder}/{}", variant::SCHEMA);
    let params = match files.get(&schema) {
        Some(bytes) => Some(Schema::parse(&format!("{origin}/{schema}"), bytes)?),
        None => None,
    };
    let file = format!("{folder}/{}", variant::FILE);
    Variant::parse(&format!("{origin}/{file}"), required(files, origin, &file)?, params)
}

fn required<'a>(
    files: &'a BTreeMap<String, Vec<u8>>,
    origin: &str,
    path: &str,
) -> Checked<&'a [u8]> {
    files.get(path).map(Vec::as_slice).ok_or_else(|| {
        let place = Location { file: format!("{origin}/{path}"), line: 1, column: 1 };
        let message = format!("the package at `{origin}` has no `{path}`");
        let fix = Some(format!("add {origin}/{path}"));
        vec![Finding { fix, ..Finding::error("missing_file", place, message) }]
    })
}
