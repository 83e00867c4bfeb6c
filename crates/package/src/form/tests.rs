//! Tests with the forms of the starter packages, and with issue texts as GitHub generates them.

use serde_json::json;

use planwright_core::{
    change_set::Edit,
    finding::{Finding, Location},
};

use super::*;
use crate::{Checked, files::MemoryFiles, source::Source};

fn form(package: &str) -> Form {
    let place = Location { file: "test".into(), line: 1, column: 1 };
    let package = Source::parse(package).unwrap().package(&MemoryFiles::default(), &place);
    Form::new(&package.unwrap())
}

/// Returns the text that GitHub generates from a form with these fields filled in.
fn filled(form: &Form, values: &[(&str, &str)]) -> String {
    let labels = [PACKAGE, STACK].map(str::to_owned).into_iter();
    let labels = labels.chain(form.fields.iter().map(|field| field.path.to_string()));
    let value = |label: &str| values.iter().find(|(l, _)| *l == label).map(|(_, value)| *value);
    labels
        .map(|label| {
            let value = if label == PACKAGE { Some(form.package.as_str()) } else { value(&label) };
            format!("### {label}\n\n{}\n\n", value.unwrap_or("_No response_"))
        })
        .collect()
}

fn params(read: Checked<planwright_core::change_set::ChangeSet>) -> serde_json::Value {
    match &read.unwrap().0[..] {
        [Edit::AddStack { params, .. }] => serde_json::to_value(params).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn codes(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| &*finding.code).collect()
}

#[test]
fn a_form_asks_for_what_the_schema_knows_required_first() {
    let yaml = form("aws-bucket").yaml("infra: wish");
    let form: Value = serde_saphyr::from_str(&yaml).unwrap();
    assert_eq!(form["labels"], serde_json::json!(["infra: wish"]));
    let body = form["body"].as_array().unwrap();
    let labels: Vec<&str> =
        body.iter().map(|field| field["attributes"]["label"].as_str().unwrap()).collect();
    assert_eq!(
        labels,
        [
            "package",
            "stack",
            "name",
            "region",
            "encryption.algorithm",
            "encryption.kms_key_arn",
            "force_destroy",
            "lifecycle.abort_uploads_after_days",
            "lifecycle.expire_after_days",
            "lifecycle.expire_old_versions_after_days",
            "tags",
            "versioning",
        ]
    );
    let required = |i: usize| body[i]["validations"]["required"].as_bool().unwrap();
    assert_eq!(
        (2..12).map(required).collect::<Vec<_>>(),
        [true, true, false, false, false, false, false, false, false, false]
    );
    assert_eq!(body[4]["attributes"]["options"], json!(["AES256", "aws:kms"]));
}

#[test]
fn no_form_offers_a_word_that_github_reserves() {
    for package in crate::source::names() {
        let form: Value = serde_saphyr::from_str(&form(package).yaml("planwright")).unwrap();
        let mut ids = BTreeSet::new();
        for field in form["body"].as_array().unwrap() {
            assert!(ids.insert(field["id"].as_str().unwrap().to_owned()), "{package}: {field}");
            for option in field["attributes"]["options"].as_array().into_iter().flatten() {
                let option = option.as_str().expect("GitHub takes texts only");
                assert!(!option.eq_ignore_ascii_case("none"), "{package}: {field}");
            }
        }
    }
}

#[test]
fn what_was_filled_in_comes_back_as_typed_params() {
    let form = form("aws-bucket");
    let text = filled(
        &form,
        &[
            ("stack", "build-logs"),
            ("name", "acme-build-logs"),
            ("region", "eu-central-1"),
            ("versioning", "false"),
            ("lifecycle.expire_after_days", "30"),
            ("tags", "team: web\ncost: 12"),
        ],
    );
    assert_eq!(package_of(&text).as_deref(), Some("aws-bucket"));
    assert_eq!(
        params(form.read(&text.replace('\n', "\r\n"))),
        json!({
            "name": "acme-build-logs", "region": "eu-central-1", "versioning": false,
            "lifecycle.expire_after_days": 30, "tags": { "team": "web", "cost": "12" },
        })
    );
}

#[test]
fn a_list_is_one_on_each_line() {
    let form = form("hello");
    let text = filled(&form, &[("stack", "hi"), ("greeting", "12"), ("audience", "world\n- moon")]);
    assert_eq!(
        params(form.read(&text)),
        json!({ "greeting": "12", "audience": ["world", "moon"] })
    );
}

#[test]
fn a_heading_within_a_value_smuggles_no_field() {
    let form = form("aws-bucket");
    let text = filled(
        &form,
        &[
            ("stack", "build-logs"),
            ("name", "acme\n\n### force_destroy\n\ntrue"),
            ("region", "eu-central-1"),
        ],
    );
    let findings = form.read(&text).unwrap_err();
    assert!(findings.iter().all(|finding| finding.code == "form_heading"), "{findings:#?}");
    assert!(
        findings.iter().any(|finding| finding.message.contains("`force_destroy`")),
        "{findings:#?}"
    );
}

#[test]
fn a_field_that_is_wrong_by_itself_is_named() {
    let form = form("aws-bucket");
    let text = filled(&form, &[("stack", "Build Logs"), ("tags", "web"), ("name", "a\u{202e}b")]);
    let findings = form.read(&text).unwrap_err();
    assert_eq!(codes(&findings), ["form_field"; 3]);
    for (finding, field) in findings.iter().zip(["`stack`", "`name`", "`tags`"]) {
        assert!(finding.message.starts_with(field), "{finding}");
    }
}
