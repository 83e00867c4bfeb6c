//! Who says yes, on a real terminal.

use insta::assert_snapshot;

use super::{at_terminal, repository};

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
