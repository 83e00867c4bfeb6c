//! Values that look like a credential, which everyone who can read the repository could read.
//!
//! These are only warnings, since the form of a text proves nothing. They cover only unmistakable
//! forms, since false warnings teach people to ignore all of them.

use planwright_core::finding::{Finding, Severity};

use super::{
    stack::Stack,
    yaml::{Kind, Node},
};

/// Known forms: the prefix, the least number of letters, digits, `_` and `-` after it, and a
/// description.
const FORMS: &[(&str, usize, &str)] = &[
    ("AKIA", 16, "an access key of AWS"),
    ("ASIA", 16, "an access key of AWS"),
    ("AIza", 35, "a key of Google"),
    ("ghp_", 36, "a token of GitHub"),
    ("gho_", 36, "a token of GitHub"),
    ("ghu_", 36, "a token of GitHub"),
    ("ghs_", 36, "a token of GitHub"),
    ("ghr_", 36, "a token of GitHub"),
    ("github_pat_", 22, "a token of GitHub"),
    ("glpat-", 20, "a token of GitLab"),
    ("sk_live_", 16, "a key of Stripe"),
    ("xoxb-", 20, "a token of Slack"),
    ("xoxp-", 20, "a token of Slack"),
];

/// Returns a warning for each param and override of a stack whose value looks like a credential.
pub fn findings(stack: &Stack) -> Vec<Finding> {
    let params = stack.layers.iter().flat_map(|layer| layer.params.leaves("/params"));
    let overrides = stack.overrides.iter().flat_map(|one| one.value.leaves(&one.at));
    params.chain(overrides).filter_map(|(pointer, node)| finding(pointer, node)).collect()
}

fn finding(pointer: String, node: &Node) -> Option<Finding> {
    let Kind::String(text) = &node.kind else { return None };
    let what = likeness(text)?;
    let message = format!(
        "this looks like {what}, and values in this file are public to everyone who can read the \
         repository"
    );
    let fix = "revoke it, since it stays in the history, and give the provider its credentials in \
               the environment of the engine";
    Some(Finding {
        severity: Severity::Warning,
        pointer: Some(pointer),
        fix: Some(fix.into()),
        ..Finding::error("credential", node.place.clone(), message)
    })
}

/// Returns a description of the credential that a text seems to contain, if any.
pub fn likeness(text: &str) -> Option<&'static str> {
    if text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----") {
        return Some("a private key");
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    text.split(|c| !is_part(c)).find_map(|word| {
        let form = FORMS.iter().find(|(start, length, _)| {
            word.strip_prefix(start).is_some_and(|rest| rest.len() >= *length)
        });
        form.map(|(.., what)| *what)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_known_by_its_form_and_nothing_else_is_one() {
        let long = "0123456789abcdefghijABCDEFGHIJ0123456789";
        for (text, what) in [
            ("AKIAIOSFODNN7EXAMPLE".to_owned(), Some("an access key of AWS")),
            (format!("https://x:ghp_{long}@example.org"), Some("a token of GitHub")),
            (format!("token=github_pat_{long}"), Some("a token of GitHub")),
            ("-----BEGIN RSA PRIVATE KEY-----\nMII".to_owned(), Some("a private key")),
            ("-----BEGIN PUBLIC KEY-----".to_owned(), None),
            ("ghp_short".to_owned(), None),
            ("AKIA".to_owned(), None),
            (format!("sha256:{long}"), None),
            ("arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000".to_owned(), None),
        ] {
            assert_eq!(likeness(&text), what, "{text}");
        }
    }
}
