//! Reads a value that a person typed as text, according to the type of its param.
//!
//! Text that fits no type stays a string: validation then says what is wrong with it.

use serde_json::Value;

/// Returns the value of `text` under the `schema` of its param.
///
/// A param that accepts strings takes `text` as it is, unless it is a JSON string in quotes.
/// Anything else is read as JSON.
pub fn literal(text: &str, schema: Option<&Value>) -> Value {
    let text = text.trim();
    let json = serde_json::from_str::<Value>(text).ok();
    let takes = |name: &str| takes(schema, name);
    match json {
        Some(Value::String(inner)) => Value::String(inner),
        Some(Value::Null) if takes("null") || !takes("string") => Value::Null,
        Some(value) if !takes("string") => value,
        Some(value @ (Value::Array(_) | Value::Object(_))) if schema.is_none() => value,
        _ => words(text, takes("boolean")).unwrap_or_else(|| Value::String(text.into())),
    }
}

/// Returns whether the schema allows the type; without a schema, only `string` is allowed.
fn takes(schema: Option<&Value>, name: &str) -> bool {
    match schema.and_then(|schema| schema.get("type")) {
        Some(Value::String(one)) => one == name,
        Some(Value::Array(several)) => several.iter().any(|one| one == name),
        _ => name == "string" && schema.is_none(),
    }
}

/// Reads the words that people write for a boolean.
fn words(text: &str, is_switch: bool) -> Option<Value> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "true" if is_switch => Some(Value::Bool(true)),
        "no" | "off" | "false" if is_switch => Some(Value::Bool(false)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_param_decides_what_a_text_means() {
        let of = |kind: Value| json!({ "type": kind });
        for (text, kind, value) in [
            ("12", json!("string"), json!("12")),
            ("12", json!("integer"), json!(12)),
            ("\"12\"", json!("integer"), json!("12")),
            ("true", json!("string"), json!("true")),
            ("true", json!("boolean"), json!(true)),
            ("Yes", json!("boolean"), json!(true)),
            ("yes", json!("string"), json!("yes")),
            ("null", json!(["string", "null"]), json!(null)),
            ("null", json!("string"), json!("null")),
            ("\"null\"", json!(["string", "null"]), json!("null")),
            ("[\"a\", \"b\"]", json!("array"), json!(["a", "b"])),
            ("{\"a\": 1}", json!("object"), json!({ "a": 1 })),
            ("a, b", json!("array"), json!("a, b")),
            ("${x} %{y}", json!("string"), json!("${x} %{y}")),
        ] {
            assert_eq!(literal(text, Some(&of(kind.clone()))), value, "{text} as {kind}");
        }
        assert_eq!(literal("12", None), json!("12"));
        assert_eq!(literal("{}", None), json!({}));
    }
}
