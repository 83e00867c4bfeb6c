//! The question before an apply or a destroy, on a real terminal.

use insta::assert_snapshot;

use super::{at_terminal, repository, with_greeting};

const STATE: &str = ".planwright/state/hello/terraform.tfstate";

#[test]
fn only_yes_is_a_yes() {
    let repository = repository("terraform");
    for (answer, code) in [("no\n", 1), ("\n", 1), ("y\n", 1), ("yes please\n", 1), ("\u{4}", 1)] {
        let said = at_terminal(&repository, &["apply"], answer);
        assert_eq!(said.code, code, "{answer:?}: {}", said.out);
        assert!(said.out.contains("nothing was done"), "{answer:?}: {}", said.out);
        assert!(!repository.path().join(STATE).exists(), "{answer:?}");
    }
    let said = at_terminal(&repository, &["apply"], "yes\n");
    assert_eq!(said.code, 0, "{}", said.out);
    assert!(repository.path().join(STATE).exists());
    let asked = said.out.lines().find(|line| line.contains("is a yes")).unwrap();
    assert_snapshot!(asked, @r#"Do what is shown above? Only `yes` is a yes: yes"#);
    assert!(!at_terminal(&repository, &["apply"], "").out.contains("is a yes"), "nothing to ask");
}

#[test]
fn an_interrupt_is_no_answer() {
    let repository = repository("terraform");
    let said = at_terminal(&repository, &["apply"], "\u{3}");
    assert_eq!(said.code, 130, "{}", said.out);
    assert!(!repository.path().join(STATE).exists());
}

#[test]
fn what_the_package_protects_goes_only_when_each_of_it_is_named() {
    let repository = with_greeting("terraform", "input = var.greeting\n");
    repository.edit("packages/mine/package.yaml", "\noutputs:", "\nprotect: [greeting]\noutputs:");
    repository.done(&["lock", "mine"]);
    repository.done(&["apply", "mine", "--auto-approve"]);
    let resources = ["greeting", "card[\"world\"]"]
        .map(|name| format!("module.greeting.terraform_data.{name}"));
    let destroy = |allowed: &[String]| {
        let mut arguments = vec!["destroy", "mine", "--auto-approve"];
        for address in allowed {
            arguments.extend(["--allow", address]);
        }
        repository.run(&arguments)
    };
    for allowed in [&resources[..0], &resources[..1], &resources[1..]] {
        let refused = destroy(allowed);
        assert_eq!(refused.code, 1, "{}", refused.out);
        assert_eq!(refused.err.matches("--allow").count(), 2 - allowed.len(), "{}", refused.err);
        assert_eq!(repository.done(&["drift", "mine"]), "mine: no drift\n");
    }
    assert_eq!(destroy(&resources).code, 0);
}
