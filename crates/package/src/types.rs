//! Type constraints of the engine's variables, as far as packages use them.
//!
//! Used to check overrides and variable values before an engine is started. Conversions that the
//! engine would make (a number given as a string) are refused.

use std::collections::BTreeMap;

use hcl_edit::expr::{Expression, FuncCall, Object, ObjectKey, ObjectValue};
use serde_json::Value;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    Any,
    String,
    Number,
    Bool,
    List(Box<Self>),
    Map(Box<Self>),
    /// Attributes, each with its type and whether it is optional.
    Object(BTreeMap<String, (Self, bool)>),
}

impl Type {
    /// Parses `string`, `list(string)`, `object({ a = string, b = optional(number) })` and so on.
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_expression(&text.trim().parse().ok()?)
    }

    fn from_expression(expression: &Expression) -> Option<Self> {
        match expression {
            Expression::Variable(name) => match name.as_str() {
                "any" => Some(Self::Any),
                "string" => Some(Self::String),
                "number" => Some(Self::Number),
                "bool" => Some(Self::Bool),
                _ => None,
            },
            Expression::FuncCall(call) => {
                let of = only_argument(call)?;
                match call.name.name.as_str() {
                    "list" | "set" => Some(Self::List(Box::new(Self::from_expression(of)?))),
                    "map" => Some(Self::Map(Box::new(Self::from_expression(of)?))),
                    "object" => attributes(of.as_object()?).map(Self::Object),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Returns whether a variable of this type accepts the value without conversion.
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

fn attributes(object: &Object) -> Option<BTreeMap<String, (Type, bool)>> {
    let attribute = |(key, value): (&ObjectKey, &ObjectValue)| {
        let expression = value.expr();
        let optional =
            expression.as_func_call().filter(|call| call.name.name.as_str() == "optional");
        let of = optional.map_or(Some(expression), only_argument)?;
        let kind = Type::from_expression(of)?;
        Some((key.as_ident()?.as_str().to_owned(), (kind, optional.is_some())))
    };
    object.iter().map(attribute).collect()
}

fn only_argument(call: &FuncCall) -> Option<&Expression> {
    let is_plain = !call.name.is_namespaced() && !call.args.expand_final();
    call.args.get(0).filter(|_| is_plain && call.args.len() == 1)
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
