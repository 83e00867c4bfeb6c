//! Values of a plan on one line: shortened, with everything visible, and never a secret.

use serde_json::Value as Json;

use planwright_core::{
    escape,
    plan::{Difference, Value},
};

/// The number of characters of a value that are shown in a comment.
const MOST: usize = 120;
/// The number of characters of a value that are shown on a page.
const WHOLE: usize = 20_000;

/// Returns a value as it is shown in a comment.
pub fn value_text(value: &Value) -> String {
    text_of(value, MOST)
}

/// Returns a value as it is shown on a page, which has more room.
pub fn whole_value_text(value: &Value) -> String {
    text_of(value, WHOLE)
}

fn text_of(value: &Value, most: usize) -> String {
    match value {
        Value::Absent => "(none)".into(),
        Value::Known(Json::String(text)) => {
            let (shown, rest) = split(text, most);
            format!("{}{rest}", escape::visible(&Json::from(shown).to_string()))
        }
        Value::Known(json) => {
            let text = json.to_string();
            let (shown, rest) = split(&text, most);
            format!("{}{rest}", escape::visible(shown))
        }
        Value::Unknown => "(known after apply)".into(),
        Value::Sensitive(_) => "(sensitive)".into(),
        Value::SensitiveUnknown => "(sensitive, known after apply)".into(),
    }
}

/// Returns `old → new`, or only the new value if there was no old one.
pub fn difference_text(before: &Value, after: &Value) -> String {
    match (before, after) {
        (Value::Absent, after) => value_text(after),
        (Value::Sensitive(old), Value::Sensitive(new)) if old != new => {
            "(sensitive) → (sensitive, changed)".into()
        }
        (before, after) => format!("{} → {}", value_text(before), value_text(after)),
    }
}

/// Returns the drift of a value: what was applied → what is there now. Only the latter is returned
/// if the applied value is known only after an apply.
pub fn drift_text(applied: &Value, found: &Value) -> String {
    match applied {
        Value::Unknown | Value::SensitiveUnknown => format!("now {}", value_text(found)),
        _ => difference_text(applied, found),
    }
}

/// Returns the path of an attribute, shortened and with everything visible.
pub fn path_text(difference: &Difference) -> String {
    let path = difference.path.to_string();
    if path.is_empty() {
        return "(whole)".into();
    }
    escape::visible(&escape::shortened(&path, MOST))
}

fn split(text: &str, most: usize) -> (&str, String) {
    match text.char_indices().nth(most) {
        None => (text, String::new()),
        Some((end, _)) => {
            let rest = escape::grouped(text[end..].chars().count());
            (&text[..end], format!("… ({rest} more characters)"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sensitive_value_shows_only_that_it_changed() {
        let secret = |hmac: &str| Value::Sensitive(hmac.into());
        assert_eq!(
            difference_text(&secret("aa"), &secret("bb")),
            "(sensitive) → (sensitive, changed)"
        );
        assert_eq!(difference_text(&Value::Absent, &secret("bb")), "(sensitive)");
        assert_eq!(
            difference_text(&secret("aa"), &Value::SensitiveUnknown),
            "(sensitive) → (sensitive, known after apply)"
        );
    }

    #[test]
    fn a_long_value_is_cut_and_one_with_lines_stays_on_one() {
        let long = value_text(&Value::Known("a".repeat(1_000_000).into()));
        assert!(long.ends_with("aaa\"… (999,880 more characters)"), "{long}");
        assert_eq!(value_text(&Value::Known("a\n\u{202e}\"".into())), r#""a\n⟨U+202E⟩\"""#);
        assert_eq!(value_text(&Value::Known(Json::Null)), "null");
    }
}
