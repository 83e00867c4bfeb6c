//! Rendering is pure, and no string of a user changes anything but its own value.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use planwright_package::{
    Prepared,
    files::MemoryFiles,
    render::{Rendered, VALUES},
    stack::From,
};

use super::{bucket, finding, id, lock, prepare, prepared};

/// A stack of `aws-bucket` with one tag and one name of a tag chosen by somebody else.
fn tagged(key: &str, value: &str) -> Prepared {
    let tags = format!("  tags: {{{}: {}}}\n", quoted(key), quoted(value));
    prepared(&bucket(&tags)).unwrap_or_else(|findings| panic!("{key:?} {value:?}: {findings:#?}"))
}

/// A double-quoted YAML string; what YAML does not take as it is stands as an escape.
fn quoted(text: &str) -> String {
    let is_plain =
        |c: char| matches!(c, ' '..='~' | '\u{a0}'..='\u{d7ff}') && c != '"' && c != '\\';
    let escaped = |c: char| match is_plain(c) {
        true => c.to_string(),
        false => format!("\\U{:08x}", u32::from(c)),
    };
    format!("\"{}\"", text.chars().map(escaped).collect::<String>())
}

fn without_values(rendered: &Rendered) -> BTreeMap<String, Vec<u8>> {
    let mut files = rendered.files.clone();
    files.remove(VALUES);
    files
}

fn values(prepared: &Prepared) -> Value {
    serde_json::from_slice(&prepared.rendered.files[VALUES]).unwrap()
}

/// Strings that have hurt somebody.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just("${".to_owned()),
        Just("%{ if true }".to_owned()),
        Just("${file(\"/etc/passwd\")}".to_owned()),
        Just("${params.name}".to_owned()),
        Just("\"}, \"provider\": {".to_owned()),
        Just("\\u0022\n\r\t\u{2028}\u{202e}\u{feff}\u{7f}\u{1b}[31m".to_owned()),
        Just("$${}%%{}".to_owned()),
        "[^\\x00]{0,12}",
    ];
    proptest::collection::vec(pieces, 0..5).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_user_string_changes_nothing_but_its_own_value(text in hostile(), key in hostile()) {
        prop_assume!(!key.is_empty() && key.chars().count() <= 128 && text.chars().count() <= 256);
        let plain = tagged("k", "v");
        let hostile = tagged(&key, &text);
        prop_assert_eq!(without_values(&hostile.rendered), without_values(&plain.rendered));
        prop_assert_eq!(hostile.rendered.code_digest(), plain.rendered.code_digest());
        let mut expected = values(&plain);
        expected["bucket_tags"] = json!({ key: text });
        prop_assert_eq!(values(&hostile), expected);
    }
}

#[test]
fn a_value_changes_the_digest_and_not_the_digest_of_the_code() {
    let (one, other) = (tagged("k", "v").rendered, tagged("k", "w").rendered);
    assert_ne!(one.digest(), other.digest());
    assert_eq!(one.code_digest(), other.code_digest());
    assert_eq!(one, tagged("k", "v").rendered, "rendering twice gives the same bytes");
}

#[test]
fn an_environment_is_laid_over_the_stack_and_each_leaf_knows_its_file() {
    let overlay = "apiVersion: planwright.dev/v1\nkind: Environment\nparams:\n  region: us-east-1\n  tags: {stage: prod}\n";
    let mut files: MemoryFiles = [
        ("stacks/s/stack.yaml", bucket("  tags: {team: a}\n")),
        ("stacks/s/prod.yaml", overlay.to_owned()),
    ]
    .into_iter()
    .collect();
    lock(&mut files, &id("s/prod")).unwrap();
    let prepared = prepare(&files, &id("s/prod")).unwrap();
    assert_eq!(values(&prepared)["bucket_tags"], json!({"stage": "prod", "team": "a"}));
    assert_eq!(prepared.lock.state_key, "s/prod");
    let provenance = prepared.resolved.provenance();
    for (pointer, from, file, line) in [
        ("/slots/bucket/vars/name", From::Stack, "stacks/s/stack.yaml", 6),
        ("/slots/bucket/vars/tags/team", From::Stack, "stacks/s/stack.yaml", 8),
        ("/slots/bucket/vars/tags/stage", From::Environment, "stacks/s/prod.yaml", 5),
        ("/providers/aws/region", From::Environment, "stacks/s/prod.yaml", 4),
        (
            "/slots/bucket/vars/versioning",
            From::Default,
            "builtin:aws-bucket/params.schema.json",
            30,
        ),
    ] {
        let origin = &provenance[pointer];
        assert_eq!(
            (origin.from, origin.place.file.as_str(), origin.place.line),
            (from, file, line),
            "{pointer}"
        );
    }
}

#[test]
fn constants_and_wiring_have_a_provenance_too() {
    let stack = "apiVersion: planwright.dev/v1\nkind: Stack\npackage: aws-static-site\nversion: \"^0.1\"\n\
                 params: {bucket: acme-website, region: eu-central-1}\n";
    let provenance = prepared(stack).unwrap().resolved.provenance();
    assert_eq!(provenance["/slots/site/vars/minimum_protocol_version"].from, From::Constant);
    assert_eq!(provenance["/slots/dns/vars/domain"].from, From::Wiring);
}

#[test]
fn a_resource_leads_back_to_the_line_that_a_person_would_change() {
    let resolved = prepared(&bucket("  tags: {team: a}\n")).unwrap().resolved;
    for (address, attribute, line) in [
        ("module.bucket.aws_s3_bucket.this", Some("tags"), 8),
        ("module.bucket.aws_s3_bucket.this", Some("name"), 6),
        ("module.bucket.aws_s3_bucket.this", Some("versioning"), 6),
        ("module.bucket.aws_s3_bucket.this", None, 6),
        ("module.other.x.y", None, 5),
    ] {
        let place = resolved.place(address, attribute);
        assert_eq!(
            (place.file.as_str(), place.line),
            ("stacks/s/stack.yaml", line),
            "{address} {attribute:?}"
        );
    }
}

#[test]
fn secrets_and_outputs_of_other_stacks_are_refused_for_now() {
    for (tags, code) in [
        ("{ token: { $secret: x } }", "secret_refused"),
        ("{ vpc: '${stacks.network.outputs.vpc_id}' }", "stack_output_refused"),
    ] {
        assert_eq!(finding(prepared(&bucket(&format!("  tags: {tags}\n")))).code, code);
    }
    let text = "  tags: { vpc: 'see ${stacks.network.outputs.vpc_id}' }\n";
    assert!(prepared(&bucket(text)).is_ok(), "a text that mentions one is a text");
}

#[test]
fn a_param_that_is_declared_secret_is_refused_for_now() {
    let hello = planwright_package::source::built_in()["hello"].iter();
    let mut files: MemoryFiles = hello
        .map(|(path, bytes)| (format!("packages/hi/{path}"), bytes.clone()))
        .chain([(
            "stacks/s/stack.yaml".to_owned(),
            b"apiVersion: planwright.dev/v1\nkind: Stack\npackage: packages/hi\nversion: \"^0.1\"\nparams:\n  greeting: Hi\n".to_vec(),
        )])
        .collect();
    let path = "packages/hi/params.schema.json";
    let schema = String::from_utf8(files.0[path].clone()).unwrap();
    let secret =
        schema.replacen("\"type\": \"string\",", "\"type\": \"string\", \"x-secret\": true,", 1);
    files.0.insert(path.into(), secret.into_bytes());
    lock(&mut files, &id("s")).unwrap();
    let finding = finding(prepare(&files, &id("s")));
    assert_eq!((finding.code.as_ref(), finding.place.line), ("secret_refused", 6));
}
