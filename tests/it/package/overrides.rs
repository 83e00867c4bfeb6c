//! Overrides have to be expected and typed, and need a reason and an end. They win over all else.

use planwright_package::{overrides::expired, stack::From};

use super::{bucket, finding, prepared};

fn with(at: &str, value: &str, expect: &str) -> String {
    bucket(&format!(
        "  tags: {{team: a}}\noverrides:\n  - at: {at}\n    value: {value}\n    expect: {expect}\n    \
         reason: because\n    until: 2027-01-31\n"
    ))
}

#[test]
fn an_override_beats_the_param_and_says_so() {
    let stack = with("/slots/bucket/vars/tags/team", "b", "a");
    let prepared = prepared(&stack).unwrap_or_else(|e| panic!("{e:#?}"));
    let values =
        String::from_utf8_lossy(&prepared.rendered.files["terraform.tfvars.json"]).into_owned();
    assert!(values.contains("\"team\": \"b\""), "{values}");
    let origin = &prepared.resolved.provenance()["/slots/bucket/vars/tags/team"];
    assert_eq!((origin.from, origin.place.line), (From::Override, 11));
}

#[test]
fn a_provider_setting_can_be_overridden_too() {
    let prepared = prepared(&with("/providers/aws/region", "us-east-1", "eu-central-1")).unwrap();
    assert_eq!(prepared.resolved.document()["providers"]["aws"]["region"], "us-east-1");
}

#[test]
fn what_is_wired_can_be_replaced_by_a_value() {
    let stack = "apiVersion: planwright.dev/v1\nkind: Stack\npackage: aws-static-site\nversion: \"^0.1\"\n\
        params: {bucket: acme-website, region: eu-central-1}\noverrides:\n\
        - {at: /slots/dns/vars/domain, value: '${a}', expect: '${slots.site.domain}', reason: r, until: 2027-01-31}\n";
    let prepared = prepared(stack).unwrap();
    let main = String::from_utf8_lossy(&prepared.rendered.files["main.tf.json"]).into_owned();
    assert!(main.contains("\"domain\": \"${var.dns_domain}\""), "{main}");
    assert!(!main.contains("${a}"), "a user's string stands in the root module");
}

#[test]
fn each_flaw_of_an_override_is_one_finding() {
    let valid = ("/slots/bucket/vars/force_destroy", "true", "false");
    assert!(prepared(&with(valid.0, valid.1, valid.2)).is_ok());
    for (at, value, expect, code) in [
        (valid.0, valid.1, "true", "override_expect"),
        (valid.0, "'true'", valid.2, "override_type"),
        (valid.0, "null", valid.2, "override_type"),
        ("/slots/bucket/vars/force_destory", valid.1, valid.2, "unknown_override"),
        ("/slots/bucket/vars/tags/other", "b", "a", "unknown_override"),
        ("/slots/bucket/vars/tags/team", "5", "a", "override_type"),
        ("/slots/bucket/variant", "x", "s3", "unknown_override"),
        ("/params/name", "x", "acme-logs", "unknown_override"),
    ] {
        assert_eq!(finding(prepared(&with(at, value, expect))).code, code, "{at} {value} {expect}");
    }
}

#[test]
fn two_overrides_of_one_value_are_refused() {
    let twice = with("/slots/bucket/vars/tags/team", "b", "a")
        + "  - {at: /slots/bucket/vars/tags, value: {}, expect: {team: a}, reason: r, until: 2027-01-31}\n";
    assert_eq!(finding(prepared(&twice)).code, "override_twice");
}

#[test]
fn an_override_needs_its_reason_and_its_end() {
    let whole = with("/slots/bucket/vars/force_destroy", "true", "false");
    for (line, code) in
        [("    reason: because\n", "missing_field"), ("    until: 2027-01-31\n", "missing_field")]
    {
        assert_eq!(finding(prepared(&whole.replace(line, ""))).code, code);
    }
    let never = whole.replace("2027-01-31", "2027-02-31");
    assert_eq!(finding(prepared(&never)).code, "invalid_date");
}

#[test]
fn an_override_is_told_after_its_last_day_and_not_on_it() {
    let stack = prepared(&with("/slots/bucket/vars/force_destroy", "true", "false")).unwrap().stack;
    let on = |day: &str| expired(&stack.overrides, day.parse().unwrap()).len();
    assert_eq!((on("2027-01-31"), on("2027-02-01")), (0, 1));
}
