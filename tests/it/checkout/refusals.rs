//! What stops a command before it asks an engine for anything, and the messages for it.

use insta::{allow_duplicates, assert_snapshot};

use super::{ENGINES, repository};
use crate::{cli::Repository, support::program::write_script};

/// A repository whose engine leaves a mark when it is started.
fn with_a_tripwire() -> Repository {
    let mut repository = repository("terraform");
    let engine = repository.path().join("tofu-tripwire");
    write_script(&engine, "#!/bin/sh\ntouch \"$MARK\"\nexit 1\n");
    repository.env.insert("PLANWRIGHT_ENGINE".into(), engine.into());
    repository.env.insert("MARK".into(), repository.path().join("started").into());
    repository
}

fn refused(repository: &Repository, arguments: &[&str]) -> String {
    let said = repository.run(arguments);
    assert_ne!(said.code, 0, "{}", said.out);
    assert!(!repository.path().join("started").exists(), "an engine was started");
    said.out + &said.err
}

#[test]
fn the_tripwire_works() {
    let repository = with_a_tripwire();
    assert_eq!(repository.run(&["plan"]).code, 1);
    assert!(repository.path().join("started").exists());
}

#[test]
fn no_engine_on_the_path() {
    let mut repository = repository("terraform");
    repository.write("stacks/again/stack.yaml", &repository.read("stacks/hello/stack.yaml"));
    repository.done(&["lock", "again"]);
    repository.env.remove("PLANWRIGHT_ENGINE");
    repository.env.insert("PATH".into(), repository.path().into());
    let said = repository.run(&["plan"]);
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    assert_snapshot!(said.err, @r#"error: no engine: looked for `tofu`, then `terraform`, on PATH. Install OpenTofu (https://opentofu.org/docs/intro/install/) or Terraform 1.9 or newer (https://developer.hashicorp.com/terraform/install), and put it on PATH or name its path in the settings: `--engine PATH` or PLANWRIGHT_ENGINE"#);
}

#[test]
fn an_engine_that_fits_only_one_of_two_ranges() {
    for engine in ENGINES {
        let repository = repository(engine);
        repository.edit("planwright.yaml", "version: \">=1.9, <2\"", "version: \">=1.9, <1.10\"");
        let said = repository.run(&["plan"]);
        assert_eq!((said.code, said.out.as_str()), (1, ""));
        for part in [
            " but the stack needs `>=1.9, <2` (`engine` in stacks/hello/stack.lock.json, from its \
             package) and `>=1.9, <1.10` (`engine.version` in planwright.yaml); install a version",
            "`--engine PATH`",
        ] {
            assert!(said.err.contains(part), "{}", said.err);
        }
    }
}

#[test]
fn what_failed_stands_on_standard_error_and_the_rest_on_standard_output() {
    let repository = repository("terraform");
    let stack = repository.read("stacks/hello/stack.yaml");
    repository.write("stacks/other/stack.yaml", &stack);
    repository.done(&["lock", "other"]);
    repository.done(&["apply", "--auto-approve"]);
    repository.write(".planwright/applied/other/applied.json", "{}");
    for command in [&["plan"][..], &["drift"], &["outputs"], &["apply", "--auto-approve"]] {
        let said = repository.run(command);
        assert_eq!(said.code, 1, "{command:?}");
        assert!(said.out.starts_with("hello:"), "{command:?}: {}", said.out);
        assert!(!said.out.contains("error"), "{command:?}: {}", said.out);
        assert!(said.err.starts_with("error: other: "), "{command:?}: {}", said.err);
        let (json, code) = repository.json(command);
        let stacks = json["stacks"].as_array().unwrap();
        assert_eq!((stacks.len(), stacks[1]["error"].is_string(), code), (2, true, 1), "{json}");
    }
}

#[test]
fn a_lock_that_is_outdated() {
    let repository = with_a_tripwire();
    repository.edit(
        "stacks/hello/stack.lock.json",
        "\"version\": \"0.1.0\"",
        "\"version\": \"0.0.9\"",
    );
    let said = refused(&repository, &["plan"]);
    assert_snapshot!(said, @r#"
    error[lock_outdated]: the lock says `0.0.9`, and the stack now uses `0.1.0`
      --> stacks/hello/stack.lock.json:9:5 (/package/version)
      to mend it: planwright lock hello

    1 error
    "#);
    assert_eq!(refused(&repository, &["apply", "--auto-approve"]), said);
    assert_eq!(refused(&repository, &["destroy", "hello", "--auto-approve"]), said);
}

#[test]
fn a_secret() {
    let repository = with_a_tripwire();
    repository.edit(
        "stacks/hello/stack.yaml",
        "greeting: Hello",
        "greeting: { $secret: greeting }",
    );
    assert_snapshot!(refused(&repository, &["plan"]), @r#"
    error[secret_refused]: references to secrets cannot be used yet
      --> stacks/hello/stack.yaml:6:13 (/params/greeting)
      to mend it: give the credential to the provider in the server's environment instead

    1 error
    "#);
}

#[test]
fn one_state_of_two_stacks() {
    let repository = with_a_tripwire();
    for file in ["stack.yaml", "stack.lock.json"] {
        let text = repository.read(&format!("stacks/hello/{file}"));
        repository.write(&format!("stacks/twin/{file}"), &text);
    }
    allow_duplicates! {
        for command in [&["plan", "hello"][..], &["destroy", "twin", "--auto-approve"]] {
            assert_snapshot!(refused(&repository, command), @r#"
            error[state_shared]: the state `hello` was first used by the stack `hello` and stays with it, also after that is removed; give `twin` a state key of its own
              --> stacks/twin/stack.lock.json:12:3 (/state_key)
              to mend it: write `"state_key": "twin"` there

            1 error
            "#);
        }
    }
}

#[test]
fn a_stack_that_nobody_knows() {
    let repository = with_a_tripwire();
    allow_duplicates! {
        for command in ["plan", "drift", "outputs"] {
            assert_snapshot!(refused(&repository, &[command, "helo"]), @r#"error: there is no stack `helo`; did you mean `hello`? The stacks are hello"#);
        }
    }
    let said = repository.run(&["plan", "helo", "--detailed-exitcode"]);
    assert_eq!(said.code, 1, "2 would mean that there are changes");
}

#[test]
fn an_apply_that_nobody_can_be_asked_about() {
    let repository = with_a_tripwire();
    assert_snapshot!(refused(&repository, &["apply"]), @r#"error: nobody can be asked before anything is done (this is no terminal); look at `planwright plan` first, then give `--auto-approve`"#);
    assert_snapshot!(refused(&repository, &["destroy", "hello", "--json"]), @r#"
    {
      "error": "nobody can be asked before anything is done (JSON is no question); run it in a terminal to see what it would destroy, or give `--auto-approve`"
    }
    "#);
}
