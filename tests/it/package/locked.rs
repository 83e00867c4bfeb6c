//! Locks: every command but `lock` refuses one that does not match, and names the command that
//! corrects it.

use std::collections::BTreeMap;

use planwright_package::{Prepared, Trusted, files::MemoryFiles, lock::shared_state, source};

use super::{bucket, config, finding, id, lock, prepare};

/// A stack on a copy of `hello` in the repository.
fn repository() -> MemoryFiles {
    let hello = source::built_in()["hello"].iter();
    let hello = hello.map(|(path, bytes)| (format!("packages/hi/{path}"), bytes.clone()));
    let stack = "apiVersion: planwright.dev/v1\nkind: Stack\npackage: packages/hi\n\
                 version: \"^0.1\"\nparams: {greeting: Hi}\n";
    hello.chain([("stacks/s/stack.yaml".to_owned(), stack.as_bytes().to_vec())]).collect()
}

fn edit(files: &mut MemoryFiles, path: &str, from: &str, to: &str) {
    let text = String::from_utf8(files.0[path].clone()).unwrap();
    assert!(text.contains(from), "{path} has no {from:?}");
    files.0.insert(path.into(), text.replace(from, to).into_bytes());
}

#[test]
fn a_locked_stack_is_prepared_and_its_params_may_change() {
    let mut files = repository();
    lock(&mut files, &id("s")).unwrap();
    edit(&mut files, "stacks/s/stack.yaml", "Hi}", "Hi there}");
    assert_eq!(prepare(&files, &id("s")).unwrap().lock.state_key, "s");
}

#[test]
fn a_stack_without_a_lock_is_refused() {
    let finding = finding(prepare(&repository(), &id("s")));
    assert_eq!(finding.code, "lock_missing");
    assert_eq!(finding.fix.as_deref(), Some("planwright lock s"));
}

#[test]
fn each_disagreement_alone_is_refused_and_mended_by_lock() {
    const LOCK: &str = "stacks/s/stack.lock.json";
    for (path, from, to, at) in [
        ("packages/hi/README.md", "Greets", "Welcomes", "/package/digest"),
        ("packages/hi/modules/greeting/cards/main.tf", "input", "input ", "/package/digest"),
        ("packages/hi/package.yaml", "version: 0.1.0", "version: 0.1.1", "/package/version"),
        ("stacks/s/stack.yaml", "package: packages/hi", "package: hello", "/package/source"),
        (LOCK, "\"name\": \"hello\"", "\"name\": \"hallo\"", "/package/name"),
        (LOCK, ">=1.9, <2", ">=1.0", "/engine"),
        (
            LOCK,
            "\"providers\": {}",
            "\"providers\": {\"a/b\": {\"version\": \"1.0.0\", \"hashes\": [\"h1:\"]}}",
            "/providers",
        ),
    ] {
        let mut files = repository();
        lock(&mut files, &id("s")).unwrap();
        edit(&mut files, path, from, to);
        let finding = finding(prepare(&files, &id("s")));
        assert_eq!(finding.code, "lock_outdated", "{path}");
        assert_eq!(finding.pointer.as_deref(), Some(at), "{path}: {finding}");
        let fix = match path.starts_with("packages/hi/") && at == "/package/digest" {
            true => {
                "take the edit back; or, if it is meant, raise `version` in \
                 packages/hi/package.yaml and run `planwright lock s`"
            }
            false => "planwright lock s",
        };
        assert_eq!(finding.fix.as_deref(), Some(fix), "{path}");
        lock(&mut files, &id("s")).unwrap();
        assert!(prepare(&files, &id("s")).is_ok(), "lock did not mend {path}");
    }
}

#[test]
fn an_edited_package_is_told_as_such() {
    let mut files = repository();
    lock(&mut files, &id("s")).unwrap();
    edit(&mut files, "packages/hi/README.md", "Greets", "Welcomes");
    assert_eq!(
        finding(prepare(&files, &id("s"))).message,
        "the package `hello` (packages/hi) is not what was locked: its content changed, its \
         version (0.1.0) did not"
    );
}

#[test]
fn a_state_key_that_was_given_once_stays() {
    let mut files = repository();
    lock(&mut files, &id("s")).unwrap();
    edit(
        &mut files,
        "stacks/s/stack.lock.json",
        "\"state_key\": \"s\"",
        "\"state_key\": \"old/name\"",
    );
    assert_eq!(lock(&mut files, &id("s")).unwrap().state_key, "old/name");
}

#[test]
fn a_state_key_cannot_leave_its_folder() {
    for key in ["../other", "/etc", "a/../b", "a//b", "a/b/c", ""] {
        let mut files = repository();
        lock(&mut files, &id("s")).unwrap();
        let to = format!("\"state_key\": \"{key}\"");
        edit(&mut files, "stacks/s/stack.lock.json", "\"state_key\": \"s\"", &to);
        assert_eq!(finding(prepare(&files, &id("s"))).code, "wrong_form", "{key}");
    }
}

#[test]
fn two_stacks_cannot_have_one_state() {
    let mut files = repository();
    let stack = files.0["stacks/s/stack.yaml"].clone();
    files.0.insert("stacks/t/stack.yaml".into(), stack);
    lock(&mut files, &id("s")).unwrap();
    lock(&mut files, &id("t")).unwrap();
    assert!(shared_state(&files, &BTreeMap::new()).unwrap().is_empty());
    let copy = files.0["stacks/s/stack.lock.json"].clone();
    files.0.insert("stacks/t/stack.lock.json".into(), copy);
    let found = shared_state(&files, &BTreeMap::new()).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].code.as_ref(), found[0].place.file.as_str()),
        ("state_shared", "stacks/t/stack.lock.json")
    );
}

#[test]
fn a_state_belongs_to_the_stack_of_its_name_wherever_that_stands_in_the_alphabet() {
    let mut files = repository();
    let stack = files.0["stacks/s/stack.yaml"].clone();
    files.0.insert("stacks/a/stack.yaml".into(), stack);
    lock(&mut files, &id("s")).unwrap();
    let copy = files.0["stacks/s/stack.lock.json"].clone();
    files.0.insert("stacks/a/stack.lock.json".into(), copy);
    let found = shared_state(&files, &BTreeMap::new()).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].place.file, "stacks/a/stack.lock.json");
    let message = "the state `s` was first used by the stack `s` and stays with it, also after that is removed; give `a` a state key of its own";
    assert_eq!(found[0].message, message);
    assert_eq!(found[0].fix.as_deref(), Some("write `\"state_key\": \"a\"` there"));
}

#[test]
fn package_bytes_come_from_the_trusted_tree_and_not_from_the_stacks() {
    let mut base = repository();
    lock(&mut base, &id("s")).unwrap();
    let mut head = base.clone();
    edit(
        &mut head,
        "packages/hi/modules/greeting/cards/main.tf",
        "var.greeting",
        "file(\"/etc/passwd\")",
    );
    let config = config();
    let trusted = Trusted { config: &config, packages: &base };
    let prepared = Prepared::load(&head, &trusted, &id("s")).unwrap();
    let main = &prepared.rendered.files["modules/greeting/cards/main.tf"];
    assert!(!String::from_utf8_lossy(main).contains("passwd"));
}

#[test]
fn a_package_that_the_repository_does_not_allow_is_refused() {
    let mut files: MemoryFiles = [("stacks/s/stack.yaml", bucket(""))].into_iter().collect();
    lock(&mut files, &id("s")).unwrap();
    let mut config = config();
    config.packages = vec!["hello".into()];
    let trusted = Trusted { config: &config, packages: &files };
    let finding = finding(Prepared::load(&files, &trusted, &id("s")));
    assert_eq!(
        (finding.code.as_ref(), finding.allowed),
        ("package_not_allowed", vec!["hello".to_owned()])
    );
}

#[test]
fn the_lock_has_the_exact_provider_and_the_slots_that_are_protected() {
    let mut files: MemoryFiles = [("stacks/s/stack.yaml", bucket(""))].into_iter().collect();
    lock(&mut files, &id("s")).unwrap();
    let prepared = prepare(&files, &id("s")).unwrap();
    let providers = prepared.providers();
    assert_eq!(providers["hashicorp/aws"].version, "5.100.0");
    assert!(providers["hashicorp/aws"].hashes.iter().all(|hash| hash.starts_with("h1:")));
    assert_eq!(prepared.protected(), ["module.bucket."]);
}
