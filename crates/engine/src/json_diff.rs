//! Where two JSON values differ, down to leaves, with sensitive parts masked.
//!
//! Works on the engines' parallel trees (value, sensitive, unknown) and knows nothing of resources.
//! The JSON does not distinguish lists from sets, so elements are compared by index; if two lists
//! of plain values differ in length, they are shown whole.

use std::collections::BTreeSet;

use hmac::{Hmac, Mac as _};
use serde_json::Value as Json;
use sha2::Sha256;

use planwright_core::{
    canonical::canonical,
    plan::{Difference, Path, Step, Value},
};

use super::secrets::Secrets;

static TRUE: Json = Json::Bool(true);
static FALSE: Json = Json::Bool(false);

/// What must not be shown, and the key for masking it.
pub(super) struct Masks<'a> {
    pub key: &'a [u8],
    pub secrets: &'a Secrets,
    /// Texts that the plan marks as sensitive somewhere: engines and providers copy them elsewhere
    /// without the mark.
    pub marked: BTreeSet<String>,
}

/// The least length in bytes from which a marked text is also masked inside other texts.
const LONG: usize = 8;

/// The least length in bytes from which a marked text is masked where it has no mark; shorter texts
/// are too common.
const SHORT: usize = 4;

impl Masks<'_> {
    fn hides(&self, text: &str) -> bool {
        self.secrets.is_in(text)
            || self.marked.contains(text)
            || self.marked.iter().any(|marked| marked.len() >= LONG && text.contains(marked))
    }
}

/// One side of a change: a value with the engine's marks for its parts.
#[derive(Clone, Copy)]
pub(super) struct Side<'j> {
    /// `None` is absent, which for an attribute is the same as null.
    value: Option<&'j Json>,
    sensitive: &'j Json,
    unknown: &'j Json,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Absent,
    Object,
    List,
    Leaf,
}

impl<'j> Side<'j> {
    pub(crate) fn new(value: Option<&'j Json>, sensitive: &'j Json, unknown: &'j Json) -> Self {
        Self { value: value.filter(|value| !value.is_null()), sensitive, unknown }
    }

    const ABSENT: Side<'static> = Side { value: None, sensitive: &FALSE, unknown: &FALSE };

    fn shape(self) -> Shape {
        match (self.value, self.unknown) {
            (_, Json::Bool(true)) => Shape::Leaf,
            (Some(Json::Object(_)), _) => Shape::Object,
            (Some(Json::Array(_)), _) => Shape::List,
            (Some(_), _) => Shape::Leaf,
            (None, Json::Object(_)) if has_mark(self.unknown) => Shape::Object,
            (None, Json::Array(_)) if has_mark(self.unknown) => Shape::List,
            (None, _) => Shape::Absent,
        }
    }

    fn at(self, step: &Step) -> Self {
        let value = match (self.value, step) {
            (Some(Json::Object(map)), Step::Key(key)) => {
                map.get(key).filter(|value| !value.is_null())
            }
            (Some(Json::Array(list)), Step::Index(index)) => element(list, *index),
            _ => None,
        };
        Self { value, sensitive: mark(self.sensitive, step), unknown: mark(self.unknown, step) }
    }

    fn steps(self, steps: &mut BTreeSet<Step>) {
        for tree in [self.value, Some(self.unknown)].into_iter().flatten() {
            match tree {
                Json::Object(map) => steps.extend(map.keys().cloned().map(Step::Key)),
                Json::Array(list) => steps.extend((0..list.len() as u64).map(Step::Index)),
                _ => {}
            }
        }
    }

    /// Adds all texts that are marked as sensitive.
    pub(crate) fn marked(self, texts: &mut BTreeSet<String>) {
        match (self.value, self.sensitive) {
            (_, Json::Bool(false)) | (None, _) => {}
            (Some(Json::String(text)), Json::Bool(true)) if text.len() >= SHORT => {
                texts.insert(text.clone());
            }
            _ => {
                let mut steps = BTreeSet::new();
                self.steps(&mut steps);
                steps.iter().for_each(|step| self.at(step).marked(texts));
            }
        }
    }

    /// Returns the length of a list of plain values that are known and may be shown; `None` for
    /// anything else.
    fn is_plain_list(self) -> Option<usize> {
        let Some(Json::Array(list)) = self.value else { return None };
        let is_plain = !has_mark(self.sensitive)
            && !has_mark(self.unknown)
            && !list.iter().any(|element| element.is_object() || element.is_array());
        is_plain.then_some(list.len())
    }
}

/// Returns the differences between two sides, sorted by path.
pub(super) fn differences(
    of: &str,
    before: Side<'_>,
    after: Side<'_>,
    masks: &Masks<'_>,
) -> Vec<Difference> {
    let mut walk = Walk { of, masks, found: Vec::new() };
    walk.compare(&Path::default(), before, after);
    walk.found.sort_by(|a, b| a.path.cmp(&b.path));
    walk.found
}

/// Returns the two sides as one pair of whole values.
pub(super) fn whole(
    of: &str,
    before: Side<'_>,
    after: Side<'_>,
    masks: &Masks<'_>,
) -> (Value, Value) {
    let walk = Walk { of, masks, found: Vec::new() };
    let is_sensitive = has_mark(before.sensitive) || has_mark(after.sensitive);
    let value = |side| walk.value(&Path::default(), side, is_sensitive);
    (value(before), value(after))
}

struct Walk<'a> {
    of: &'a str,
    masks: &'a Masks<'a>,
    found: Vec<Difference>,
}

impl Walk<'_> {
    fn compare(&mut self, path: &Path, before: Side<'_>, after: Side<'_>) {
        let is_sensitive = [before, after].iter().any(|side| *side.sensitive == Json::Bool(true));
        let lengths = before.is_plain_list().zip(after.is_plain_list());
        let is_resized = lengths.is_some_and(|(before, after)| before != after);
        if is_sensitive || is_resized {
            return self.leaf(path, before, after);
        }
        match (before.shape(), after.shape()) {
            (Shape::Object, Shape::Object) | (Shape::List, Shape::List) => {
                self.descend(path, before, after);
            }
            (Shape::Object | Shape::List, Shape::Absent)
            | (Shape::Absent, Shape::Object | Shape::List) => {
                let found = self.found.len();
                self.descend(path, before, after);
                if self.found.len() == found {
                    // An empty object or list differs from an absent one.
                    self.leaf(path, before, after);
                }
            }
            (Shape::Absent | Shape::Leaf, Shape::Absent | Shape::Leaf) => {
                self.leaf(path, before, after);
            }
            // Another kind of value: the old one is removed and the new one is added.
            _ => {
                self.compare(path, before, Side::ABSENT);
                self.compare(path, Side::ABSENT, after);
            }
        }
    }

    fn descend(&mut self, path: &Path, before: Side<'_>, after: Side<'_>) {
        let mut steps = BTreeSet::new();
        before.steps(&mut steps);
        after.steps(&mut steps);
        for step in steps {
            let (before, after) = (before.at(&step), after.at(&step));
            let mut deeper = path.clone();
            deeper.0.push(step);
            self.compare(&deeper, before, after);
        }
    }

    fn leaf(&mut self, path: &Path, before: Side<'_>, after: Side<'_>) {
        let is_sensitive = has_mark(before.sensitive) || has_mark(after.sensitive);
        let before = self.value(path, before, is_sensitive);
        let after = self.value(path, after, is_sensitive);
        if before != after {
            self.found.push(Difference { path: path.clone(), before, after });
        }
    }

    /// Returns a side as a value, masked if either side is sensitive: what is secret now may have
    /// been shown before.
    fn value(&self, path: &Path, side: Side<'_>, is_sensitive: bool) -> Value {
        match (side.value, is_sensitive) {
            (_, true) if *side.unknown == Json::Bool(true) => Value::SensitiveUnknown,
            (_, false) if has_mark(side.unknown) => Value::Unknown,
            (None, true) if has_mark(side.unknown) => Value::SensitiveUnknown,
            (None, _) => Value::Absent,
            (Some(value), true) => self.masked(path, value, side.unknown),
            (Some(value), false) if self.has_secret(value) => self.masked(path, value, &FALSE),
            (Some(value), false) => Value::Known(value.clone()),
        }
    }

    /// Returns the HMAC of a value, which shows whether it changed but not that two places hold the
    /// same value.
    fn masked(&self, path: &Path, value: &Json, unknown: &Json) -> Value {
        let parts = [self.of.to_owned(), canonical(path), canonical(value), canonical(unknown)];
        // HMAC accepts keys of any length, so this does not fail.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.masks.key) else {
            return Value::SensitiveUnknown;
        };
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        Value::Sensitive(hex::encode(mac.finalize().into_bytes()))
    }

    fn has_secret(&self, value: &Json) -> bool {
        match value {
            Json::String(text) => self.masks.hides(text),
            Json::Array(list) => list.iter().any(|element| self.has_secret(element)),
            Json::Object(map) => {
                map.iter().any(|(key, value)| self.masks.hides(key) || self.has_secret(value))
            }
            _ => false,
        }
    }
}

fn element(list: &[Json], index: u64) -> Option<&Json> {
    list.get(usize::try_from(index).ok()?)
}

/// Returns the mark of a part; if the whole is marked, each part is.
fn mark<'j>(marks: &'j Json, step: &Step) -> &'j Json {
    match (marks, step) {
        (Json::Bool(true), _) => &TRUE,
        (Json::Object(map), Step::Key(key)) => map.get(key).unwrap_or(&FALSE),
        (Json::Array(list), Step::Index(index)) => element(list, *index).unwrap_or(&FALSE),
        _ => &FALSE,
    }
}

/// Returns whether anything in a tree of marks is marked.
fn has_mark(marks: &Json) -> bool {
    match marks {
        Json::Bool(mark) => *mark,
        Json::Array(list) => list.iter().any(has_mark),
        Json::Object(map) => map.values().any(has_mark),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Returns each difference as `path: before -> after`.
    fn lines(before: &Json, after: &Json, sensitive: &Json, unknown: &Json) -> Vec<String> {
        let secrets = Secrets::new(["hunter2222"]);
        let masks = Masks { key: b"key", secrets: &secrets, marked: BTreeSet::new() };
        let before = Side::new(Some(before), sensitive, &FALSE);
        let after = Side::new(Some(after), sensitive, unknown);
        let show = |value: &Value| match value {
            Value::Known(json) => json.to_string(),
            Value::Sensitive(_) => "sensitive".into(),
            other => format!("{other:?}"),
        };
        differences("a.b", before, after, &masks)
            .iter()
            .map(|d| format!("{}: {} -> {}", d.path, show(&d.before), show(&d.after)))
            .collect()
    }

    #[test]
    fn nested_maps_and_lists_are_taken_down_to_leaves() {
        let before =
            json!({"same": 1, "tags": {"a": "1", "b": "2"}, "rule": [{"id": "x", "on": true}]});
        let after =
            json!({"same": 1, "tags": {"a": "9", "c d": "3"}, "rule": [{"id": "y", "on": true}]});
        assert_eq!(
            lines(&before, &after, &FALSE, &FALSE),
            [
                "rule[0].id: \"x\" -> \"y\"",
                "tags.a: \"1\" -> \"9\"",
                "tags.b: \"2\" -> Absent",
                "tags[\"c d\"]: Absent -> \"3\"",
            ]
        );
    }

    #[test]
    fn each_difference_of_shape_is_seen() {
        for (before, after, line) in [
            (json!({"a": null}), json!({}), None),
            (json!({"a": {}}), json!({"a": null}), Some("a: {} -> Absent")),
            (json!({"a": []}), json!({}), Some("a: [] -> Absent")),
            (json!({"a": [null]}), json!({"a": []}), Some("a: [null] -> []")),
            (
                json!({"a": ["x", "z"]}),
                json!({"a": ["x", "y", "z"]}),
                Some("a: [\"x\",\"z\"] -> [\"x\",\"y\",\"z\"]"),
            ),
            (json!({"a": ["x", "y"]}), json!({"a": ["x", "z"]}), Some("a[1]: \"y\" -> \"z\"")),
            (json!({"a": [[1]]}), json!({"a": [[2]]}), Some("a[0][0]: 1 -> 2")),
            (json!({"a": "1"}), json!({"a": 1}), Some("a: \"1\" -> 1")),
        ] {
            let expected: Vec<String> = line.map(str::to_owned).into_iter().collect();
            assert_eq!(lines(&before, &after, &FALSE, &FALSE), expected);
        }
    }

    #[test]
    fn another_kind_of_value_is_one_that_goes_and_one_that_comes() {
        assert_eq!(
            lines(&json!({"a": "x"}), &json!({"a": {"b": 1}}), &FALSE, &FALSE),
            ["a: \"x\" -> Absent", "a.b: Absent -> 1"]
        );
    }

    #[test]
    fn unknown_values_are_unknown_wherever_they_are() {
        let unknown = json!({"id": true, "list": [false, true], "map": {"x": true}});
        assert_eq!(
            lines(&json!({"list": ["a", "b"]}), &json!({"list": ["a", null]}), &FALSE, &unknown),
            ["id: Absent -> Unknown", "list[1]: \"b\" -> Unknown", "map.x: Absent -> Unknown"]
        );
    }

    #[test]
    fn sensitive_values_are_masked_on_both_sides_with_all_that_is_in_them() {
        let sensitive = json!({"password": true, "users": true, "rule": [{"key": true}]});
        let before = json!({"password": "a", "users": {"bob": 1}, "rule": [{"key": "k", "n": 1}]});
        let after = json!({"password": "b", "users": {"eve": 1}, "rule": [{"key": "k", "n": 2}]});
        assert_eq!(
            lines(&before, &after, &sensitive, &FALSE),
            [
                "password: sensitive -> sensitive",
                "rule[0].n: 1 -> 2",
                "users: sensitive -> sensitive"
            ]
        );
        let unknown = json!({"password": true});
        assert_eq!(
            lines(&json!({"password": "a"}), &json!({}), &sensitive, &unknown),
            ["password: sensitive -> SensitiveUnknown"]
        );
    }

    #[test]
    fn a_value_that_is_sensitive_on_one_side_is_masked_on_both() {
        let secrets = Secrets::default();
        let masks = Masks { key: b"key", secrets: &secrets, marked: BTreeSet::new() };
        let (old, new) = (json!({"a": "was", "m": {"k": 1}}), json!({"a": "is", "m": {"k": 2}}));
        let marks = json!({"a": true, "m": true});
        for (was, is) in [(&marks, &FALSE), (&FALSE, &marks)] {
            let before = Side::new(Some(&old), was, &FALSE);
            let after = Side::new(Some(&new), is, &FALSE);
            let found = differences("a.b", before, after, &masks);
            let paths: Vec<String> = found.iter().map(|d| d.path.to_string()).collect();
            assert_eq!(paths, ["a", "m"], "not even the keys are shown");
            for difference in found {
                assert!(matches!(difference.before, Value::Sensitive(_)), "{difference:?}");
                assert!(matches!(difference.after, Value::Sensitive(_)), "{difference:?}");
            }
        }
    }

    #[test]
    fn a_secret_that_the_engine_does_not_know_of_is_masked_too() {
        let before = json!({"user_data": "x", "map": {"a": 1}});
        let after = json!({"user_data": "echo hunter2222", "map": {"a": "hunter2222"}});
        assert_eq!(
            lines(&before, &after, &FALSE, &FALSE),
            ["map.a: 1 -> sensitive", "user_data: \"x\" -> sensitive"]
        );
    }

    #[test]
    fn a_mask_depends_on_key_place_and_value() {
        let secrets = Secrets::default();
        let masked = |key: &[u8], of: &str, value: &str| {
            let (value, masks) =
                (json!({"a": value}), Masks { key, secrets: &secrets, marked: BTreeSet::new() });
            let after = Side::new(Some(&value), &TRUE, &FALSE);
            differences(of, Side::ABSENT, after, &masks).remove(0).after
        };
        let one = masked(b"k", "a.b", "v");
        assert_eq!(one, masked(b"k", "a.b", "v"));
        assert_ne!(one, masked(b"l", "a.b", "v"));
        assert_ne!(one, masked(b"k", "a.c", "v"));
        assert_ne!(one, masked(b"k", "a.b", "w"));
    }
}
