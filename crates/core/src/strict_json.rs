//! A JSON reader for texts that somebody else reads, too: no object has a name twice, since readers
//! differ in which of the values they take, and nothing follows the value.

use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// What is read.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How deep objects and arrays may be nested; at most 127, the limit of the parser.
    pub depth: usize,
    /// Whether a number that `f64` cannot represent exactly is refused.
    pub exact_numbers: bool,
}

/// Parses one value. The error says in a sentence what is wrong, and where.
pub fn parse(bytes: &[u8], limits: Limits) -> serde_json::Result<Value> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { limits }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct Strict {
    limits: Limits,
}

impl Strict {
    fn below<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.limits.depth.checked_sub(1);
        depth
            .map(|depth| Self { limits: Limits { depth, ..self.limits } })
            .ok_or_else(|| E::custom("it is nested too deeply"))
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
        let number =
            Number::from_f64(value).filter(|_| !self.limits.exact_numbers || value.abs() < EXACT);
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
    use super::*;

    const LIMITS: Limits = Limits { depth: 127, exact_numbers: false };

    #[test]
    fn a_value_is_read_as_it_is() {
        let text = r#"{"a":[1,-2,0.5,"x",true,null,{"b":{}}],"c":"","d":1e30}"#;
        let value = parse(text.as_bytes(), LIMITS).unwrap();
        assert_eq!(value, serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn a_name_that_is_there_twice_is_refused_at_any_depth() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"[{"x":{"a":1,"b":2,"a":3}}]"#,
            r#"{"m":[{"n":{"\u0061":1,"a":2}}]}"#,
        ] {
            let error = parse(text.as_bytes(), LIMITS).unwrap_err().to_string();
            assert!(error.starts_with("a name stands there twice"), "{text}: {error}");
        }
    }
}
