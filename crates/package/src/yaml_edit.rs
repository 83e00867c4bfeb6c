//! Edits a YAML file so that its comments, order and quotes are kept.
//!
//! `yamlpatch` makes the patches, and each result is verified: it is parsed again and must be
//! exactly the intended document. If a patch fails or gives another document, the value is written
//! anew as JSON, or else a mapping around it, up to the key at the root; only the comments inside
//! are lost.

use serde_json::{Map, Value};
use yamlpatch::{Op, Patch, apply_yaml_patches};
use yamlpath::{Component, Document, Route};

use super::yaml::Node;

/// Why a file cannot be edited.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EditError {
    #[error("the file is not YAML that Planwright takes")]
    Unreadable,
    #[error("`{0}` is no mapping in this file, so nothing can be set below it")]
    NoMapping(String),
    #[error("this file is written in a way that cannot be edited safely; edit it by hand")]
    NotEditable,
}

/// Returns `text` with `value` at the keys `path`, creating missing mappings on the way.
pub(crate) fn set(text: &str, path: &[String], value: &Value) -> Result<String, EditError> {
    let before = value_of(text).ok_or(EditError::Unreadable)?;
    let mut meant = before.clone();
    put(&mut meant, path, value)?;
    changed(text, &before, &meant, path)
}

/// Returns `text` without the keys `path`; unchanged if they do not exist.
pub(crate) fn unset(text: &str, path: &[String]) -> Result<String, EditError> {
    let before = value_of(text).ok_or(EditError::Unreadable)?;
    let mut meant = before.clone();
    let around = path.split_last().and_then(|(last, around)| {
        let node = around.iter().try_fold(&mut meant, |node, key| node.get_mut(key))?;
        Some((node.as_object_mut()?, last))
    });
    if around.and_then(|(map, last)| map.remove(last)).is_none() {
        return Ok(text.to_owned());
    }
    changed(text, &before, &meant, path)
}

fn put(node: &mut Value, path: &[String], value: &Value) -> Result<(), EditError> {
    let Some((key, rest)) = path.split_first() else {
        *node = value.clone();
        return Ok(());
    };
    if node.is_null() {
        *node = Value::Object(Map::new());
    }
    let map = node.as_object_mut().ok_or_else(|| EditError::NoMapping(key.clone()))?;
    put(map.entry(key.clone()).or_insert(Value::Null), rest, value)
}

/// Returns `text` with the smallest patch after which it means `meant`: at the path, or at a
/// mapping around it.
fn changed(
    text: &str,
    before: &Value,
    meant: &Value,
    path: &[String],
) -> Result<String, EditError> {
    if before == meant {
        return Ok(text.to_owned());
    }
    (1..=path.len())
        .rev()
        .flat_map(|depth| {
            let path = &path[..depth];
            let patched = patch(before, meant, path).and_then(|patch| patched(text, &patch));
            [patched, replaced(text, path, at(meant, path))]
        })
        .flatten()
        .find(|text| value_of(text).as_ref() == Some(meant))
        .ok_or(EditError::NotEditable)
}

/// Returns the patch for `path`; `None` if the mapping around it does not exist.
fn patch<'a>(before: &Value, meant: &Value, path: &'a [String]) -> Option<Patch<'a>> {
    let (last, around) = path.split_last()?;
    let had = at(before, around)?.as_object()?.contains_key(last);
    let has = at(meant, around)?.get(last);
    let (route, operation) = match (had, has) {
        (true, Some(value)) => (path, Op::Replace(serde_json::from_value(value.clone()).ok()?)),
        (true, None) => (path, Op::Remove),
        (false, Some(value)) => {
            let value = serde_json::from_value(value.clone()).ok()?;
            (around, Op::Add { key: last.clone(), value })
        }
        (false, None) => return None,
    };
    let route: Vec<Component<'a>> = route.iter().map(|key| Component::from(key.as_str())).collect();
    Some(Patch { route: Route::from(route), operation })
}

fn at<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.get(key))
}

fn patched(text: &str, patch: &Patch<'_>) -> Option<String> {
    let document = Document::new(text).ok()?;
    let patched = apply_yaml_patches(&document, std::slice::from_ref(patch)).ok()?;
    Some(patched.source().to_owned())
}

/// Returns `text` with the value at `path` written as JSON, which is single-line YAML.
fn replaced(text: &str, path: &[String], value: Option<&Value>) -> Option<String> {
    let document = Document::new(text).ok()?;
    let route: Vec<Component<'_>> = path.iter().map(|key| Component::from(key.as_str())).collect();
    let route = Route::from(route);
    let (start, end) = document.query_pretty(&route).ok()?.location.byte_span;
    let key = document.query_key_only(&route).ok()?;
    let key = document.extract(&key).trim();
    Some(format!("{}{key}: {}{}", text.get(..start)?, value?, text.get(end..)?))
}

fn value_of(text: &str) -> Option<Value> {
    Node::parse("file", text.as_bytes()).ok().map(|node| node.value())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const FILE: &str = "# Ours.
apiVersion: planwright.dev/v1
kind: Stack   # always
package: aws-bucket
version: \"^0.1\"
params:
  name: acme-logs  # unique
  # Why: the lawyers.
  versioning: true
  tags: { team: web, 'cost': \"12\" }
  encryption:
    algorithm: AES256
";

    fn path(text: &str) -> Vec<String> {
        text.split('.').map(Into::into).collect()
    }

    fn lines_changed(before: &str, after: &str) -> (Vec<String>, Vec<String>) {
        let only = |one: &str, other: &str| {
            one.lines()
                .filter(|line| !other.lines().any(|l| l == *line))
                .map(Into::into)
                .collect::<Vec<String>>()
        };
        (only(before, after), only(after, before))
    }

    #[test]
    fn one_line_changes_and_its_comment_stays() {
        let after = set(FILE, &path("params.name"), &json!("acme-build")).unwrap();
        let (gone, come) = lines_changed(FILE, &after);
        assert_eq!(gone, ["  name: acme-logs  # unique"]);
        assert_eq!(come, ["  name: acme-build  # unique"]);
    }

    #[test]
    fn what_is_missing_is_added_and_what_goes_leaves_its_neighbours() {
        for (at, value) in [
            ("params.force_destroy", json!(true)),
            ("params.encryption.kms_key_arn", json!("arn:aws:kms:x")),
            ("params.lifecycle.expire_after_days", json!(30)),
            ("params.tags.owner", json!("a: b # c")),
            ("params.tags", json!({ "a": "1" })),
            ("params.list", json!(["a", { "b": null }])),
        ] {
            let after = set(FILE, &path(at), &value).unwrap();
            let mut meant = value_of(FILE).unwrap();
            put(&mut meant, &path(at), &value).unwrap();
            assert_eq!(value_of(&after).unwrap(), meant, "{at}:\n{after}");
            for comment in ["# Ours.", "# always", "# unique", "# Why: the lawyers."] {
                assert!(after.contains(comment), "{at} lost {comment}:\n{after}");
            }
        }
        let after = unset(FILE, &path("params.tags.team")).unwrap();
        assert_eq!(value_of(&after).unwrap()["params"]["tags"], json!({ "cost": "12" }));
        let after = unset(FILE, &path("params.encryption.algorithm")).unwrap();
        assert_eq!(value_of(&after).unwrap()["params"]["encryption"], json!({}));
        assert!(after.contains("# Why: the lawyers."), "{after}");
        assert_eq!(unset(FILE, &path("params.nothing")).unwrap(), FILE);
    }

    #[test]
    fn a_file_without_params_gets_them() {
        let text = "apiVersion: planwright.dev/v1\nkind: Environment\n# The end.\n";
        let after = set(text, &path("params.greeting"), &json!("Hi")).unwrap();
        assert_eq!(value_of(&after).unwrap()["params"], json!({ "greeting": "Hi" }));
        assert!(after.contains("# The end."), "{after}");
    }

    #[test]
    fn nothing_is_set_below_a_text() {
        let refused = set(FILE, &path("params.name.deep"), &json!(1));
        assert_eq!(refused, Err(EditError::NoMapping("deep".into())));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn any_text_becomes_its_own_value_and_no_other(
            key in "[a-z_]{1,8}",
            text in any::<String>().prop_filter("YAML cannot hold it", |text| {
                !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t' || c == '\u{feff}' || c == '\u{fffe}' || c == '\u{ffff}')
            }),
        ) {
            let at = vec!["params".to_owned(), "tags".to_owned(), key];
            let value = Value::String(text);
            match set(FILE, &at, &value) {
                Ok(after) => {
                    let mut meant = value_of(FILE).unwrap();
                    put(&mut meant, &at, &value).unwrap();
                    prop_assert_eq!(value_of(&after).unwrap(), meant);
                }
                Err(error) => prop_assert_eq!(error, EditError::NotEditable),
            }
        }
    }
}
