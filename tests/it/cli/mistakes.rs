//! The usual mistakes, each with the whole message that a person reads.
//!
//! A message says what is wrong, where (file, line, column, pointer), what is allowed, and how to
//! correct it. One mistake gives one message.

use insta::assert_snapshot;

use super::Repository;

const BUCKET: &str = "apiVersion: planwright.dev/v1
kind: Stack
package: aws-bucket
version: \"^0.1\"
params:
  name: acme-build-logs
  region: eu-central-1
  versioning: true
";

const SITE: &str = "apiVersion: planwright.dev/v1
kind: Stack
package: aws-static-site
version: \"^0.1\"
params:
  bucket: acme-website
  region: eu-central-1
  dns:
    provider: none
";

/// What `validate` says of a stack after one edit of a file.
fn said(stack: &str, path: &str, from: &str, to: &str) -> String {
    let repository = Repository::with_stack("web", stack);
    repository.edit(path, from, to);
    let said = repository.run(&["validate", "web"]);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    said.out + &said.err
}

const FILE: &str = "stacks/web/stack.yaml";
const LOCK: &str = "stacks/web/stack.lock.json";

#[test]
fn a_misspelled_param() {
    assert_snapshot!(said(BUCKET, FILE, "region:", "regoin:"), @r#"
    error[unknown_param]: there is no param `regoin`
      --> stacks/web/stack.yaml:7:3 (/params/regoin)
      allowed: encryption, force_destroy, lifecycle, name, region, tags, versioning
      did you mean `region`?
      to mend it: rename `regoin` to `region`

    1 error in 1 stack
    "#);
}

#[test]
fn a_param_under_the_name_of_another_tool() {
    assert_snapshot!(said(BUCKET, FILE, "name:", "bucket_name:"), @r#"
    error[unknown_param]: there is no param `bucket_name`
      --> stacks/web/stack.yaml:6:3 (/params/bucket_name)
      allowed: encryption, force_destroy, lifecycle, name, region, tags, versioning
      did you mean `name`?
      to mend it: rename `bucket_name` to `name`

    1 error in 1 stack
    "#);
}

#[test]
fn a_missing_param() {
    assert_snapshot!(said(BUCKET, FILE, "  name: acme-build-logs\n", ""), @r#"
    error[missing_param]: the param `name` is missing: Name of the bucket, unique in all of AWS
      --> stacks/web/stack.yaml:5:1 (/params/name)
      to mend it: add `name: "acme-build-logs"` under `/params`

    1 error in 1 stack
    "#);
}

#[test]
fn a_value_of_the_wrong_type() {
    assert_snapshot!(said(BUCKET, FILE, "versioning: true", "versioning: yes"), @r#"
    error[wrong_type]: expected boolean, got the string "yes"
      --> stacks/web/stack.yaml:8:3 (/params/versioning)
      allowed: boolean
      to mend it: write true

    1 error in 1 stack
    "#);
}

#[test]
fn a_value_that_is_not_allowed() {
    let to = "versioning: true\n  encryption: {algorithm: aes256}";
    assert_snapshot!(said(BUCKET, FILE, "versioning: true", to), @r#"
    error[not_allowed]: the string "aes256" cannot stand here
      --> stacks/web/stack.yaml:9:16 (/params/encryption/algorithm)
      allowed: AES256, aws:kms
      did you mean `AES256`?
      to mend it: write `AES256`

    1 error in 1 stack
    "#);
}

#[test]
fn a_value_of_the_wrong_form() {
    assert_snapshot!(said(BUCKET, FILE, "acme-build-logs", "Acme_Logs"), @r#"
    error[wrong_form]: the string "Acme_Logs" does not have the right form
      --> stacks/web/stack.yaml:6:3 (/params/name)
      allowed: lower-case letters, digits, `.` and `-`, beginning and ending with a letter or digit
      to mend it: write lower-case letters, digits, `.` and `-`, beginning and ending with a letter or digit

    1 error in 1 stack
    "#);
}

#[test]
fn a_number_out_of_range() {
    let to = "versioning: true\n  lifecycle: {expire_after_days: 0}";
    assert_snapshot!(said(BUCKET, FILE, "versioning: true", to), @r#"
    error[out_of_range]: the number 0 is out of range
      --> stacks/web/stack.yaml:9:15 (/params/lifecycle/expire_after_days)
      allowed: at least 1
      to mend it: write at least 1

    1 error in 1 stack
    "#);
}

#[test]
fn a_param_of_another_variant() {
    let to = "provider: none\n    zone_id: Z0123456789ABCDEFGHIJ";
    assert_snapshot!(said(SITE, FILE, "provider: none", to), @r#"
    error[unknown_param]: `zone_id` belongs to `provider: route53`, and `none` is chosen
      --> stacks/web/stack.yaml:10:5 (/params/dns/zone_id)
      to mend it: write `provider: route53`, or remove `zone_id`

    1 error in 1 stack
    "#);
}

#[test]
fn a_variant_that_does_not_exist() {
    assert_snapshot!(said(SITE, FILE, "provider: none", "provider: cloudflare"), @r#"
    error[not_allowed]: the string "cloudflare" cannot stand here
      --> stacks/web/stack.yaml:9:5 (/params/dns/provider)
      allowed: route53, none
      to mend it: write one of the allowed values

    1 error in 1 stack
    "#);
}

#[test]
fn a_misspelled_field_of_the_stack() {
    assert_snapshot!(said(BUCKET, FILE, "params:", "parms:"), @r#"
    error[unknown_field]: there is no field `parms`
      --> stacks/web/stack.yaml:5:1 (/parms)
      allowed: apiVersion, kind, overrides, package, params, version
      did you mean `params`?
      to mend it: rename `parms` to `params`

    1 error in 1 stack
    "#);
}

#[test]
fn a_package_that_does_not_exist() {
    assert_snapshot!(said(BUCKET, FILE, "package: aws-bucket", "package: aws-buckets"), @r#"
    error[unknown_package]: there is no package `aws-buckets`
      --> stacks/web/stack.yaml:3:1 (/package)
      allowed: aws-bucket, aws-static-site, hello
      did you mean `aws-bucket`?
      to mend it: write `package: aws-bucket`

    1 error in 1 stack
    "#);
}

#[test]
fn a_package_that_is_not_allowed() {
    assert_snapshot!(said(BUCKET, "planwright.yaml", "  - aws-bucket\n", ""), @r#"
    error[package_not_allowed]: planwright.yaml does not allow the package `aws-bucket`
      --> stacks/web/stack.yaml:3:1 (/package)
      allowed: aws-static-site, hello, packages/*
      to mend it: add `aws-bucket` to `packages` in planwright.yaml

    1 error in 1 stack
    "#);
}

#[test]
fn a_version_that_is_not_there() {
    assert_snapshot!(said(BUCKET, FILE, "^0.1", "^1.2"), @r#"
    error[version_unavailable]: `aws-bucket` is here in version 0.1.0, and the stack asks for `^1.2`
      --> stacks/web/stack.yaml:4:1 (/version)
      allowed: 0.1.0
      to mend it: write `version: "^0.1.0"`

    1 error in 1 stack
    "#);
}

#[test]
fn broken_yaml() {
    assert_snapshot!(said(BUCKET, FILE, "  region: eu", "\tregion: eu"), @r#"
    error[invalid_yaml]: while scanning a plain scalar, found a tab
      --> stacks/web/stack.yaml:6:9
      to mend it: look at this line and the one above for an unclosed bracket or quote, a tab, or a key given twice

    1 error in 1 stack
    "#);
}

#[test]
fn a_key_that_stands_twice() {
    assert_snapshot!(said(BUCKET, FILE, "  region: eu", "  name: other\n  region: eu"), @r#"
    error[invalid_yaml]: the key `name` stands here twice
      --> stacks/web/stack.yaml:7:3
      to mend it: look at this line and the one above for an unclosed bracket or quote, a tab, or a key given twice

    1 error in 1 stack
    "#);
}

#[test]
fn a_lock_with_another_digest() {
    assert_snapshot!(said(BUCKET, LOCK, "\"sha256:2", "\"sha256:0"), @r#"
    error[lock_outdated]: the lock says `sha256:06a0720dfc9f`, and the stack now uses `sha256:26a0720dfc9f`
      --> stacks/web/stack.lock.json:6:5 (/package/digest)
      to mend it: planwright lock web

    1 error in 1 stack
    "#);
}

#[test]
fn a_stack_that_was_never_locked() {
    let repository = Repository::new();
    repository.write(FILE, BUCKET);
    let said = repository.run(&["render", "web"]);
    assert_eq!(said.code, 1);
    assert_snapshot!(said.err, @r#"
    error[lock_missing]: the stack `web` has no lock file
      --> stacks/web/stack.lock.json:1:1
      to mend it: planwright lock web

    1 error
    "#);
}

#[test]
fn an_override_that_the_package_has_overtaken() {
    let more = "overrides:\n  - {at: /slots/bucket/vars/force_destroy, value: true, expect: true, reason: r, until: 2999-01-01}\n";
    let to = format!("versioning: true\n{more}");
    assert_snapshot!(said(BUCKET, FILE, "versioning: true\n", &to), @r#"
    error[override_expect]: `/slots/bucket/vars/force_destroy` is now false, and the override expects true
      --> stacks/web/stack.yaml:10:57 (/slots/bucket/vars/force_destroy)
      to mend it: see whether it is still needed, then write `expect: false`

    1 error in 1 stack
    "#);
}

#[test]
fn a_misspelled_field_of_the_config() {
    assert_snapshot!(said(BUCKET, "planwright.yaml", "approvals:", "aprovals:"), @r#"
    error[unknown_field]: there is no field `aprovals`
      --> planwright.yaml:11:1 (/aprovals)
      allowed: agent, apiVersion, approvals, backend, engine, kind, packages
      did you mean `approvals`?
      to mend it: rename `aprovals` to `approvals`

    1 error
    "#);
}

#[test]
fn a_file_that_would_have_no_effect() {
    let repository = Repository::with_stack("web", BUCKET);
    repository.write("stacks/web/prod.yml", "");
    let said = repository.run(&["validate"]);
    assert_eq!(said.code, 1);
    assert_snapshot!(said.out, @r#"
    error[unknown_file]: this file belongs to no stack, so it would silently have no effect
      --> stacks/web/prod.yml:1:1
      allowed: stacks/NAME/stack.yaml, stacks/NAME/ENVIRONMENT.yaml, stacks/NAME/stack.lock.json, stacks/NAME/ENVIRONMENT.lock.json
      to mend it: rename or remove it

    1 error in 2 stacks
    "#);
}

#[test]
fn an_empty_stack() {
    assert_snapshot!(said(BUCKET, FILE, BUCKET, ""), @r#"
    error[invalid_yaml]: the file is empty
      --> stacks/web/stack.yaml:1:1
      to mend it: start with `apiVersion: planwright.dev/v1`

    1 error in 1 stack
    "#);
}

#[test]
fn a_mangled_lock() {
    let repository = Repository::new();
    repository.write("stacks/hello/stack.lock.json", "{\"apiVersion\": \n");
    let fix = "to mend it: git checkout -- stacks/hello/stack.lock.json; if it was never \
               committed, remove it and run `planwright lock hello`";
    for command in ["validate", "lock", "render"] {
        let said = repository.run(&[command]);
        let text = said.out + &said.err;
        assert_eq!(said.code, 1, "{command}");
        assert!(text.starts_with("error[invalid_json]: "), "{command}: {text}");
        assert!(text.contains(fix), "{command}: {text}");
    }
    std::fs::remove_file(repository.path().join("stacks/hello/stack.lock.json")).unwrap();
    repository.done(&["lock", "hello"]);
    repository.done(&["validate"]);
}

/// A stack `mine` of the repository's own package `packages/hi`.
fn with_own_package() -> Repository {
    let repository = Repository::new();
    for (path, bytes) in &planwright_package::source::built_in()["hello"] {
        let text = String::from_utf8(bytes.clone()).unwrap();
        repository.write(&format!("packages/hi/{path}"), &text.replace("name: hello", "name: hi"));
    }
    let stack = repository.read("stacks/hello/stack.yaml");
    let stack = stack.replace("package: hello", "package: packages/hi");
    repository.write("stacks/mine/stack.yaml", &stack);
    repository.done(&["lock", "mine"]);
    repository
}

#[test]
fn an_edited_package() {
    let repository = with_own_package();
    repository.edit("packages/hi/README.md", "Greets", "Welcomes");
    assert_snapshot!(repository.run(&["validate", "mine"]).out, @r#"
    error[lock_outdated]: the package `hi` (packages/hi) is not what was locked: its content changed, its version (0.1.0) did not
      --> stacks/mine/stack.lock.json:6:5 (/package/digest)
      to mend it: take the edit back; or, if it is meant, raise `version` in packages/hi/package.yaml and run `planwright lock mine`

    1 error in 1 stack
    "#);
    repository.edit("packages/hi/package.yaml", "version: 0.1.0", "version: 0.1.1");
    repository.done(&["lock", "mine"]);
    repository.done(&["validate", "mine"]);
}

#[test]
fn a_package_that_no_engine_can_read() {
    let repository = with_own_package();
    let main = "packages/hi/modules/greeting/cards/main.tf";
    repository.edit(main, "input = var.greeting\n", "input = = var.greeting\n");
    let said = repository.run(&["lock", "mine"]);
    assert_eq!(said.code, 1);
    assert_snapshot!(said.err, @r#"
    error[invalid_hcl]: the engine could not read this: invalid expression; expected `"`, `[`, `{`, `-`, `!`, `(`, `_`, `<`, letter or digit
      --> packages/hi/modules/greeting/cards/main.tf:9:11

    1 error
    "#);
    let found = repository.run(&["validate", "mine"]).out;
    assert!(found.starts_with("error[invalid_hcl]"), "{found}");
    repository.edit(main, "= = var", "= var");
    repository.write("packages/hi/modules/greeting/cards/more.tf.json", "{\n  \"locals\": [\n");
    let said = repository.run(&["lock", "mine"]).err;
    assert_snapshot!(said, @r#"
    error[invalid_json]: the engine could not read this: EOF while parsing a list
      --> packages/hi/modules/greeting/cards/more.tf.json:3:1

    1 error
    "#);
}

#[test]
fn a_value_that_looks_like_a_credential() {
    let repository = Repository::with_stack("web", BUCKET);
    let tags = "versioning: true\n  tags: {owner: AKIAIOSFODNN7EXAMPLE}";
    repository.edit(FILE, "versioning: true", tags);
    let said = repository.run(&["validate", "web"]);
    assert_eq!(said.code, 0, "a warning refuses nothing");
    assert_snapshot!(said.out, @r#"
    warning[credential]: this looks like an access key of AWS, and values in this file are public to everyone who can read the repository
      --> stacks/web/stack.yaml:9:17 (/params/tags/owner)
      to mend it: revoke it, since it stays in the history, and give the provider its credentials in the environment of the engine

    1 warning in 1 stack
    "#);
}

#[test]
fn a_backend_that_does_not_exist() {
    assert_snapshot!(said(BUCKET, "planwright.yaml", "type: local", "type: s33"), @r#"
    error[not_allowed]: the string "s33" cannot stand here
      --> planwright.yaml:10:3 (/backend/type)
      allowed: local, s3, gcs, azurerm, oss, cos, consul, pg
      to mend it: write one of the allowed values

    1 error
    "#);
}

#[test]
fn a_setting_of_a_backend_that_has_none() {
    let to = "type: local\n  config: {path: /var/states}";
    assert_snapshot!(said(BUCKET, "planwright.yaml", "type: local", to), @r#"
    error[without_effect]: `path` has no effect on a local backend, whose states Planwright keeps in a folder of its own
      --> planwright.yaml:11:12 (/backend/config/path)
      to mend it: remove `path`, or choose another `type`

    1 error
    "#);
}

#[test]
fn a_package_to_show_that_does_not_exist() {
    let repository = with_own_package();
    for (name, code) in [("helo", 2), ("packages/hii", 2), ("../x", 2), ("packages/hi/", 0)] {
        assert_eq!(repository.run(&["package", "show", name]).code, code, "{name}");
    }
    let said = repository.run(&["package", "show", "helo"]);
    assert_snapshot!(said.err, @r#"error: there is no package `helo`; did you mean `hello`? The packages are aws-bucket, aws-static-site, hello, packages/hi"#);
    let outside = Repository::empty().run(&["package", "show", "packages/hi"]);
    assert_snapshot!(outside.err, @r#"error: there is no package `packages/hi`; the packages are aws-bucket, aws-static-site, hello"#);
}

#[test]
fn arguments_that_make_no_sense() {
    let repository = Repository::empty();
    let said = repository.run(&["plan", "--outt"]);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(said.err.starts_with("error: unexpected argument '--outt' found\n"), "{}", said.err);
    let (json, code) = repository.json(&["plan", "--outt"]);
    assert_eq!(code, 2);
    assert_eq!(json["error"].as_str().unwrap().lines().count(), 1, "{json}");
    let (json, code) = repository.json(&["demo", "--play"]);
    assert_eq!((json["error"].is_string(), code), (true, 2), "{json}");
    let help = repository.run(&["--help", "--json"]);
    assert_eq!(help.code, 0);
    assert!(help.out.contains("Usage: planwright"), "{}", help.out);
}

#[test]
fn a_stack_that_does_not_exist() {
    let repository = Repository::new();
    let said = repository.run(&["validate", "helo"]);
    assert_eq!(said.code, 2);
    assert_snapshot!(said.err, @r#"error: there is no stack `helo`; did you mean `hello`? The stacks are hello"#);
    let said = repository.run(&["validate", "website"]);
    assert_snapshot!(said.err, @r#"error: there is no stack `website`; the stacks are hello"#);
    std::fs::remove_dir_all(repository.path().join("stacks/hello")).unwrap();
    let said = repository.run(&["validate", "hello"]);
    assert_snapshot!(said.err, @r#"error: there is no stack `hello`; there is none here"#);
}
