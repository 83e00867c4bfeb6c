//! A JSON reader stricter than the standard: no duplicate names, little nesting, nothing after the
//! end.

use serde_json::Value;

use crate::strict_json::{Limits, parse};

/// How deep objects and arrays may be nested.
pub const DEPTH: usize = 8;

/// Parses one value. The error says in a sentence what is wrong.
pub fn strict(text: &str) -> Result<Value, String> {
    let limits = Limits { depth: DEPTH, exact_numbers: true };
    parse(text.as_bytes(), limits).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for text in [
            "",
            "{",
            r#"{"a":1,"a":2}"#,
            r#"{"a":1} {}"#,
            r#"{"a":NaN}"#,
            "1e999",
            "123456789012345678901234567890",
            r#""\ud800""#,
            "{\"a\":\"\u{0}\"}",
            "'a'",
            "[1,]",
            &"[".repeat(9),
            &format!("{}{}", "[".repeat(9), "]".repeat(9)),
        ] {
            assert!(strict(text).is_err(), "{text:?} was read");
        }
        let deep = format!("{}{}", "[".repeat(DEPTH), "]".repeat(DEPTH));
        assert!(strict(&deep).is_ok());
        let value = json!({ "a": [1, -2, 1.5, true, null, "é"] });
        assert_eq!(strict(&value.to_string()), Ok(value));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "[\\[\\]{}\":,a0-9.eE+\\\\u -]{0,60}") {
            let _ = strict(&text);
        }
    }
}
