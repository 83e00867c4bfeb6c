//! A variant, one way to fill a slot: `modules/<slot>/<variant>/variant.yaml`.
//!
//! It says which module variable gets which value. The module itself is not read here.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{
    Checked,
    document::{Document, finding_at},
    schema::Schema,
    types::Type,
    yaml::Node,
};

/// The variant file. It and the schema are the only files in a variant's folder that do not belong
/// to the module.
pub(crate) const FILE: &str = "variant.yaml";
pub(crate) const SCHEMA: &str = "params.schema.json";

pub struct Variant {
    pub implements: String,
    pub variables: BTreeMap<String, Variable>,
    /// Output types by name.
    pub outputs: BTreeMap<String, String>,
    /// Settings of each provider, by its local name.
    pub providers: BTreeMap<String, BTreeMap<String, Value>>,
    /// The flat schema of this variant's own params; `None` if its slot has no `select`.
    pub params: Option<Schema>,
    pub node: Node,
}

pub struct Variable {
    /// The type constraint, in the engine's syntax.
    pub constraint: String,
    pub kind: Type,
    pub is_nullable: bool,
    /// A constant or a reference to a param; `None` if the wiring supplies the value.
    pub value: Option<Value>,
}

#[derive(Deserialize)]
struct Raw {
    implements: String,
    variables: BTreeMap<String, RawVariable>,
    outputs: BTreeMap<String, String>,
    providers: BTreeMap<String, BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
struct RawVariable {
    #[serde(rename = "type")]
    constraint: String,
    #[serde(default)]
    nullable: bool,
    #[serde(default, deserialize_with = "given")]
    value: Option<Value>,
}

/// Reads an explicit `null` as a value; only a missing key is `None`.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Variant {
    /// Reads `variant.yaml`; `params` is the schema of the variant's params, if it has one.
    pub fn parse(file: &str, bytes: &[u8], params: Option<Schema>) -> Checked<Self> {
        let (raw, node): (Raw, Node) = Document::Variant.read(file, bytes)?;
        let mut findings = Vec::new();
        let mut variables = BTreeMap::new();
        for (name, variable) in raw.variables {
            let Some(kind) = Type::parse(&variable.constraint) else {
                let pointer = format!("/variables/{name}/type");
                let message = format!("`{}` is not a type that packages use", variable.constraint);
                findings.push(finding_at(&node, &pointer, "invalid_type", message));
                continue;
            };
            let RawVariable { constraint, nullable: is_nullable, value } = variable;
            variables.insert(name, Variable { constraint, kind, is_nullable, value });
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        let Raw { implements, outputs, providers, .. } = raw;
        Ok(Self { implements, variables, outputs, providers, params, node })
    }
}

impl Variable {
    pub fn admits(&self, value: &Value) -> bool {
        if value.is_null() { self.is_nullable } else { self.kind.admits(value) }
    }
}
