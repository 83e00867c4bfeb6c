//! The engine adapter with a provider of protocol 6 whose faults a test can choose.

use std::{fs, os::unix::fs::MetadataExt as _, time::Duration};

use serde_json::{Value as Json, json};

use planwright_core::plan::{Action, Plan, Value};
use planwright_engine::{Control, Engine, Error, Limits, Mode};

use crate::support::{
    echo::Echo,
    engine::{Stack, settings},
    variations::{COUNT, Then, Variation, World, features, variation},
};

const ENGINES: [&str; 2] = ["terraform", "tofu"];

fn file(arguments: &Json) -> Json {
    json!({"resource": {"echo_file": {"this": arguments}}})
}

/// The one action of a plan with one change, and its differences as text.
fn change(plan: &Plan) -> (Action, Vec<String>) {
    let [change] = plan.resources.as_slice() else { panic!("{plan:?}") };
    let shown = |value: &Value| match value {
        Value::Known(value) => value.to_string(),
        Value::Sensitive(_) => "(sensitive)".into(),
        other => format!("{other:?}"),
    };
    let differences = change.differences.iter();
    let differences =
        differences.map(|d| format!("{}: {} → {}", d.path, shown(&d.before), shown(&d.after)));
    (change.action, differences.collect())
}

async fn refused(stack: &Stack) -> Error {
    let workdir = stack.workdir();
    stack
        .engine
        .plan(&stack.root(&workdir), Mode::Normal, &Control::default())
        .await
        .expect_err("the plan is refused")
}

#[tokio::test]
async fn a_file_is_made_changed_behind_the_engines_back_and_mended() {
    for engine in ENGINES {
        let echo = Echo::new();
        let mut blocks = file(&json!({
            "name": "note",
            "content": "${provider::echo::upper(\"hello\")}",
            "tags": {"team": "web"},
            "secret": "hunter2222",
        }));
        blocks["data"] = json!({"echo_read": {"this": {"name": "${echo_file.this.id}"}}});
        blocks["output"] = json!({"content": {"value": "${data.echo_read.this.content}"}});
        let stack = echo.stack(engine, &blocks).await;
        assert_eq!(
            stack.types["planwright/echo"].to_string(),
            "resources echo_file; data sources echo_read; functions upper"
        );

        assert_eq!(
            change(&stack.plan(Mode::Normal).await.plan),
            (
                Action::Create,
                [
                    "content: Absent → \"HELLO\"",
                    "digest: Absent → Unknown",
                    "id: Absent → Unknown",
                    "name: Absent → \"note\"",
                    "secret: Absent → (sensitive)",
                    "tags.team: Absent → \"web\"",
                ]
                .map(str::to_owned)
                .into()
            ),
            "{engine}"
        );
        let applied = stack.apply().await;
        assert_eq!(applied.outputs["content"].value, "HELLO");
        let made = json!({"content": "HELLO", "tags": {"team": "web"}, "secret": "hunter2222"});
        assert_eq!(echo.read("note"), Some(made.clone()));
        assert!(stack.plan(Mode::Normal).await.plan.resources.is_empty());

        let drifted = json!({"content": "HELLO", "tags": {"team": "ops"}, "secret": "elsewhere"});
        echo.write("note", &drifted);
        let (action, differences) = change(&stack.plan(Mode::Normal).await.plan);
        assert_eq!(action, Action::Update);
        assert_eq!(
            differences.iter().filter(|d| !d.starts_with("digest")).collect::<Vec<_>>(),
            ["secret: (sensitive) → (sensitive)", "tags.team: \"ops\" → \"web\""],
            "{engine}"
        );
        stack.apply().await;
        assert_eq!(echo.read("note"), Some(made));

        echo.remove("note");
        assert_eq!(change(&stack.plan(Mode::Normal).await.plan).0, Action::Create);
    }
}

#[tokio::test]
async fn a_new_name_replaces_the_file_and_a_file_that_is_there_is_imported() {
    for engine in ENGINES {
        let echo = Echo::new();
        let mut stack = echo.stack(engine, &file(&json!({"name": "old"}))).await;
        stack.apply().await;
        stack.tree(&echo.tree(&file(&json!({"name": "new"}))));
        let (action, _) = change(&stack.plan(Mode::Normal).await.plan);
        assert_eq!(action, Action::DeleteThenCreate);
        stack.apply().await;
        assert_eq!((echo.read("old"), echo.read("new").is_some()), (None, true));

        echo.write("there", &json!({"content": "already"}));
        let mut blocks = json!({"resource": {"echo_file": {
            "this": {"name": "new"},
            "there": {"name": "there", "content": "already"},
        }}});
        blocks["import"] = json!([{"to": "echo_file.there", "id": "there"}]);
        stack.tree(&echo.tree(&blocks));
        let plan = stack.plan(Mode::Normal).await.plan;
        let [change] = plan.resources.as_slice() else { panic!("{plan:?}") };
        assert_eq!((change.action, change.importing.as_deref()), (Action::NoOp, Some("there")));
        stack.apply().await;
        assert!(stack.plan(Mode::Normal).await.plan.resources.is_empty(), "{engine}");
    }
}

#[tokio::test]
async fn what_the_provider_refuses_is_told_in_its_words() {
    for engine in ENGINES {
        let echo = Echo::new();
        let stack = echo.stack(engine, &file(&json!({"name": "Not/Allowed"}))).await;
        let said = refused(&stack).await.to_string();
        assert!(said.contains("has other characters than"), "{engine}: {said}");

        let mut tree = echo.tree(&file(&json!({"name": "note"})));
        tree["provider"]["echo"]["reject"] = "the moon is full".into();
        let mut stack = stack;
        stack.tree(&tree);
        let said = refused(&stack).await.to_string();
        assert!(said.contains("the moon is full"), "{engine}: {said}");
    }
}

#[tokio::test]
async fn a_fault_strikes_in_its_call_and_one_in_a_file_only_once() {
    let echo = Echo::new();
    let mut stack = echo.stack("terraform", &file(&json!({"name": "note"}))).await;
    let calls = stack.dir.path().join("calls");
    let once = stack.dir.path().join("fault");
    stack.env.insert("ECHO_DIR".into(), stack.dir.path().into());

    fs::write(&once, "crash:PlanResourceChange\n").unwrap();
    let crashed = refused(&stack).await;
    assert!(matches!(crashed, Error::Engine { command: "plan", .. }), "{crashed}");
    let last = fs::read_to_string(&calls).unwrap();
    assert!(last.trim_end().ends_with("PlanResourceChange"), "{last}");
    assert!(!once.exists());
    stack.apply().await;
    assert!(echo.read("note").is_some());

    stack.env.insert("ECHO_FAULT".into(), "slow:ReadResource:1.5".into());
    let start = std::time::Instant::now();
    assert!(stack.plan(Mode::Normal).await.plan.resources.is_empty());
    assert!(start.elapsed() > Duration::from_millis(1500));

    stack.env.insert("ECHO_FAULT".into(), "hang:ReadResource".into());
    let mut impatient = settings("terraform", stack.dir.path());
    let second = Duration::from_secs(1);
    impatient.limits = Limits { plan: 5 * second, grace: second, ..Limits::default() };
    stack.engine = Engine::new(impatient);
    let hung = refused(&stack).await;
    assert!(matches!(hung, Error::TimedOut { command: "plan", .. }), "{hung}");
}

#[test]
fn a_life_is_the_same_for_the_same_index_and_each_feature_is_in_many() {
    for world in [World::Echo("/reality".into()), World::Aws] {
        let lives = || (0..COUNT).map(|index| variation(&world, index)).collect::<Vec<_>>();
        assert_eq!(lives(), lives());
    }
    let mut often = std::collections::BTreeMap::new();
    for feature in (0..COUNT).flat_map(features) {
        *often.entry(format!("{feature:?}")).or_insert(0) += 1;
    }
    assert_eq!(often.len(), 16, "{often:?}");
    for (feature, count) in often {
        let least = if feature.starts_with("Wrong") { 4 } else { 10 };
        assert!(count >= least, "{feature} is in {count} lives of {COUNT}");
    }
}

/// Lives a life to its end, in which nothing is left to do.
async fn live(stack: &mut Stack, life: &Variation) {
    let name = &life.name;
    let mut left = None;
    for (i, step) in life.steps.iter().enumerate() {
        for outside in &step.outside {
            outside.happen(None);
        }
        stack.tree(&step.tree);
        stack.values(&step.values);
        match step.then {
            Then::Refuse => {
                let refused = refused(stack).await;
                let Error::Engine { diagnostics, .. } = &refused else {
                    panic!("{name}: {refused}")
                };
                assert!(!diagnostics.is_empty(), "{name}, step {i}: {refused}");
            }
            Then::Apply => drop(stack.apply().await),
            Then::Leave => left = Some(stack.plan(Mode::Normal).await.plan),
        }
    }
    let left = left.unwrap();
    assert!(left.resources.is_empty(), "{name}: {left:?}");
}

#[tokio::test]
async fn generated_lives_end_as_they_should() {
    for (i, index) in (0..COUNT).step_by(5).enumerate() {
        let echo = Echo::new();
        let life = variation(&World::echo(&echo), index);
        let mut stack = echo.stack(ENGINES[i % 2], &json!({})).await;
        live(&mut stack, &life).await;
    }
}

#[tokio::test]
async fn locking_a_provider_leaves_the_one_in_the_cache_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("cache");
    let engine = Engine::new(planwright_engine::Settings {
        plugin_cache: Some(cache.clone()),
        ..settings("terraform", dir.path())
    });
    let control = Control::default();
    let binary = engine.binary(">=1.9, <2", &control).await.unwrap();
    let required = [("planwright/echo".to_owned(), "1.0.0".to_owned())].into();
    let look = || {
        let entries = walkdir::WalkDir::new(&cache).min_depth(5).into_iter().map(Result::unwrap);
        let look = entries.map(|entry| {
            let meta = fs::symlink_metadata(entry.path()).unwrap();
            (entry.into_path(), meta.ino(), meta.ctime(), meta.ctime_nsec())
        });
        look.collect::<Vec<_>>()
    };
    let first = engine.provider_locks(&binary, &required, &control).await.unwrap();
    let before = look();
    assert!(!before.is_empty());
    assert_eq!(engine.provider_locks(&binary, &required, &control).await.unwrap(), first);
    assert_eq!(look(), before);
}
