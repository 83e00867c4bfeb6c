//! Turns one error of the JSON Schema validator into findings in Planwright's words.
//!
//! `schema` decides which errors are reported.

use jsonschema::error::ValidationErrorKind as Keyword;
use serde_json::Value;

use planwright_core::finding::Finding;

use super::{
    suggest::nearest,
    yaml::{Node, escaped},
};

/// What the members of a document are called in messages and codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    Param,
    Field,
}

/// One error of the validator, with its context.
pub(super) struct SchemaError<'a> {
    pub schema: &'a Value,
    pub document: &'a Node,
    pub prefix: &'a str,
    pub member: Member,
    pub error: &'a jsonschema::ValidationError<'a>,
}

impl SchemaError<'_> {
    /// Returns the findings, each with the pointer within the document that it is about.
    pub(crate) fn findings(&self) -> Vec<(String, Finding)> {
        let at = self.error.instance_path().to_string();
        match self.error.kind() {
            Keyword::AdditionalProperties { unexpected } => unexpected
                .iter()
                .map(|name| (format!("{at}/{}", escaped(name)), self.unknown(&at, name)))
                .collect(),
            Keyword::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                vec![(format!("{at}/{}", escaped(name)), self.missing(&at, name))]
            }
            Keyword::PropertyNames { error } => {
                let name = error.instance().as_str().unwrap_or_default().to_owned();
                let pointer = format!("{at}/{}", escaped(&name));
                let mut finding = self.finding("wrong_form", &pointer, String::new());
                finding.message = format!("`{name}` is not a name that can stand here");
                finding.allowed = self.pattern_of("propertyNames");
                finding.fix = Some(format!("rename `{name}`"));
                vec![(pointer, finding)]
            }
            kind => vec![(at.clone(), self.wrong_value(&at, kind))],
        }
    }

    fn unknown(&self, at: &str, name: &str) -> Finding {
        let code = match self.member {
            Member::Param => "unknown_param",
            Member::Field => "unknown_field",
        };
        let object = self.parent();
        let known = names(object.get("properties"));
        let suggestion = alias(object, name)
            .or_else(|| nearest(name, known.iter().map(String::as_str)).map(str::to_owned));
        let pointer = format!("{at}/{}", escaped(name));
        let mut finding =
            self.finding(code, &pointer, format!("there is no {} `{name}`", self.noun()));
        finding.fix = Some(match &suggestion {
            Some(suggestion) => format!("rename `{name}` to `{suggestion}`"),
            None => format!("remove `{name}`"),
        });
        finding.allowed = known;
        finding.did_you_mean = suggestion;
        finding
    }

    fn missing(&self, at: &str, name: &str) -> Finding {
        let code = match self.member {
            Member::Param => "missing_param",
            Member::Field => "missing_field",
        };
        let property = self.parent().get("properties").and_then(|all| all.get(name));
        let text = |key: &str| property.and_then(|schema| schema.get(key));
        let what = text("description").and_then(Value::as_str);
        let what = what.map(|what| format!(": {}", what.trim_end_matches('.'))).unwrap_or_default();
        let example = text("examples").and_then(|list| list.get(0)).or_else(|| text("const"));
        let example = example.map_or_else(|| "…".to_owned(), Value::to_string);
        let pointer = format!("{at}/{}", escaped(name));
        let message = format!("the {} `{name}` is missing{what}", self.noun());
        let mut finding = self.finding(code, &pointer, message);
        let parent = format!("{}{at}", self.prefix);
        let parent = if parent.is_empty() { String::new() } else { format!(" under `{parent}`") };
        finding.fix = Some(format!("add `{name}: {example}`{parent}"));
        finding.allowed = text("enum").map(value_texts).unwrap_or_default();
        finding
    }

    fn wrong_value(&self, at: &str, kind: &Keyword) -> Finding {
        let got = described(self.error.instance());
        let schema = self.parent();
        let (code, message, allowed) = match kind {
            Keyword::Type { .. } => {
                let types = schema.get("type").map(value_texts).unwrap_or_default();
                let message = format!("expected {}, got {got}", types.join(" or "));
                let mut finding = self.finding("wrong_type", at, message);
                finding.fix = type_fix(&types, self.error.instance());
                finding.allowed = types;
                return finding;
            }
            Keyword::Enum { options } => {
                ("not_allowed", format!("{got} cannot stand here"), value_texts(options))
            }
            Keyword::Constant { expected_value } => (
                "not_allowed",
                format!("{got} cannot stand here"),
                vec![value_text(expected_value)],
            ),
            Keyword::Pattern { .. } => (
                "wrong_form",
                format!("{got} does not have the right form"),
                self.pattern_of("pattern"),
            ),
            Keyword::Format { format } => {
                ("wrong_form", format!("{got} does not have the right form"), vec![format.clone()])
            }
            kind => {
                limit(kind, &got).unwrap_or_else(|| ("invalid", self.error.to_string(), Vec::new()))
            }
        };
        let mut finding = self.finding(code, at, message);
        let suggestion = self.error.instance().as_str().and_then(|word| {
            if code == "not_allowed" {
                nearest(word, allowed.iter().map(String::as_str))
            } else {
                None
            }
        });
        finding.did_you_mean = suggestion.map(str::to_owned);
        finding.fix = Some(match (&finding.did_you_mean, allowed.as_slice()) {
            (Some(suggestion), _) => format!("write `{suggestion}`"),
            (None, [one]) => format!("write {one}"),
            _ => "write one of the allowed values".into(),
        });
        finding.allowed = allowed;
        finding
    }

    fn finding(&self, code: &'static str, at: &str, message: String) -> Finding {
        let place = self.document.place_of(at).clone();
        let pointer = Some(format!("{}{at}", self.prefix));
        Finding { pointer, ..Finding::error(code, place, message) }
    }

    /// Returns the schema that contains the failed keyword.
    fn parent(&self) -> &Value {
        let path = self.error.schema_path().to_string();
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        self.schema.pointer(parent).unwrap_or(&Value::Null)
    }

    /// Returns the schema's description of the expected form, else the pattern itself.
    fn pattern_of(&self, keyword: &str) -> Vec<String> {
        let schema = match keyword {
            "propertyNames" => self.parent().get(keyword).unwrap_or(self.parent()),
            _ => self.parent(),
        };
        let text = |key: &str| schema.get(key).and_then(Value::as_str).map(str::to_owned);
        text("x-form").or_else(|| text("pattern")).into_iter().collect()
    }

    fn noun(&self) -> &'static str {
        match self.member {
            Member::Param => "param",
            Member::Field => "field",
        }
    }
}

fn limit(kind: &Keyword, got: &str) -> Option<(&'static str, String, Vec<String>)> {
    let rule = match kind {
        Keyword::Minimum { limit } => format!("at least {limit}"),
        Keyword::Maximum { limit } => format!("at most {limit}"),
        Keyword::ExclusiveMinimum { limit } => format!("more than {limit}"),
        Keyword::ExclusiveMaximum { limit } => format!("less than {limit}"),
        Keyword::MultipleOf { multiple_of } => format!("a multiple of {multiple_of}"),
        Keyword::MinLength { limit } => format!("at least {limit} characters"),
        Keyword::MaxLength { limit } => format!("at most {limit} characters"),
        Keyword::MinItems { limit } => format!("at least {limit} items"),
        Keyword::MaxItems { limit } => format!("at most {limit} items"),
        Keyword::MinProperties { limit } => format!("at least {limit} entries"),
        Keyword::MaxProperties { limit } => format!("at most {limit} entries"),
        Keyword::UniqueItems => "a list without repetitions".into(),
        _ => return None,
    };
    Some(("out_of_range", format!("{got} is out of range"), vec![rule]))
}

fn type_fix(types: &[String], got: &Value) -> Option<String> {
    let wants = |word: &str| types.iter().any(|kind| kind == word);
    Some(match got {
        Value::Number(_) | Value::Bool(_) if wants("string") => {
            format!("put it in quotes: \"{got}\"")
        }
        Value::String(text)
            if wants("boolean") && matches!(text.as_str(), "yes" | "on" | "True") =>
        {
            "write true".into()
        }
        Value::String(text)
            if wants("boolean") && matches!(text.as_str(), "no" | "off" | "False") =>
        {
            "write false".into()
        }
        Value::String(text)
            if (wants("boolean") || wants("integer") || wants("number"))
                && serde_json::from_str::<Value>(text)
                    .is_ok_and(|v| v.is_number() || v.is_boolean()) =>
        {
            format!("write {text} without quotes")
        }
        Value::String(_) | Value::Number(_) | Value::Bool(_) if wants("array") => {
            format!("make it a list: [{}]", value_text(got))
        }
        _ => format!("write a value of type {}", types.join(" or ")),
    })
}

/// Returns the property of which `name` is an alias.
fn alias(object: &Value, name: &str) -> Option<String> {
    object.get("properties")?.as_object()?.iter().find_map(|(property, schema)| {
        let aliases = schema.get("x-aliases")?.as_array()?;
        aliases.iter().any(|alias| alias == name).then(|| property.clone())
    })
}

fn value_texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(list) => list.iter().map(value_text).collect(),
        one => vec![value_text(one)],
    }
}

fn value_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Describes a value for a message: its type, and the value itself if it is short.
fn described(value: &Value) -> String {
    const SHORT: usize = 60;
    let text = value.to_string();
    let is_short = text.chars().count() <= SHORT;
    match value {
        Value::Object(_) => "an object".into(),
        Value::Array(_) => "a list".into(),
        Value::Null => "nothing".into(),
        Value::String(_) if !is_short => "a long string".into(),
        Value::String(_) => format!("the string {text}"),
        Value::Bool(_) => text,
        Value::Number(_) => format!("the number {text}"),
    }
}

/// Returns the names of `properties`, sorted.
pub(super) fn names(properties: Option<&Value>) -> Vec<String> {
    let mut names: Vec<String> = properties
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(|all| all.keys().cloned())
        .collect();
    names.sort();
    names
}
