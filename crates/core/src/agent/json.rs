//! A JSON reader stricter than the standard: no duplicate names, little nesting, nothing after the
//! end.

use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How deep objects and arrays may be nested.
pub const DEPTH: usize = 8;

/// Parses one value. The error says in a sentence what is wrong.
pub fn strict(text: &str) -> Result<Value, String> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Strict { left: DEPTH }.deserialize(&mut reader).map_err(|e| e.to_string())?;
    reader.end().map_err(|e| e.to_string())?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct Strict {
    left: usize,
}

impl Strict {
    fn below<E: serde::de::Error>(self) -> Result<Self, E> {
        let left = self.left.checked_sub(1);
        left.map(|left| Self { left }).ok_or_else(|| E::custom("it is nested too deeply"))
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        // From 2^53 on, `f64` cannot represent every whole number.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let number = Number::from_f64(value).filter(|_| value.abs() < EXACT);
        number.map(Value::Number).ok_or_else(|| E::custom("a number is too large to be exact"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut list = Vec::new();
        while let Some(value) = all.next_element_seed(below)? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut all: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut map = Map::new();
        while let Some(name) = all.next_key::<String>()? {
            if map.contains_key(&name) {
                return Err(A::Error::custom("a name stands there twice"));
            }
            let value = all.next_value_seed(below)?;
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
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
