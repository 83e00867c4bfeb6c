//! Tests: a change set applied to small repositories, and each way in which one is refused.

use serde_json::json;

use planwright_core::repo_config::RepoConfig;

use super::*;
use crate::repository;

const CONFIG: &str = "apiVersion: planwright.dev/v1
kind: Repository
packages: [hello, aws-bucket, aws-static-site]
";

fn repository_of(files: &[(&str, &str)]) -> (MemoryFiles, RepoConfig) {
    let all = [("planwright.yaml", CONFIG)].into_iter().chain(files.iter().copied());
    let files: MemoryFiles = all.collect();
    let config = repository::config(&files).unwrap();
    (files, config)
}

fn after(files: &[(&str, &str)], edits: serde_json::Value) -> Checked<Edited> {
    let (files, config) = repository_of(files);
    let change_set: ChangeSet = serde_json::from_value(edits).unwrap();
    apply_edits(&files, &Trusted { config: &config, packages: &files }, &change_set)
}

fn text<'a>(edited: &'a Edited, path: &str) -> &'a str {
    std::str::from_utf8(edited.files[path].as_ref().unwrap()).unwrap()
}

/// Returns the files of a repository that an earlier change set left behind.
fn with_stack(id: &str, package: &str, params: serde_json::Value) -> Vec<(String, String)> {
    let add = json!([{ "edit": "add_stack", "stack": id, "package": package, "params": params }]);
    let edited = after(&[], add).unwrap();
    let text = |bytes: Option<Vec<u8>>| String::from_utf8(bytes.unwrap()).unwrap();
    edited.files.into_iter().map(|(path, bytes)| (path, text(bytes))).collect()
}

fn borrowed(files: &[(String, String)]) -> Vec<(&str, &str)> {
    files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect()
}

#[test]
fn a_new_stack_is_its_file_and_its_lock() {
    let edited = after(
        &[],
        json!([{ "edit": "add_stack", "stack": "logs", "package": "aws-bucket",
                 "params": { "name": "acme-logs", "region": "eu-central-1", "tags.team": "web" } }]),
    )
    .unwrap();
    let paths: Vec<&String> = edited.files.keys().collect();
    assert_eq!(paths, ["stacks/logs/stack.lock.json", "stacks/logs/stack.yaml"]);
    assert_eq!(
        text(&edited, "stacks/logs/stack.yaml"),
        "apiVersion: planwright.dev/v1\nkind: Stack\npackage: aws-bucket\nversion: \"^0.1\"\n\
         params:\n  name: acme-logs\n  region: eu-central-1\n  tags:\n    team: web\n"
    );
    assert_eq!(edited.added.len(), 1);
    let name = edited.params.iter().find(|change| change.path.to_string() == "name").unwrap();
    assert_eq!((&name.old, &name.new), (&None, &Some(json!("acme-logs"))));
}

#[test]
fn a_set_keeps_the_rest_and_tells_the_default_it_replaces() {
    let files = with_stack("hi", "hello", json!({ "greeting": "Hello" }));
    let edit = json!([{ "edit": "set_params", "stack": "hi", "params": { "greeting": "Moin" } }]);
    let edited = after(&borrowed(&files), edit).unwrap();
    let paths: Vec<&String> = edited.files.keys().collect();
    assert_eq!(paths, ["stacks/hi/stack.yaml"], "the lock does not depend on params");
    assert!(text(&edited, "stacks/hi/stack.yaml").ends_with("params:\n  greeting: Moin\n"));
    assert_eq!(edited.params[0].old, Some(json!("Hello")));
    assert_eq!(edited.params[0].new, Some(json!("Moin")));
}

#[test]
fn an_environment_has_a_file_of_its_own() {
    let files = with_stack("hi/dev", "hello", json!({ "greeting": "Hello" }));
    let mut files = borrowed(&files);
    let edit = json!([
        { "edit": "add_stack", "stack": "hi/prod", "package": "hello", "params": { "greeting": "Good day" } },
    ]);
    let edited = after(&files, edit).unwrap();
    let paths: Vec<&String> = edited.files.keys().collect();
    assert_eq!(paths, ["stacks/hi/prod.lock.json", "stacks/hi/prod.yaml"]);
    let (prod, lock) =
        (text(&edited, "stacks/hi/prod.yaml"), text(&edited, "stacks/hi/prod.lock.json"));
    files.extend([("stacks/hi/prod.yaml", prod), ("stacks/hi/prod.lock.json", lock)]);
    let gone = after(&files, json!([{ "edit": "remove_stack", "stack": "hi/dev" }])).unwrap();
    let paths: Vec<&String> = gone.files.keys().collect();
    assert_eq!(paths, ["stacks/hi/dev.lock.json", "stacks/hi/dev.yaml"]);
    let both = json!([
        { "edit": "remove_stack", "stack": "hi/dev" },
        { "edit": "remove_stack", "stack": "hi/prod" },
    ]);
    let gone = after(&files, both).unwrap();
    assert!(gone.files.contains_key("stacks/hi/stack.yaml"));
    assert!(gone.files.values().all(Option::is_none));
    assert_eq!(gone.removed.len(), 2);
}

#[test]
fn a_change_that_is_wrong_is_told_as_a_whole_and_changes_nothing() {
    let files = with_stack("hi", "hello", json!({ "greeting": "Hello" }));
    for (edit, code) in [
        (json!([]), "empty_change"),
        (
            json!([{ "edit": "set_params", "stack": "ho", "params": { "greeting": "x" } }]),
            "unknown_stack",
        ),
        (
            json!([{ "edit": "set_params", "stack": "hi", "params": { "greting": "x" } }]),
            "unknown_param",
        ),
        (
            json!([{ "edit": "set_params", "stack": "hi", "params": { "greeting.deep": "x" } }]),
            "not_editable",
        ),
        (json!([{ "edit": "add_stack", "stack": "hi", "package": "hello" }]), "stack_exists"),
        (json!([{ "edit": "add_stack", "stack": "hi/prod", "package": "hello" }]), "stack_exists"),
        (json!([{ "edit": "add_stack", "stack": "a", "package": "../x" }]), "unknown_package"),
        (json!([{ "edit": "add_stack", "stack": "a", "package": "nope" }]), "unknown_package"),
        (
            json!([{ "edit": "add_stack", "stack": "a", "package": "packages/mine" }]),
            "unknown_package",
        ),
        (
            json!([{ "edit": "change_version", "stack": "hi", "version": "^9" }]),
            "version_unavailable",
        ),
        (
            json!([{ "edit": "change_version", "stack": "hi", "version": "newest" }]),
            "invalid_version",
        ),
    ] {
        let findings = after(&borrowed(&files), edit.clone()).unwrap_err();
        assert!(findings.iter().any(|finding| finding.code == code), "{edit}: {findings:#?}");
    }
}

#[test]
fn a_package_that_the_repository_does_not_allow_stays_out() {
    let config = CONFIG.replace("aws-bucket, ", "");
    let files: MemoryFiles = [("planwright.yaml", config.as_str())].into_iter().collect();
    let config = repository::config(&files).unwrap();
    let edits = json!([{ "edit": "add_stack", "stack": "logs", "package": "aws-bucket",
                         "params": { "name": "acme-logs", "region": "eu-central-1" } }]);
    let change_set = serde_json::from_value(edits).unwrap();
    let trusted = Trusted { config: &config, packages: &files };
    let findings = apply_edits(&files, &trusted, &change_set).unwrap_err();
    assert_eq!(findings[0].code, "package_not_allowed");
}

#[test]
fn what_is_removed_and_added_again_keeps_its_state_key() {
    let files = with_stack("hi", "hello", json!({ "greeting": "Hello" }));
    let again = json!([
        { "edit": "remove_stack", "stack": "hi" },
        { "edit": "add_stack", "stack": "hi", "package": "hello", "params": { "greeting": "Hello" } },
    ]);
    assert_eq!(after(&borrowed(&files), again).unwrap().files, BTreeMap::new());
}
