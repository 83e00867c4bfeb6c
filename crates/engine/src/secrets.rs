//! Values that must not leave this process, and removing them from text.
//!
//! They are found by value, in the forms in which engines and providers print them. Where a secret
//! comes from is not known here.

use base64::{Engine as _, engine::general_purpose};

/// The least length in characters; shorter values would mask ordinary words.
const SHORTEST: usize = 4;

/// The text that replaces a secret.
const MASK: &str = "[secret]";

/// The secrets of the children of one stack.
#[derive(Clone, Default)]
pub struct Secrets {
    /// All forms, longest first, so that no part of a longer secret is left over.
    forms: Vec<String>,
}

impl Secrets {
    /// Takes the values in plain text. Each is found as it is, line by line, and as JSON, base64 or
    /// hex.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let mut forms: Vec<String> = values.into_iter().flat_map(forms).collect();
        forms.retain(|form| form.chars().count() >= SHORTEST);
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        forms.dedup();
        Self { forms }
    }

    /// Returns the text with each secret replaced by `[secret]`.
    pub fn scrubbed(&self, text: &str) -> String {
        self.forms.iter().fold(text.to_owned(), |text, form| text.replace(form, MASK))
    }

    pub fn is_in(&self, text: &str) -> bool {
        self.forms.iter().any(|form| text.contains(form))
    }
}

fn forms(value: &str) -> Vec<String> {
    let json = serde_json::Value::from(value).to_string();
    let mut forms = vec![
        value.to_owned(),
        json[1..json.len() - 1].to_owned(),
        general_purpose::STANDARD.encode(value),
        general_purpose::STANDARD_NO_PAD.encode(value),
        general_purpose::URL_SAFE_NO_PAD.encode(value),
        hex::encode(value),
    ];
    // The log is processed by line, so a PEM key is never seen as a whole.
    forms.extend(value.lines().map(|line| line.trim().to_owned()).filter(|line| line.len() >= 8));
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_a_secret_is_taken_out() {
        let secrets = Secrets::new(["hunter\"2222"]);
        for text in ["a hunter\"2222 b", r#"a hunter\"2222 b"#, "a aHVudGVyIjIyMjI= b"] {
            assert_eq!(secrets.scrubbed(text), "a [secret] b");
            assert!(secrets.is_in(text));
        }
    }

    #[test]
    fn a_line_of_a_key_is_taken_out() {
        let secrets = Secrets::new(["-----BEGIN-----\nMIIEvQIBADAN\n-----END-----\n"]);
        assert_eq!(secrets.scrubbed("key: MIIEvQIBADAN"), "key: [secret]");
    }

    #[test]
    fn the_longer_of_two_secrets_goes_whole_and_a_tiny_one_stays() {
        let secrets = Secrets::new(["abcd", "abcdefgh", "e"]);
        assert_eq!(secrets.scrubbed("abcdefgh else"), "[secret] else");
    }
}
