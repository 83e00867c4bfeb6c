//! From an empty directory to rendered files, with the output of each command on the way.

use insta::assert_snapshot;
use serde_json::json;

use super::Repository;

const BUCKET: &str = "apiVersion: planwright.dev/v1
kind: Stack
package: aws-bucket
version: \"^0.1\"
params:
  name: acme-build-logs
  region: eu-central-1
  tags:
    team: platform
";

const PROD: &str = "apiVersion: planwright.dev/v1
kind: Environment
params:
  region: us-east-1
";

#[test]
fn init_writes_a_repository_that_is_valid_and_says_what_to_do_next() {
    let repository = Repository::empty();
    repository.write(".gitignore", "node_modules\n.terraform/");
    assert_snapshot!(repository.done(&["init"]), @r#"
    wrote planwright.yaml
    wrote stacks/hello/stack.yaml
    wrote .gitignore
    wrote stacks/hello/stack.lock.json
    wrote .github/ISSUE_TEMPLATE/planwright-aws-bucket.yml
    wrote .github/ISSUE_TEMPLATE/planwright-aws-static-site.yml
    wrote .github/ISSUE_TEMPLATE/planwright-hello.yml

    Next:
      planwright render           the files that the engine would run
      planwright plan             what it would do
      planwright package list     packages for stacks of your own
    "#);
    assert_eq!(repository.read(".gitignore"), "node_modules\n.terraform/\n.planwright/\n");
    assert_snapshot!(repository.done(&["validate"]), @r#"1 stack checked: all is well"#);
    let again = repository.run(&["init"]);
    assert_eq!(again.code, 2);
    assert_snapshot!(again.err, @r#"error: planwright.yaml is here already; `planwright validate` checks this repository"#);
}

#[test]
fn init_leaves_stacks_that_are_there_alone() {
    let repository = Repository::empty();
    repository.write("stacks/mine/stack.yaml", "mine");
    assert_snapshot!(repository.done(&["init"]), @r#"
    wrote planwright.yaml
    wrote .gitignore
    wrote .github/ISSUE_TEMPLATE/planwright-aws-bucket.yml
    wrote .github/ISSUE_TEMPLATE/planwright-aws-static-site.yml
    wrote .github/ISSUE_TEMPLATE/planwright-hello.yml
    kept stacks/mine

    Next:
      planwright validate         what is wrong with these stacks, if anything is
    "#);
    assert_eq!(repository.read("stacks/mine/stack.yaml"), "mine");
    assert!(!repository.path().join("stacks/hello").exists());
}

#[test]
fn forms_ask_under_the_label_of_the_settings() {
    const FORM: &str = ".github/ISSUE_TEMPLATE/planwright-hello.yml";
    let labels = |repository: &Repository| -> serde_json::Value {
        let form: serde_json::Value = serde_saphyr::from_str(&repository.read(FORM)).unwrap();
        form["labels"].clone()
    };
    let repository = Repository::new();
    assert_eq!(labels(&repository), json!(["planwright"]));
    let config = repository.read("planwright.yaml");
    repository.write("planwright.yaml", &(config + "agent:\n  label: infra requests\n"));
    assert_snapshot!(repository.done(&["forms"]), @"
    written .github/ISSUE_TEMPLATE/planwright-aws-bucket.yml
    written .github/ISSUE_TEMPLATE/planwright-aws-static-site.yml
    written .github/ISSUE_TEMPLATE/planwright-hello.yml
    ");
    assert_eq!(labels(&repository), json!(["infra requests"]));
    assert!(repository.done(&["forms"]).lines().all(|line| line.starts_with("unchanged ")));
}

#[test]
fn validate_says_where_stacks_are_when_there_is_none() {
    let repository = Repository::new();
    std::fs::remove_dir_all(repository.path().join("stacks")).unwrap();
    assert_snapshot!(repository.done(&["validate"]), @"there is no stack here; stacks are stacks/NAME/stack.yaml");
}

#[test]
fn lock_writes_once_and_keeps_what_is_right() {
    let repository = Repository::new();
    repository.write("stacks/logs/stack.yaml", BUCKET);
    let locked = repository.done(&["lock"]);
    assert!(locked.contains("locked logs: aws-bucket 0.1.0 (sha256:"), "{locked}");
    assert!(locked.contains("unchanged hello: hello 0.1.0"), "{locked}");
    let before = repository.read("stacks/logs/stack.lock.json");
    assert!(repository.done(&["lock", "stacks/logs"]).starts_with("unchanged logs"));
    assert_eq!(repository.read("stacks/logs/stack.lock.json"), before);
}

#[test]
fn lock_never_replaces_a_lock_that_it_cannot_read() {
    let repository = Repository::new();
    repository.write("stacks/hello/stack.lock.json", "{\"state_key\": \"precious\"");
    assert_eq!(repository.run(&["lock"]).code, 1);
    assert!(repository.read("stacks/hello/stack.lock.json").contains("precious"));
}

#[test]
fn resolve_explains_each_value() {
    let repository = Repository::with_stack("logs", BUCKET);
    repository.write("stacks/logs/prod.yaml", PROD);
    std::fs::remove_file(repository.path().join("stacks/logs/stack.lock.json")).unwrap();
    repository.done(&["lock"]);
    assert_snapshot!(repository.done(&["resolve", "logs/prod"]), @r#"
    logs/prod: aws-bucket 0.1.0
      /params/encryption/algorithm = "AES256"  (default, builtin:aws-bucket/params.schema.json:42:22)
      /params/encryption/kms_key_arn = null  (default, builtin:aws-bucket/params.schema.json:49:22)
      /params/force_destroy = false  (default, builtin:aws-bucket/params.schema.json:82:18)
      /params/lifecycle = null  (default, builtin:aws-bucket/params.schema.json:57:18)
      /params/name = "acme-build-logs"  (stack, stacks/logs/stack.yaml:6:9)
      /params/region = "us-east-1"  (environment, stacks/logs/prod.yaml:4:11)
      /params/tags/team = "platform"  (stack, stacks/logs/stack.yaml:9:11)
      /params/versioning = true  (default, builtin:aws-bucket/params.schema.json:30:18)
      /providers/aws/region = "us-east-1"  (environment, stacks/logs/prod.yaml:4:11)
      /slots/bucket/vars/encryption/algorithm = "AES256"  (default, builtin:aws-bucket/params.schema.json:42:22)
      /slots/bucket/vars/encryption/kms_key_arn = null  (default, builtin:aws-bucket/params.schema.json:49:22)
      /slots/bucket/vars/force_destroy = false  (default, builtin:aws-bucket/params.schema.json:82:18)
      /slots/bucket/vars/lifecycle_days = null  (default, builtin:aws-bucket/params.schema.json:57:18)
      /slots/bucket/vars/name = "acme-build-logs"  (stack, stacks/logs/stack.yaml:6:9)
      /slots/bucket/vars/tags/team = "platform"  (stack, stacks/logs/stack.yaml:9:11)
      /slots/bucket/vars/versioning = true  (default, builtin:aws-bucket/params.schema.json:30:18)
      types of hashicorp/aws: resources aws_s3_bucket, aws_s3_bucket_lifecycle_configuration, aws_s3_bucket_ownership_controls, aws_s3_bucket_public_access_block, aws_s3_bucket_server_side_encryption_configuration, aws_s3_bucket_versioning
    "#);
    assert_snapshot!(repository.done(&["resolve", "logs", "--why", "/providers/aws/region"]), @r#"
    logs/prod
    /providers/aws/region = "us-east-1"
      from environment "us-east-1", stacks/logs/prod.yaml:4:11
      over stack "eu-central-1", stacks/logs/stack.yaml:7:11
      through /params/region
    "#);
    assert_snapshot!(repository.done(&["resolve", "logs", "--why", "/params/versioning"]), @r#"
    logs/prod
    /params/versioning = true
      from default true, builtin:aws-bucket/params.schema.json:30:18
    "#);
    let nowhere = repository.run(&["resolve", "logs", "--why", "/slots/nope"]);
    assert_eq!(nowhere.code, 2);
    assert_snapshot!(nowhere.err, @r#"error: `/slots/nope` names no value of `logs/prod`; `planwright resolve logs/prod` shows all pointers"#);
}

#[test]
fn an_override_is_explained_with_its_reason() {
    let more = "overrides:
  - at: /slots/bucket/vars/force_destroy
    value: true
    expect: false
    reason: the logs move to another account
    until: 2999-01-31
";
    let repository = Repository::with_stack("logs", &format!("{BUCKET}{more}"));
    let why = repository.done(&["resolve", "logs", "--why", "/slots/bucket/vars/force_destroy"]);
    assert_snapshot!(why, @r#"
    logs
    /slots/bucket/vars/force_destroy = true
      from override true, stacks/logs/stack.yaml:12:12: the logs move to another account
      over default false, builtin:aws-bucket/params.schema.json:82:18
      through /params/force_destroy
    "#);
    assert_eq!(repository.run(&["validate", "logs"]).code, 0);
    repository.edit("stacks/logs/stack.yaml", "2999", "2001");
    let warned = repository.run(&["validate", "logs"]);
    assert_eq!(warned.code, 0, "a warning refuses nothing");
    assert!(warned.out.contains("warning[override_expired]"), "{}", warned.out);
}

#[test]
fn render_writes_a_tree_that_holds_user_values_in_one_file_only() {
    let repository = Repository::with_stack("logs", BUCKET);
    assert_snapshot!(repository.done(&["render", "logs", "--out", "out"]), @r#"wrote out/logs (5 files)"#);
    assert!(repository.read("out/logs/terraform.tfvars.json").contains("acme-build-logs"));
    assert!(!repository.read("out/logs/main.tf.json").contains("acme-build-logs"));
    repository.write("out/logs/terraform.tfstate", "precious");
    repository.write("out/logs/modules/old/main.tf", "");
    repository.done(&["render", "logs", "--out", "out"]);
    assert_eq!(repository.read("out/logs/terraform.tfstate"), "precious");
    assert!(!repository.path().join("out/logs/modules/old").exists());
}

#[test]
fn render_shows_what_differs_from_a_revision() {
    let repository = Repository::with_stack("logs", BUCKET);
    repository.git(&["init", "-q"]);
    repository.git(&["add", "-A"]);
    repository.git(&["commit", "-qm", "first"]);
    assert_snapshot!(repository.done(&["render", "--diff", "HEAD"]), @r#"no render differs from HEAD"#);
    repository.edit("stacks/logs/stack.yaml", "team: platform", "team: storage");
    assert_snapshot!(repository.done(&["render", "--diff", "HEAD"]), @r#"
    --- a/logs/terraform.tfvars.json
    +++ b/logs/terraform.tfvars.json
    @@ -7,7 +7,7 @@
       "bucket_lifecycle_days": null,
       "bucket_name": "acme-build-logs",
       "bucket_tags": {
    -    "team": "platform"
    +    "team": "storage"
       },
       "bucket_versioning": true,
       "provider_aws_region": "eu-central-1"
    "#);
    std::fs::remove_dir_all(repository.path().join("stacks/hello")).unwrap();
    let removed = repository.done(&["render", "hello", "--diff", "main"]);
    assert!(removed.contains("--- a/hello/main.tf.json\n+++ /dev/null"), "{removed}");
    let said = repository.run(&["render", "--diff", "nope"]);
    assert_eq!(said.code, 2);
    assert_snapshot!(said.err, @r#"error: there is no revision `nope` here"#);
}

#[test]
fn a_revision_is_looked_for_in_git_only() {
    let repository = Repository::new();
    let said = repository.run(&["render", "--diff", "HEAD"]);
    assert_eq!(said.code, 2);
    let folder = repository.path().canonicalize().unwrap();
    assert_snapshot!(said.err.replace(folder.to_str().unwrap(), "DIR"), @r#"error: DIR is in no git repository, so there is no revision to compare with"#);
}

#[test]
fn packages_of_the_repository_are_listed_too() {
    let repository = Repository::new();
    for (path, bytes) in &planwright_package::source::built_in()["hello"] {
        for folder in ["packages/hi", "packages/broken", "elsewhere/hi"] {
            repository.write(&format!("{folder}/{path}"), std::str::from_utf8(bytes).unwrap());
        }
    }
    repository.write("packages/broken/package.yaml", "kind: Package\n");
    repository.edit("planwright.yaml", "  - aws-bucket\n", "");
    assert_snapshot!(repository.done(&["package", "list"]), @r#"
    aws-bucket 0.1.0  A private, encrypted, versioned S3 bucket.  (not allowed by planwright.yaml)
    aws-static-site 0.1.0  A static website on a private S3 bucket behind CloudFront, with or without a DNS record.
    hello 0.1.0  Greets an audience with built-in resources only; no cloud, no credentials, no downloads.
    packages/broken  cannot be used: the field `apiVersion` is missing, packages/broken/package.yaml:1:1
    packages/hi 0.1.0  Greets an audience with built-in resources only; no cloud, no credentials, no downloads.
    "#);
    let (listed, _) = repository.json(&["-C", "stacks", "package", "list"]);
    let own = &listed["packages"][4];
    assert_eq!((&own["package"], &own["name"]), (&json!("packages/hi"), &json!("hello")));
    assert_eq!(listed["packages"][0]["allowed"], false);
    assert_eq!(listed["packages"][3]["findings"][0]["code"], "missing_field");
    assert_eq!(Repository::empty().done(&["package", "list"]).lines().count(), 3);
}

#[test]
fn every_command_answers_in_json() {
    let repository = Repository::with_stack("logs", BUCKET);
    let (locked, _) = repository.json(&["lock", "logs"]);
    assert_eq!(locked["stacks"][0]["stack"], "logs");
    let (resolved, _) = repository.json(&["resolve", "logs"]);
    let one = &resolved["stacks"][0];
    assert_eq!(one["document"]["slots"]["bucket"]["vars"]["name"], "acme-build-logs");
    assert_eq!(
        one["provenance"]["/slots/bucket/vars/name"],
        json!({"from": "stack", "file": "stacks/logs/stack.yaml", "line": 6, "column": 9})
    );
    let types = &one["document"]["types"]["hashicorp/aws"];
    assert_eq!(types["resources"][0], "aws_s3_bucket");
    let (rendered, _) = repository.json(&["render", "logs"]);
    assert!(rendered["stacks"][0]["files"]["main.tf.json"].is_string());
    let (packages, _) = repository.json(&["package", "list"]);
    assert_eq!(packages["packages"].as_array().unwrap().len(), 3);
    let (shown, _) = repository.json(&["package", "show", "aws-bucket"]);
    assert_eq!(shown["protect"], json!(["bucket"]));
    repository.edit("stacks/logs/stack.yaml", "region", "regoin");
    let (found, code) = repository.json(&["validate", "logs"]);
    assert_eq!(code, 1);
    assert_eq!(found["findings"][0]["code"], "unknown_param");
    assert_eq!(found["findings"][0]["line"], 7);
    let (refused, code) = repository.json(&["render", "logs"]);
    assert_eq!((refused["findings"] == found["findings"], code), (true, 1));
    let (wrong, code) = repository.json(&["render", "nope"]);
    assert_eq!((wrong["error"].is_string(), code), (true, 2));
}

#[test]
fn commands_work_from_a_folder_below_and_refuse_outside() {
    let repository = Repository::new();
    assert_eq!(repository.run(&["-C", "stacks/hello", "validate"]).code, 0);
    let empty = Repository::empty();
    let outside = empty.run(&["validate"]);
    assert_eq!(outside.code, 1);
    let folder = empty.path().canonicalize().unwrap();
    assert_snapshot!(outside.err.replace(folder.to_str().unwrap(), "DIR"), @r#"
    error[missing_config]: there is no planwright.yaml in DIR or any folder above it
      --> planwright.yaml:1:1
      to mend it: go to the repository, or run `planwright init` to start one here

    1 error
    "#);
    assert_eq!(repository.run(&["no-such-command"]).code, 2);
}

#[test]
fn a_checkout_in_a_folder_of_a_repository_is_compared_with_that_folder() {
    let repository = Repository::empty();
    std::fs::create_dir(repository.path().join("infra")).unwrap();
    repository.done(&["-C", "infra", "init"]);
    repository.git(&["init", "-q"]);
    repository.git(&["add", "-A"]);
    repository.git(&["commit", "-qm", "first"]);
    repository.edit("infra/stacks/hello/stack.yaml", "Hello", "Good morning");
    let diff = repository.done(&["-C", "infra", "render", "--diff", "HEAD"]);
    assert!(
        diff.contains(
            "-  \"greeting_greeting\": \"Hello\"\n+  \"greeting_greeting\": \"Good morning\""
        ),
        "{diff}"
    );
}

#[test]
fn a_link_in_a_revision_is_refused() {
    let repository = Repository::new();
    std::os::unix::fs::symlink("hello", repository.path().join("stacks/linked")).unwrap();
    repository.git(&["init", "-q"]);
    repository.git(&["add", "-A"]);
    repository.git(&["commit", "-qm", "first"]);
    assert_eq!(repository.run(&["validate"]).code, 1, "in the checkout");
    std::fs::remove_file(repository.path().join("stacks/linked")).unwrap();
    let said = repository.run(&["render", "--diff", "HEAD"]);
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("error[not_regular]") && said.err.contains("stacks/linked"),
        "{}",
        said.err
    );
}

#[test]
fn a_value_cannot_drive_the_terminal() {
    let repository =
        Repository::with_stack("logs", &BUCKET.replace("platform", r#""\e[2J\u202e""#));
    let shown = repository.done(&["resolve", "logs"]) + &repository.done(&["render", "logs"]);
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
    repository.edit("stacks/logs/stack.yaml", "region:", r#""\e[2J":"#);
    let said = repository.run(&["render", "logs"]);
    assert!(said.err.contains("\\u{1b}[2J") && !said.err.contains('\u{1b}'), "{:?}", said.err);
}

#[test]
fn the_help_of_serve_shows_no_password() {
    let mut repository = Repository::empty();
    let url = "postgres://planwright:hunter2@db.example.org/planwright";
    repository.env.insert("PLANWRIGHT_DATABASE_URL".into(), url.into());
    let help = repository.done(&["serve", "--help"]);
    assert!(help.contains("PLANWRIGHT_DATABASE_URL") && !help.contains("hunter2"), "{help}");
}

#[test]
fn the_demo_says_that_there_is_no_engine_before_anything_else() {
    let mut repository = Repository::empty();
    repository.env.insert("PATH".into(), repository.path().into());
    for arguments in [&["demo", "--play"][..], &["demo", "--data", "kept", "--port", "0"]] {
        let said = repository.run(arguments);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{}", said.err);
        let looked =
            "error: no engine: looked for `tofu`, then `terraform`, on PATH. Install OpenTofu";
        assert!(said.err.starts_with(looked), "{}", said.err);
        assert!(said.err.ends_with("`--engine PATH` or PLANWRIGHT_ENGINE\n"), "{}", said.err);
    }
}

#[test]
fn the_demo_says_which_directory_or_port_it_cannot_have() {
    let repository = Repository::empty();
    repository.write("mine/hub", "mine");
    let said = repository.run(&["demo", "--data", "mine", "--reset"]);
    assert_eq!((said.code, said.out.as_str()), (1, ""), "{}", said.err);
    assert!(said.err.contains("mine has files in it that no demo has made"), "{}", said.err);
    assert_eq!(repository.read("mine/hub"), "mine");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let said = repository.run(&["demo", "--data", "kept", "--port", &port]);
    assert_eq!((said.code, said.out.as_str()), (1, ""), "{}", said.err);
    let cannot =
        format!("error: port {port} of 127.0.0.1 cannot be had; give another with `--port PORT`");
    assert!(said.err.starts_with(&cannot), "{}", said.err);
}
