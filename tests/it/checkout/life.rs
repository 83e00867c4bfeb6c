//! `hello` from its first plan to its destruction, on both engines, and what each command prints.

use insta::{allow_duplicates, assert_snapshot};
use serde_json::json;

use super::{ENGINES, repository, stable, with_greeting};

#[test]
fn a_plan_says_what_would_happen_and_under_which_digest() {
    allow_duplicates! {
        for engine in ENGINES {
            let repository = repository(engine);
            assert_snapshot!(stable(&repository.done(&["plan"])), @r#"
            hello: 2 to add (ENGINE VERSION)
              + module.greeting.terraform_data.card["world"]: create
              +     id: (known after apply)
              +     input: "Hello, world"
              +     output: (known after apply)
              +     triggers_replace[0]: "Hello"
              + module.greeting.terraform_data.greeting: create
              +     id: (known after apply)
              +     input: "Hello"
              +     output: (known after apply)
              + output cards: (known after apply)
              + output message: (known after apply)
              digest v1:e9ab44ffc6ba
            "#);
            let state = repository.path().join(".planwright/state/hello/terraform.tfstate");
            assert!(!state.exists(), "a plan writes no state");
        }
    }
}

#[test]
fn an_apply_does_what_was_shown_and_verifies_it() {
    allow_duplicates! {
        for engine in ENGINES {
            let repository = repository(engine);
            let applied = repository.done(&["apply", "hello", "--auto-approve"]);
            assert!(repository.path().join(".planwright/state/hello/terraform.tfstate").exists());
            assert_snapshot!(stable(&applied), @r#"
            hello: 2 to add (ENGINE VERSION)
              + module.greeting.terraform_data.card["world"]: create
              +     id: (known after apply)
              +     input: "Hello, world"
              +     output: (known after apply)
              +     triggers_replace[0]: "Hello"
              + module.greeting.terraform_data.greeting: create
              +     id: (known after apply)
              +     input: "Hello"
              +     output: (known after apply)
              + output cards: (known after apply)
              + output message: (known after apply)
              digest v1:e9ab44ffc6ba

            hello: applied, and verified: a second plan is empty
              outputs
                cards = {"world":"Hello, world"}
                message = "Hello"
            "#);
            assert_snapshot!(stable(&repository.done(&["plan"])), @r#"
            hello: no changes (ENGINE VERSION)
              digest DIGEST
            "#);
            assert_snapshot!(stable(&repository.done(&["apply", "--auto-approve"])), @r#"
            hello: no changes (ENGINE VERSION)
              digest DIGEST

            hello: nothing to do
              outputs
                cards = {"world":"Hello, world"}
                message = "Hello"
            "#);
            assert_snapshot!(stable(&repository.done(&["outputs"])), @r#"
            hello:
              cards = {"world":"Hello, world"}
              message = "Hello"
            "#);
        }
    }
}

#[test]
fn a_replacement_says_what_forces_it_and_a_deletion_comes_first() {
    allow_duplicates! {
        for engine in ENGINES {
            let repository = repository(engine);
            repository.edit("stacks/hello/stack.yaml", "[world]", "[moon, world]");
            repository.done(&["apply", "--auto-approve"]);
            repository.edit("stacks/hello/stack.yaml", "Hello", "Good evening");
            repository.edit("stacks/hello/stack.yaml", "[moon, world]", "[world]");
            assert_snapshot!(stable(&repository.done(&["plan"])), @r#"
            hello: 1 to change, 1 to replace, 1 to destroy (ENGINE VERSION)
              - module.greeting.terraform_data.card["moon"]: delete; because each key
              -/+ module.greeting.terraform_data.card["world"]: replace (delete, then create)
              ~     triggers_replace[0]: "Hello" → "Good evening"  # forces replacement
              ~     id: "UUID" → (known after apply)
              ~     input: "Hello, world" → "Good evening, world"
              ~     output: "Hello, world" → (known after apply)
              ~ module.greeting.terraform_data.greeting: update
              ~     input: "Hello" → "Good evening"
              ~     output: "Hello" → (known after apply)
              ~ output cards: {"moon":"Hello, moon","world":"Hello, world"} → (known after apply)
              ~ output message: "Hello" → (known after apply)
              digest DIGEST
            "#);
            let (json, code) = repository.json(&["plan", "--detailed-exitcode"]);
            assert_eq!(code, 2);
            let stack = &json["stacks"][0];
            assert_eq!(stack["summary"]["replace"], 1);
            assert_eq!(stack["summary"]["delete"], 1);
            assert!(stack["digest"].as_str().unwrap().starts_with("v1:"));
            let planned = stack["plan"]["resources"].as_array().unwrap();
            assert!(
                planned.iter().any(|change| change["action"] == "delete-then-create"),
                "{planned:?}"
            );
        }
    }
}

#[test]
fn drift_is_told_of_what_was_applied_last_whatever_the_files_say() {
    const STATE: &str = ".planwright/state/hello/terraform.tfstate";
    allow_duplicates! {
        for engine in ENGINES {
            let repository = repository(engine);
            assert_snapshot!(repository.done(&["drift"]), @r#"hello: never applied"#);
            repository.done(&["apply", "--auto-approve"]);
            assert_snapshot!(repository.done(&["drift", "--detailed-exitcode"]), @r#"hello: no drift"#);
            // The files move on, and that is no drift; the world does, and that is.
            repository.edit("stacks/hello/stack.yaml", "Hello", "Bonjour");
            assert_eq!(repository.run(&["drift", "--detailed-exitcode"]).code, 0);
            let state = repository.read(STATE).replace("\"Hello\"", "\"Hullo\"");
            repository.write(STATE, &state);
            let drifted = repository.run(&["drift", "--detailed-exitcode"]);
            assert_eq!(drifted.code, 2, "{}", drifted.err);
            assert_snapshot!(stable(&drifted.out), @r#"
            hello: 2 drifted, as applied → as found
              ~ module.greeting.terraform_data.card["world"]: changed in a way that only a replacement takes back
              ~     triggers_replace[0]: "Hello" → "Hullo"
              ~ module.greeting.terraform_data.greeting: changed
              ~     input: "Hello" → "Hullo"
            "#);
            let (json, code) = repository.json(&["drift"]);
            let stack = &json["stacks"][0];
            assert_eq!((code, &stack["applied"], &stack["drifted"]), (0, &true.into(), &2.into()));
            let greeting = "module.greeting.terraform_data.greeting";
            let resources = stack["resources"].as_array().unwrap();
            let found = resources.iter().find(|one| one["address"] == greeting).unwrap();
            let known = |text: &str| json!({ "known": text });
            assert_eq!(found["differences"][0]["applied"], known("Hello"));
            assert_eq!(found["differences"][0]["found"], known("Hullo"));
        }
    }
}

#[test]
fn drift_of_an_output_goes_from_what_was_applied_to_what_is_found() {
    const MODULE: &str = "packages/mine/modules/greeting/cards";
    const STATE: &str = ".planwright/state/mine/terraform.tfstate";
    let elsewhere = |weather: &str| {
        let outputs = json!({ "weather": { "value": weather, "type": "string" } });
        json!({ "version": 4, "serial": 1, "lineage": "x", "outputs": outputs, "resources": [] })
            .to_string()
    };
    allow_duplicates! {
        for engine in ENGINES {
            let repository = with_greeting(engine, "input = var.greeting\n");
            let path = repository.path().join("elsewhere.tfstate").display().to_string();
            let main = repository.read(&format!("{MODULE}/main.tf"));
            let data = format!(
                "data \"terraform_remote_state\" \"elsewhere\" {{\n  backend = \"local\"\n  \
                 config  = {{ path = \"{path}\" }}\n}}\n"
            );
            repository.write(&format!("{MODULE}/main.tf"), &(main + &data));
            let outputs = format!("{MODULE}/outputs.tf");
            let weather = "data.terraform_remote_state.elsewhere.outputs.weather";
            repository.edit(&outputs, "terraform_data.greeting.output", weather);
            let cards = "{ for name, card in terraform_data.card : name => card.output }";
            repository.edit(&outputs, cards, "{ input = terraform_data.greeting.input }");
            repository.done(&["lock", "mine"]);
            repository.write("elsewhere.tfstate", &elsewhere("calm"));
            repository.done(&["apply", "mine", "--auto-approve"]);
            assert_eq!(repository.done(&["drift", "mine"]), "mine: no drift\n");

            // The engine reads it for the plan, and the state holds what it was.
            repository.write("elsewhere.tfstate", &elsewhere("storm"));
            assert_snapshot!(repository.done(&["drift", "mine"]), @r#"
            mine: 1 drifted, as applied → as found
              ~ output message: "calm" → "storm"
            "#);
            let (json, _) = repository.json(&["drift", "mine"]);
            let message = json!({ "applied": { "known": "calm" }, "found": { "known": "storm" } });
            assert_eq!(json["stacks"][0]["outputs"], json!({ "message": message }));

            // What others apply stands in the state.
            repository.write("elsewhere.tfstate", &elsewhere("calm"));
            let state = repository.read(STATE).replace("\"Hello\"", "\"Hullo\"");
            repository.write(STATE, &state);
            assert_snapshot!(repository.done(&["drift", "mine"]), @r#"
            mine: 3 drifted, as applied → as found
              ~ module.greeting.terraform_data.card["world"]: changed in a way that only a replacement takes back
              ~     triggers_replace[0]: "Hello" → "Hullo"
              ~ module.greeting.terraform_data.greeting: changed
              ~     input: "Hello" → "Hullo"
              ~ output cards: {"input":"Hello"} → {"input":"Hullo"}
            "#);
        }
    }
}

#[test]
fn a_stack_without_files_is_destroyed_as_it_was_applied() {
    allow_duplicates! {
        for engine in ENGINES {
            let repository = repository(engine);
            repository.done(&["apply", "--auto-approve"]);
            std::fs::remove_dir_all(repository.path().join("stacks/hello")).unwrap();
            let destroyed = repository.done(&["destroy", "hello", "--auto-approve"]);
            assert_snapshot!(stable(&destroyed), @r#"
            hello: 2 to destroy (ENGINE VERSION)
              - module.greeting.terraform_data.card["world"]: delete
              - module.greeting.terraform_data.greeting: delete
              - output cards: {"world":"Hello, world"} → (none)
              - output message: "Hello" → (none)
              digest DIGEST

            hello: destroyed, and verified: a second plan is empty
            "#);
            let unknown = repository.run(&["destroy", "hello", "--auto-approve"]);
            assert_eq!(unknown.code, 2, "nothing is known of it any more");
        }
    }
}

#[test]
fn several_stacks_are_planned_and_applied_by_one_command() {
    let repository = repository("terraform");
    let stack = repository.read("stacks/hello/stack.yaml");
    for environment in ["dev", "prod"] {
        repository.write("stacks/web/stack.yaml", &stack);
        repository.write(
            &format!("stacks/web/{environment}.yaml"),
            "apiVersion: planwright.dev/v1\nkind: Environment\n",
        );
    }
    repository.done(&["lock"]);
    let planned = repository.done(&["plan", "web"]);
    assert!(planned.contains("Plan: 4 to add in 2 stacks"), "{planned}");
    let (json, code) = repository.json(&["apply", "web/dev", "hello", "--auto-approve"]);
    assert_eq!(code, 0, "{json}");
    let ends: Vec<_> =
        json["stacks"].as_array().unwrap().iter().map(|stack| &stack["end"]).collect();
    assert_eq!(ends, ["verified", "verified"]);
    let drift = repository.done(&["drift"]);
    assert_eq!(drift, "hello: no drift\nweb/dev: no drift\nweb/prod: never applied\n");
}

#[test]
fn the_stack_says_where_its_state_is_and_a_second_checkout_of_it_is_told() {
    let repository = repository("terraform");
    repository.done(&["apply", "--auto-approve"]);
    repository.edit(
        "stacks/hello/stack.lock.json",
        "\"state_key\": \"hello\"",
        "\"state_key\": \"other\"",
    );
    let refused = repository.run(&["plan"]);
    assert_eq!(refused.code, 1);
    assert_snapshot!(refused.err, @r#"error: hello: cannot use the state of `hello`: since its last apply, the state key was `hello` and is now `other`. Planwright does not move states: take that back, or move the state yourself and then remove .planwright/applied/hello"#);
}
