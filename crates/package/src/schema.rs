//! JSON Schemas of Planwright's own flat kind, and validating a document with one.
//!
//! Schemas must be flat: no `$ref`, no `if`, no `anyOf`. So one mistake gives exactly one
//! [`Finding`], in Planwright's words and with a position. Nothing is ever fetched.

use std::collections::{BTreeMap, BTreeSet};

use jsonschema::error::ValidationErrorKind as Keyword;
use serde_json::Value;

use planwright_core::finding::{Finding, Location};

use super::{
    Checked,
    schema_error::{Member, SchemaError, names},
    yaml::{Kind, Node, escaped},
};

/// Keywords with which one mistake would give several or misleading errors.
const REFUSED: [&str; 12] = [
    "$ref",
    "$dynamicRef",
    "if",
    "then",
    "else",
    "anyOf",
    "oneOf",
    "allOf",
    "not",
    "unevaluatedProperties",
    "patternProperties",
    "dependentSchemas",
];

/// A compiled schema. Its nodes know their positions, so defaults have a position too.
pub struct Schema {
    pub node: Node,
    value: Value,
    validator: jsonschema::Validator,
}

impl Schema {
    /// Fails if it is not a JSON Schema, or uses a refused keyword.
    pub fn parse(file: &str, bytes: &[u8]) -> Checked<Self> {
        let node = Node::parse(file, bytes)?;
        let value = node.value();
        let refused = refused(&node);
        if !refused.is_empty() {
            return Err(refused);
        }
        let validator = jsonschema::draft202012::options()
            .should_validate_formats(true)
            .build(&value)
            .map_err(|e| {
                let pointer = e.instance_path().to_string();
                let place = node.place_of(&pointer).clone();
                let mut finding =
                    Finding::error("invalid_schema", place, format!("not a JSON Schema: {e}"));
                finding.pointer = Some(pointer);
                vec![finding]
            })?;
        Ok(Self { node, value, validator })
    }

    /// Parses a schema that is compiled into the binary. Panics if it is invalid; a test reads each
    /// of them.
    pub(super) fn ours(file: &str, bytes: &[u8]) -> Self {
        Self::parse(file, bytes).unwrap_or_else(|findings| panic!("{file}: {findings:?}"))
    }

    /// Returns what is wrong with `document`, one finding per mistake, in the order of the file.
    ///
    /// `prefix` is the pointer of `document` within its file; the pointers of findings start with
    /// it.
    pub fn findings(&self, document: &Node, prefix: &str, member: Member) -> Vec<Finding> {
        let value = document.value();
        let mut worst: BTreeMap<String, (u8, Finding)> = BTreeMap::new();
        for error in self.validator.iter_errors(&value) {
            let schema_error =
                SchemaError { schema: &self.value, document, prefix, member, error: &error };
            for (pointer, finding) in schema_error.findings() {
                let weight = weight(error.kind());
                match worst.get(&pointer) {
                    Some((other, _)) if *other <= weight => {}
                    _ => {
                        worst.insert(pointer, (weight, finding));
                    }
                }
            }
        }
        let mut findings: Vec<Finding> = worst.into_values().map(|(_, finding)| finding).collect();
        without_misspelled(&mut findings);
        findings.sort();
        findings.sort_by(|a, b| a.place.cmp(&b.place));
        findings
    }

    /// Returns the names of the properties at the root of the schema.
    pub fn properties(&self) -> Vec<String> {
        names(self.value.get("properties"))
    }

    /// Returns the schema of a param, by its path.
    pub fn property(&self, path: &[String]) -> Option<&Value> {
        path.iter().try_fold(&self.value, |schema, step| schema.get("properties")?.get(step))
    }

    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Returns `document` with the defaults of this schema filled in where no value is set.
    pub fn with_defaults(&self, document: &Node) -> Node {
        filled(document, &self.node)
    }
}

fn filled(document: &Node, schema: &Node) -> Node {
    let kind = match &document.kind {
        Kind::Map(map) => {
            let mut map = map.clone();
            let known = schema.child("properties").map(|node| &node.kind);
            let others = schema.child("additionalProperties");
            if let Some(Kind::Map(properties)) = known {
                for (name, property) in properties {
                    if let Some(default) = property.node.entry("default") {
                        map.entry(name.clone()).or_insert_with(|| default.clone());
                    }
                }
            }
            for (name, entry) in &mut map {
                let own = match known {
                    Some(Kind::Map(properties)) => properties.get(name).map(|entry| &entry.node),
                    _ => None,
                };
                if let Some(schema) = own.or(others) {
                    entry.node = filled(&entry.node, schema);
                }
            }
            Kind::Map(map)
        }
        Kind::List(list) => match schema.child("items") {
            Some(items) => Kind::List(list.iter().map(|node| filled(node, items)).collect()),
            None => return document.clone(),
        },
        _ => return document.clone(),
    };
    Node { place: document.place.clone(), kind }
}

/// Returns the priority of an error; of several at one position, only the lowest is reported.
fn weight(kind: &Keyword) -> u8 {
    match kind {
        Keyword::Type { .. } => 0,
        Keyword::Constant { .. } | Keyword::Enum { .. } => 1,
        Keyword::MinLength { .. } | Keyword::MaxLength { .. } => 2,
        _ => 3,
    }
}

/// Removes the findings about missing names that were only misspelled: that is one mistake, not
/// two.
fn without_misspelled(findings: &mut Vec<Finding>) {
    let parent = |pointer: &str| pointer.rsplit_once('/').map(|(parent, _)| parent.to_owned());
    let meant: BTreeSet<(Option<String>, String)> = findings
        .iter()
        .filter_map(|finding| {
            let pointer = finding.pointer.as_deref()?;
            Some((parent(pointer), escaped(finding.did_you_mean.as_deref()?)))
        })
        .collect();
    findings.retain(|finding| {
        let (Some(pointer), true) =
            (finding.pointer.as_deref(), finding.code.starts_with("missing_"))
        else {
            return true;
        };
        let name = pointer.rsplit('/').next().unwrap_or_default().to_owned();
        !meant.contains(&(parent(pointer), name))
    });
}

fn refused(schema: &Node) -> Vec<Finding> {
    fn walk(node: &Node, pointer: &str, found: &mut Vec<(String, Location, String)>) {
        let Kind::Map(map) = &node.kind else { return };
        for (key, entry) in map {
            let below = format!("{pointer}/{}", escaped(key));
            if REFUSED.contains(&key.as_str()) {
                found.push((below.clone(), entry.key.clone(), key.clone()));
            }
            match key.as_str() {
                // The keys of `properties` are names, not keywords.
                "properties" => {
                    if let Kind::Map(properties) = &entry.node.kind {
                        for (name, property) in properties {
                            walk(&property.node, &format!("{below}/{}", escaped(name)), found);
                        }
                    }
                }
                "items" | "additionalProperties" => walk(&entry.node, &below, found),
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    walk(schema, "", &mut found);
    found
        .into_iter()
        .map(|(pointer, place, keyword)| {
            let message = format!("`{keyword}` cannot be used in a params schema, which is flat");
            let fix = Some("move what differs into the schema of a variant".into());
            Finding {
                pointer: Some(pointer),
                fix,
                ..Finding::error("keyword_refused", place, message)
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r#"{
        "type": "object", "additionalProperties": false, "required": ["name"],
        "properties": {
            "name": {"type": "string", "minLength": 3, "pattern": "^[a-z-]+$", "x-form": "lower-case letters",
                     "description": "The name.", "examples": ["logs"], "x-aliases": ["bucket"]},
            "class": {"type": "string", "enum": ["standard", "glacier"]},
            "days": {"type": "integer", "minimum": 1, "default": 30},
            "open": {"type": "boolean"},
            "tags": {"type": "object", "propertyNames": {"maxLength": 5, "x-form": "5 characters"}, "additionalProperties": {"type": "string"}, "default": {}},
            "list": {"type": "array", "items": {"type": "object", "properties": {"a": {"default": 1}}}},
            "rule": {"type": "object", "additionalProperties": false, "required": ["id"],
                     "properties": {"id": {"type": "string"}, "on": {"type": "boolean", "default": true}}}
        }
    }"#;

    fn schema() -> Schema {
        Schema::parse("s.json", SCHEMA.as_bytes()).unwrap_or_else(|e| panic!("{e:?}"))
    }

    fn findings(yaml: &str) -> Vec<Finding> {
        schema().findings(
            &Node::parse("f.yaml", yaml.as_bytes()).unwrap(),
            "/params",
            Member::Param,
        )
    }

    #[test]
    fn one_mistake_is_exactly_one_finding() {
        for (yaml, code, pointer, meant) in [
            ("{}", "missing_param", "/params/name", None),
            ("nmae: logs", "unknown_param", "/params/nmae", Some("name")),
            ("bucket: logs", "unknown_param", "/params/bucket", Some("name")),
            ("{name: logs, colour: red}", "unknown_param", "/params/colour", None),
            ("name: 5", "wrong_type", "/params/name", None),
            ("name: ''", "out_of_range", "/params/name", None),
            ("name: My_Logs", "wrong_form", "/params/name", None),
            ("{name: logs, class: standart}", "not_allowed", "/params/class", Some("standard")),
            ("{name: logs, class: 5}", "wrong_type", "/params/class", None),
            ("{name: logs, days: 0}", "out_of_range", "/params/days", None),
            ("{name: logs, days: '30'}", "wrong_type", "/params/days", None),
            ("{name: logs, open: yes}", "wrong_type", "/params/open", None),
            ("{name: logs, tags: {team: 1}}", "wrong_type", "/params/tags/team", None),
            ("{name: logs, tags: {too-long: a}}", "wrong_form", "/params/tags/too-long", None),
            ("{name: logs, rule: {id: a, onn: true}}", "unknown_param", "/params/rule/onn", None),
            ("{name: logs, rule: {}}", "missing_param", "/params/rule/id", None),
            ("[]", "wrong_type", "/params", None),
            ("null", "wrong_type", "/params", None),
        ] {
            let findings = findings(yaml);
            assert_eq!(findings.len(), 1, "{yaml}: {findings:#?}");
            assert_eq!(findings[0].code, code, "{yaml}");
            assert_eq!(findings[0].pointer.as_deref(), Some(pointer), "{yaml}");
            assert_eq!(findings[0].did_you_mean.as_deref(), meant, "{yaml}");
            assert!(findings[0].fix.is_some(), "{yaml}");
            let is_open = code == "missing_param";
            assert!(is_open || !findings[0].allowed.is_empty(), "{yaml}");
        }
    }

    #[test]
    fn two_mistakes_are_two_findings() {
        assert_eq!(findings("{days: 0, open: yes, name: logs}").len(), 2);
    }

    #[test]
    fn defaults_fill_what_nobody_set_and_know_their_place() {
        let given = Node::parse("f.yaml", b"{name: logs, rule: {id: a}, list: [{}]}").unwrap();
        let filled = schema().with_defaults(&given);
        assert_eq!(
            filled.value(),
            serde_json::json!({"name": "logs", "days": 30, "tags": {}, "rule": {"id": "a", "on": true},
                "list": [{"a": 1}]})
        );
        assert_eq!(filled.at("/days").unwrap().place.file, "s.json");
        assert_eq!(filled.at("/name").unwrap().place.file, "f.yaml");
    }

    #[test]
    fn keywords_that_mislead_are_refused_but_not_as_names_of_params() {
        let bad = br#"{"properties": {"a": {"anyOf": []}}}"#;
        let Err(findings) = Schema::parse("s.json", bad) else { panic!("taken") };
        assert_eq!(findings[0].pointer.as_deref(), Some("/properties/a/anyOf"));
        assert!(Schema::parse("s.json", br#"{"properties": {"if": {"type": "string"}}}"#).is_ok());
    }

    #[test]
    fn what_is_no_schema_is_refused() {
        assert!(Schema::parse("s.json", br#"{"type": "strin"}"#).is_err());
    }
}
