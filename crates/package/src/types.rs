//! Type constraints of the engine's variables, as far as packages use them.
//!
//! They check overrides and what params become, before an engine is started. Conversions that the
//! engine would make (a number given as a string) are refused: types here are exact.

use std::collections::BTreeMap;

use serde_json::Value;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    Any,
    String,
    Number,
    Bool,
    List(Box<Self>),
    Map(Box<Self>),
    /// Attributes, each with whether it may be left out.
    Object(BTreeMap<String, (Self, bool)>),
}

impl Type {
    /// Reads `string`, `list(string)`, `object({ a = string, b = optional(number) })` and the like.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim();
        let kind = constraint(&mut rest)?;
        rest.trim().is_empty().then_some(kind)
    }

    /// Whether a value can stand in a variable of this type without conversion.
    pub fn admits(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Any, _)
            | (Self::String, Value::String(_))
            | (Self::Number, Value::Number(_))
            | (Self::Bool, Value::Bool(_)) => true,
            (Self::List(of), Value::Array(list)) => list.iter().all(|item| of.admits(item)),
            (Self::Map(of), Value::Object(map)) => map.values().all(|item| of.admits(item)),
            (Self::Object(attributes), Value::Object(map)) => {
                map.keys().all(|key| attributes.contains_key(key))
                    && attributes.iter().all(|(name, (of, is_optional))| match map.get(name) {
                        None | Some(Value::Null) => *is_optional,
                        Some(value) => of.admits(value),
                    })
            }
            _ => false,
        }
    }
}

fn constraint(rest: &mut &str) -> Option<Type> {
    Some(match word(rest) {
        "any" => Type::Any,
        "string" => Type::String,
        "number" => Type::Number,
        "bool" => Type::Bool,
        "list" | "set" => Type::List(Box::new(in_parentheses(rest, constraint)?)),
        "map" => Type::Map(Box::new(in_parentheses(rest, constraint)?)),
        "object" => Type::Object(in_parentheses(rest, attributes)?),
        _ => return None,
    })
}

fn attributes(rest: &mut &str) -> Option<BTreeMap<String, (Type, bool)>> {
    token(rest, "{")?;
    let mut attributes = BTreeMap::new();
    while token(rest, "}").is_none() {
        let name = word(rest).to_owned();
        token(rest, "=")?;
        let mut ahead = *rest;
        let attribute = if word(&mut ahead) == "optional" {
            *rest = ahead;
            (in_parentheses(rest, constraint)?, true)
        } else {
            (constraint(rest)?, false)
        };
        if name.is_empty() || attributes.insert(name, attribute).is_some() {
            return None;
        }
        if token(rest, ",").is_none() {
            token(rest, "}")?;
            return Some(attributes);
        }
    }
    Some(attributes)
}

fn in_parentheses<T>(rest: &mut &str, inner: fn(&mut &str) -> Option<T>) -> Option<T> {
    token(rest, "(")?;
    let value = inner(rest)?;
    token(rest, ")")?;
    Some(value)
}

fn token(rest: &mut &str, token: &str) -> Option<()> {
    *rest = rest.trim_start().strip_prefix(token)?;
    Some(())
}

fn word<'a>(rest: &mut &'a str) -> &'a str {
    let text = rest.trim_start();
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    *rest = &text[end..];
    &text[..end]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_type_admits_its_values_and_no_others() {
        let object = "object({ id = string, days = optional(number), })";
        for (kind, admitted, refused) in [
            ("string", json!("a"), json!(1)),
            ("number", json!(1.5), json!("1")),
            ("bool", json!(true), json!("true")),
            ("list(string)", json!(["a"]), json!(["a", 1])),
            ("set(number)", json!([]), json!({})),
            ("map(string)", json!({"a": "b"}), json!({"a": null})),
            ("map(list(bool))", json!({"a": [true]}), json!({"a": true})),
            (object, json!({"id": "a"}), json!({"days": 1})),
            (object, json!({"id": "a", "days": null}), json!({"id": "a", "other": 1})),
            ("string", json!(""), json!(null)),
        ] {
            let kind = Type::parse(kind).unwrap();
            assert!(kind.admits(&admitted), "{kind:?} refused {admitted}");
            assert!(!kind.admits(&refused), "{kind:?} took {refused}");
        }
        assert!(Type::parse("any").unwrap().admits(&json!([1, "a"])));
    }

    #[test]
    fn what_is_no_type_is_refused() {
        for text in [
            "",
            "strin",
            "list",
            "list(string",
            "list(string) x",
            "object({a string})",
            "object({= string})",
        ] {
            assert_eq!(Type::parse(text), None, "{text}");
        }
    }
}
