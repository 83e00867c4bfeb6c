//! Reads a configuration file of Planwright: checked against its schema, as a typed value.
//!
//! Each kind of file has one schema under `schemas/`, so that an unknown field, a wrong type or a
//! missing field is reported in the same words everywhere.

use std::sync::LazyLock;

use serde::de::DeserializeOwned;

use planwright_core::finding::{Finding, Location};

use super::{Checked, schema::Schema, schema_error::Member, yaml::Node};

/// The kinds of files that have a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Document {
    Package,
    Variant,
    Stack,
    Environment,
    Lock,
    Repository,
}

impl Document {
    fn schema(self) -> &'static Schema {
        macro_rules! schema {
            ($file:literal) => {{
                static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
                    let bytes = include_bytes!(concat!("schemas/", $file));
                    Schema::ours($file, bytes)
                });
                &SCHEMA
            }};
        }
        match self {
            Self::Package => schema!("package.schema.json"),
            Self::Variant => schema!("variant.schema.json"),
            Self::Stack => schema!("stack.schema.json"),
            Self::Environment => schema!("environment.schema.json"),
            Self::Lock => schema!("lock.schema.json"),
            Self::Repository => schema!("repository.schema.json"),
        }
    }

    /// Returns the file as a typed value with its defaults, and as a tree that knows the position
    /// of each value.
    pub(crate) fn read<T: DeserializeOwned>(self, file: &str, bytes: &[u8]) -> Checked<(T, Node)> {
        let node = Node::parse(file, bytes)?;
        let findings = self.schema().findings(&node, "", Member::Field);
        if !findings.is_empty() {
            return Err(findings);
        }
        let node = self.schema().with_defaults(&node);
        // What a schema cannot express (a version, a name) is checked where it is used, with its
        // position.
        let value = serde_json::from_value(node.value()).map_err(|e| {
            let place = Location { file: file.into(), line: 1, column: 1 };
            vec![Finding::error("invalid", place, format!("the file cannot be read: {e}"))]
        })?;
        Ok((value, node))
    }
}

/// Returns a finding at a JSON pointer of a document.
pub(crate) fn finding_at(
    node: &Node,
    pointer: &str,
    code: &'static str,
    message: impl Into<String>,
) -> Finding {
    let place = node.place_of(pointer).clone();
    Finding { pointer: Some(pointer.into()), ..Finding::error(code, place, message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_schema_of_ours_is_one() {
        for document in [
            Document::Package,
            Document::Variant,
            Document::Stack,
            Document::Environment,
            Document::Lock,
            Document::Repository,
        ] {
            let Err(findings) = document.read::<serde_json::Value>("f", b"{}") else {
                panic!("{document:?} takes an empty file");
            };
            assert!(findings.iter().all(|finding| finding.code == "missing_field"), "{findings:?}");
        }
    }
}
