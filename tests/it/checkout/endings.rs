//! Applies that fail or are interrupted: how they end, and what they print.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use insta::{allow_duplicates, assert_snapshot};
use nix::{sys::signal, unistd::Pid};

use super::{ENGINES, stable, with_greeting};

#[test]
fn an_apply_that_does_not_converge_is_no_success() {
    allow_duplicates! {
        for engine in ENGINES {
            let repository = with_greeting(engine, "input = timestamp()\n");
            let said = repository.run(&["apply", "mine", "--auto-approve"]);
            assert_eq!(said.code, 1, "{}", said.out);
            let end: Vec<&str> =
                said.err.lines().skip_while(|line| !line.starts_with("error")).collect();
            let end = end.iter().filter(|line| !line.contains("20")).copied().collect::<Vec<_>>();
            assert_snapshot!(stable(&end.join("\n")), @r#"
            error: mine: applied, but it has not converged: a second plan is not empty
              ~ module.greeting.terraform_data.greeting: update
            "#);
            let drift = repository.done(&["drift", "mine"]);
            assert!(drift.starts_with("mine: 1 drifted"), "it was applied: {drift}");
        }
    }
}

#[test]
fn a_failure_says_what_was_done_and_is_not_recorded_as_applied() {
    allow_duplicates! {
        for engine in ENGINES {
            let greeting =
                "input = var.greeting\n  provisioner \"local-exec\" {\n    command = \"exit 3\"\n  }\n";
            let repository = with_greeting(engine, greeting);
            let said = repository.run(&["apply", "mine", "--auto-approve"]);
            assert_eq!(said.code, 1, "{}", said.out);
            let end: Vec<&str> =
                said.err.lines().skip_while(|line| !line.starts_with("error")).collect();
            assert_snapshot!(stable(&end.join("\n")), @r#"
            error: mine: `apply` failed:
              - local-exec provisioner error (module.greeting.terraform_data.greeting, modules/greeting/cards/main.tf:10): Error running command 'exit 3': exit status 3. Output:
              create module.greeting.terraform_data.greeting: failed
              create module.greeting.terraform_data.card["world"]: done
              once its cause is mended, `planwright apply mine` goes on from here
            "#);
            assert_eq!(repository.done(&["drift", "mine"]), "mine: never applied\n");
        }
    }
}

#[test]
fn an_interrupt_ends_the_engine_in_order() {
    for engine in ENGINES {
        let greeting = "input = var.greeting\n  provisioner \"local-exec\" {\n    command = \"echo begun; exec sleep 600\"\n  }\n";
        let repository = with_greeting(engine, greeting);
        let mut child = Command::new(env!("CARGO_BIN_EXE_planwright"))
            .args(["apply", "mine", "--auto-approve", "--verbose"])
            .current_dir(repository.path())
            .env_clear()
            .envs(&repository.env)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let begun = lines.find(|line| line.as_ref().unwrap().ends_with(": begun"));
        assert!(begun.is_some(), "the engine said nothing");
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        signal::kill(pid, signal::Signal::SIGINT).unwrap();
        let rest: Vec<String> = lines.map(Result::unwrap).collect();
        let output = child.wait_with_output().unwrap();
        let rest = rest.join("\n");
        assert_eq!(output.status.code(), Some(130), "{rest}");
        assert!(rest.contains("`apply` was cancelled"), "{rest}");
        let lock = repository.path().join(".planwright/state/mine/.terraform.tfstate.lock.info");
        assert!(!lock.exists(), "the engine had no time to give its state free");
    }
}
