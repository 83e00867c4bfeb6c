//! Canonical JSON: equal values have equal bytes. It is used for what is digested, stored and
//! locked.
//!
//! Keys are sorted here, because the order in serde_json's map depends on the features of a build.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// Returns canonical JSON without white space, for digests and for the database.
pub fn canonical(value: &impl Serialize) -> String {
    // Only maps whose keys are not strings fail to become JSON, and no value here has them.
    serde_json::to_value(value)
        .map(sorted)
        .map_or_else(|e| e.to_string(), |value| value.to_string())
}

/// Returns canonical JSON for a file that people read: indented by two blanks, with a line feed at
/// the end.
pub fn pretty(value: Value) -> Vec<u8> {
    let mut text = format!("{:#}", sorted(value));
    text.push('\n');
    text.into_bytes()
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let ordered: BTreeMap<_, _> =
                map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(ordered.into_iter().collect())
        }
        Value::Array(list) => list.into_iter().map(sorted).collect(),
        leaf => leaf,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_sorted_at_every_depth() {
        let value = json!({ "b": [{ "d": 1, "c": 2 }], "a": null });
        assert_eq!(canonical(&value), r#"{"a":null,"b":[{"c":2,"d":1}]}"#);
        let text = String::from_utf8(pretty(value)).unwrap();
        assert!(text.starts_with("{\n  \"a\": null,\n") && text.ends_with("}\n"), "{text}");
    }
}
