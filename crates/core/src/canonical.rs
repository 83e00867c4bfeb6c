//! JSON of which equal values have equal bytes: what is digested, stored and locked.
//!
//! Keys are sorted here, whatever order the map of a build happens to keep.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// Without white space, for digests and for the database.
pub fn canonical(value: &impl Serialize) -> String {
    // Only maps with keys that are no strings cannot become JSON; none of ours has them.
    serde_json::to_value(value)
        .map(sorted)
        .map_or_else(|e| e.to_string(), |value| value.to_string())
}

/// For a file that people read: two spaces, a line feed at the end.
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
