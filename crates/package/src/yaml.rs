//! Reads YAML (and therefore JSON) into a tree in which every node knows its line and column.
//!
//! Aliases, merge keys, multiple documents and duplicate keys are rejected, so that the file means
//! what a person reads in it. Whether the tree is valid is checked in `schema`.

use std::{
    collections::btree_map::{BTreeMap, Entry as MapEntry},
    fmt,
};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};
use serde_saphyr::{DuplicateKeyPolicy, Location as Position, MergeKeyPolicy, Options, Spanned};

use planwright_core::finding::{Finding, Location};

use super::Checked;

/// The largest file size in bytes; larger configuration is a mistake or an attack.
const MAX_BYTES: usize = 1 << 20;

/// A value and its position.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub place: Location,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    List(Vec<Node>),
    Map(BTreeMap<String, Entry>),
}

/// A value of a map, with the position of its key.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub key: Location,
    pub node: Node,
}

impl Node {
    /// Parses one file. Fails with one finding if it is not YAML that Planwright accepts.
    pub fn parse(file: &str, bytes: &[u8]) -> Checked<Self> {
        let start = Location { file: file.into(), line: 1, column: 1 };
        if bytes.len() > MAX_BYTES {
            let message = format!("the file has {} bytes, more than {MAX_BYTES}", bytes.len());
            return Err(vec![Finding::error("too_large", start, message)]);
        }
        let text = std::str::from_utf8(bytes).map_err(|e| {
            vec![Finding::error("not_utf8", start.clone(), format!("not UTF-8: {e}"))]
        })?;
        if text.lines().map(str::trim_start).all(|line| line.is_empty() || line.starts_with('#')) {
            let mut finding = Finding::error("invalid_yaml", start, "the file is empty");
            finding.fix = Some("start with `apiVersion: planwright.dev/v1`".into());
            return Err(vec![finding]);
        }
        let raw: Raw = serde_saphyr::from_str_with_options(text, options()).map_err(|e| {
            let (line, column) =
                e.location().map_or((1, 1), |l| (line(l.line()), line(l.column())));
            let place = Location { file: file.into(), line, column };
            let mut finding = Finding::error("invalid_yaml", place, plain(&e));
            finding.fix = Some(
                "look at this line and the one above for an unclosed bracket or quote, a tab, or a \
                 key given twice"
                    .into(),
            );
            vec![finding]
        })?;
        raw.node(file)
    }

    pub fn value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(bool) => Value::Bool(*bool),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::String(text) => Value::String(text.clone()),
            Kind::List(list) => list.iter().map(Self::value).collect(),
            Kind::Map(map) => {
                map.iter().map(|(key, entry)| (key.clone(), entry.node.value())).collect()
            }
        }
    }

    /// Returns the value of a key, if this is a map.
    pub fn child(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.node)
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.kind {
            Kind::Map(map) => map.get(key),
            _ => None,
        }
    }

    /// Returns the node at a JSON pointer.
    pub fn at(&self, pointer: &str) -> Option<&Self> {
        steps(pointer).iter().try_fold(self, |node, step| match &node.kind {
            Kind::Map(map) => map.get(step).map(|entry| &entry.node),
            Kind::List(list) => list.get(step.parse::<usize>().ok()?),
            _ => None,
        })
    }

    pub(crate) fn at_mut(&mut self, pointer: &str) -> Option<&mut Self> {
        steps(pointer).iter().try_fold(self, |node, step| match &mut node.kind {
            Kind::Map(map) => map.get_mut(step).map(|entry| &mut entry.node),
            Kind::List(list) => list.get_mut(step.parse::<usize>().ok()?),
            _ => None,
        })
    }

    /// Returns the position of a pointer as a person would look for it: that of the key, if there
    /// is one. For a pointer that does not exist, the position of the nearest node above it.
    pub(crate) fn place_of(&self, pointer: &str) -> &Location {
        let mut node = self;
        let mut place = &self.place;
        for step in steps(pointer) {
            let next = match &node.kind {
                Kind::Map(map) => map.get(&step).map(|entry| (&entry.key, &entry.node)),
                Kind::List(list) => step
                    .parse::<usize>()
                    .ok()
                    .and_then(|i| list.get(i))
                    .map(|node| (&node.place, node)),
                _ => None,
            };
            let Some((at, below)) = next else { break };
            (place, node) = (at, below);
        }
        place
    }

    /// Returns `over` merged onto this: maps merge by key, everything else is replaced.
    pub fn merged(&self, over: &Self) -> Self {
        match (&self.kind, &over.kind) {
            (Kind::Map(below), Kind::Map(above)) => {
                let mut map = below.clone();
                for (key, entry) in above {
                    let node = map
                        .get(key)
                        .map_or_else(|| entry.node.clone(), |under| under.node.merged(&entry.node));
                    map.insert(key.clone(), Entry { key: entry.key.clone(), node });
                }
                Self { place: over.place.clone(), kind: Kind::Map(map) }
            }
            _ => over.clone(),
        }
    }

    /// Returns scalars and empty collections, each with its pointer below `prefix`.
    pub fn leaves(&self, prefix: &str) -> Vec<(String, &Self)> {
        match &self.kind {
            Kind::Map(map) if !map.is_empty() => map
                .iter()
                .flat_map(|(key, entry)| entry.node.leaves(&format!("{prefix}/{}", escaped(key))))
                .collect(),
            Kind::List(list) if !list.is_empty() => list
                .iter()
                .enumerate()
                .flat_map(|(i, node)| node.leaves(&format!("{prefix}/{i}")))
                .collect(),
            _ => vec![(prefix.to_owned(), self)],
        }
    }
}

/// Returns the unescaped steps of a JSON pointer.
pub fn steps(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
}

/// Returns a key escaped as a step of a JSON pointer.
pub fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn options() -> Options {
    let budget = serde_saphyr::budget! {
        // Without anchors there are no aliases.
        max_anchors: 0,
        max_documents: 1,
        max_nodes: 50_000,
        max_events: 150_000,
        max_depth: 32,
        max_total_scalar_bytes: MAX_BYTES,
        flow_nesting_limit: 32,
    };
    serde_saphyr::options! {
        budget: budget,
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        reject_unsupported_tags: true,
    }
}

/// Returns the parser's message on one line, without its excerpt of the file and its position.
fn plain(error: &serde_saphyr::Error) -> String {
    if let serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } = error.without_snippet()
    {
        return format!("the key `{key}` stands here twice");
    }
    let text = error.without_snippet().to_string();
    let first = text.lines().next().unwrap_or_default();
    let end = first.rfind(" at line ").unwrap_or(first.len());
    first[..end].trim_end_matches('.').to_owned()
}

fn line(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX).max(1)
}

/// The parser's result: positions without the file name, before they become [`Location`]s.
struct Raw(Spanned<RawKind>);

enum RawKind {
    Scalar(Kind),
    List(Vec<Raw>),
    Map(BTreeMap<String, (Position, Raw)>),
    /// A duplicate key that the parser does not detect, such as `1` and `"1"`.
    Twice(String, Position),
}

impl Raw {
    fn node(self, file: &str) -> Checked<Node> {
        let place = |location: Position| Location {
            file: file.into(),
            line: line(location.line()),
            column: line(location.column()),
        };
        let kind = match self.0.value {
            RawKind::Scalar(kind) => kind,
            RawKind::List(list) => {
                Kind::List(list.into_iter().map(|raw| raw.node(file)).collect::<Checked<_>>()?)
            }
            RawKind::Map(map) => Kind::Map(
                map.into_iter()
                    .map(|(key, (at, raw))| {
                        Ok((key, Entry { key: place(at), node: raw.node(file)? }))
                    })
                    .collect::<Checked<_>>()?,
            ),
            RawKind::Twice(key, at) => {
                let message = format!("the key `{key}` stands here twice");
                let fix = Some("remove one of them".into());
                return Err(vec![Finding {
                    fix,
                    ..Finding::error("invalid_yaml", place(at), message)
                }]);
            }
        };
        Ok(Node { place: place(self.0.referenced), kind })
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for RawKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Kinds)
    }
}

struct Kinds;

impl<'de> Visitor<'de> for Kinds {
    type Value = RawKind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<RawKind, E> {
        Ok(RawKind::Scalar(Kind::Null))
    }

    fn visit_none<E>(self) -> Result<RawKind, E> {
        Ok(RawKind::Scalar(Kind::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<RawKind, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, bool: bool) -> Result<RawKind, E> {
        Ok(RawKind::Scalar(Kind::Bool(bool)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<RawKind, E> {
        Ok(RawKind::Scalar(Kind::Number(number.into())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<RawKind, E> {
        Ok(RawKind::Scalar(Kind::Number(number.into())))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<RawKind, E> {
        let number = Number::from_f64(number).ok_or_else(|| E::custom("not a finite number"))?;
        Ok(RawKind::Scalar(Kind::Number(number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<RawKind, E> {
        Ok(RawKind::Scalar(Kind::String(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RawKind, A::Error> {
        let mut list = Vec::new();
        while let Some(raw) = seq.next_element()? {
            list.push(raw);
        }
        Ok(RawKind::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawKind, A::Error> {
        let mut entries = BTreeMap::new();
        let mut twice = None;
        while let Some((key, raw)) = map.next_entry::<Spanned<String>, Raw>()? {
            match entries.entry(key.value) {
                MapEntry::Vacant(vacant) => {
                    vacant.insert((key.referenced, raw));
                }
                MapEntry::Occupied(occupied) => {
                    twice = Some(RawKind::Twice(occupied.key().clone(), key.referenced));
                }
            }
        }
        Ok(twice.unwrap_or(RawKind::Map(entries)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(text: &str) -> Node {
        Node::parse("f.yaml", text.as_bytes()).unwrap()
    }

    #[test]
    fn each_node_knows_its_line_and_column() {
        let node = node("a: 1\nb:\n  - x\n  - c: [true, null]\n");
        let place = |pointer| {
            let place = &node.at(pointer).unwrap().place;
            (place.line, place.column)
        };
        assert_eq!(place("/a"), (1, 4));
        assert_eq!(place("/b/0"), (3, 5));
        assert_eq!(place("/b/1/c/1"), (4, 15));
        let key = node.place_of("/b/1/c");
        assert_eq!((key.line, key.column), (4, 5));
        let missing = node.place_of("/b/1/nowhere/else");
        assert_eq!((missing.line, missing.column), (4, 5));
    }

    #[test]
    fn json_keeps_its_places_too() {
        let node = node("{\n  \"a\": {\"b\": -1.5e3, \"\\u0063\": \"\\\\ \\/\"}\n}");
        assert_eq!(node.value(), serde_json::json!({"a": {"b": -1500.0, "c": "\\ /"}}));
        assert_eq!(node.at("/a/b").unwrap().place.line, 2);
    }

    #[test]
    fn a_word_is_a_string_unless_it_is_exactly_a_boolean_null_or_number() {
        let node = node("[no, on, 'true', true, 1.10, '1.10', ~, 0o17, 12e3, 2026-11-21]");
        assert_eq!(
            node.value(),
            serde_json::json!([
                "no",
                "on",
                "true",
                true,
                1.1,
                "1.10",
                null,
                15,
                12000.0,
                "2026-11-21"
            ])
        );
    }

    #[test]
    fn what_a_reader_would_misread_is_refused_with_its_place() {
        for (text, line) in [
            ("a: 1\na: 2\n", 2),
            ("1: x\n\"1\": y\n", 2),
            ("a: &x 1\nb: *x\n", 1),
            ("a: {<<: {b: 1}}\n", 1),
            ("a: 1\n---\nb: 2\n", 2),
            ("a:\n\t- 1\n", 2),
            ("a: [1\nb: 2\n", 2),
            ("a: !thing 1\n", 1),
            ("a: .nan\n", 1),
        ] {
            let finding = Node::parse("f.yaml", text.as_bytes()).unwrap_err().remove(0);
            assert_eq!(finding.code, "invalid_yaml", "{text:?}");
            assert_eq!(finding.place.line, line, "{text:?}: {finding}");
        }
    }

    #[test]
    fn a_file_without_any_content_is_empty() {
        for text in ["", "\n \n", "# nothing yet\n"] {
            let finding = Node::parse("f.yaml", text.as_bytes()).unwrap_err().remove(0);
            assert_eq!(finding.message, "the file is empty", "{text:?}");
            assert_eq!(finding.fix.unwrap(), "start with `apiVersion: planwright.dev/v1`");
        }
    }

    #[test]
    fn a_bomb_is_stopped() {
        let deep = "[".repeat(5000);
        assert!(Node::parse("f.yaml", deep.as_bytes()).is_err());
        let wide = "- a\n".repeat(60_000);
        assert!(Node::parse("f.yaml", wide.as_bytes()).is_err());
        assert_eq!(
            Node::parse("f.yaml", &vec![b' '; MAX_BYTES + 1]).unwrap_err().remove(0).code,
            "too_large"
        );
    }

    #[test]
    fn maps_merge_by_key_and_lists_replace() {
        let below = node("a: {x: 1, y: [1, 2]}\nb: 1\n");
        let above = node("a: {y: [3], z: 4}\n");
        assert_eq!(
            below.merged(&above).value(),
            serde_json::json!({"a": {"x": 1, "y": [3], "z": 4}, "b": 1})
        );
    }
}
