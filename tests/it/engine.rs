//! The engine adapter: each test on real OpenTofu and real Terraform, with `terraform_data`.

use std::{fs, path::Path, sync::Mutex, time::Duration};

use futures::FutureExt as _;
use serde_json::{Value as Json, json};

use planwright::flow::work::{Home, Site, Tree, Work};
use planwright_core::plan::{Action, Value};
use planwright_engine::{Control, Engine, Error, Limits, Mode, Outcome, Process, Secrets};

use crate::{
    package::{bucket, config, prepared},
    support::engine::{Stack, settings},
};

const ENGINES: [&str; 2] = ["tofu", "terraform"];

/// One resource per element of the variable `texts`, and outputs of both sorts.
fn texts() -> Json {
    json!({
        "variable": {
            "texts": {"type": "list(string)"},
            "password": {"type": "string", "sensitive": true},
        },
        "resource": {"terraform_data": {
            "text": {"count": "${length(var.texts)}", "input": "${var.texts[count.index]}"},
            "secret": {"input": "${var.password}"},
        }},
        "output": {
            "texts": {"value": "${terraform_data.text[*].output}"},
            "password": {"value": "${terraform_data.secret.output}", "sensitive": true},
        },
    })
}

async fn texts_stack(engine: &str, texts: &[&str]) -> Stack {
    let mut stack = Stack::new(engine, &self::texts()).await;
    stack.values(&json!({"texts": texts, "password": "hunter2222"}));
    stack
}

/// One resource that runs a command when it is made.
fn provisioned(command: &str) -> Json {
    json!({"resource": {"terraform_data": {"x": {
        "provisioner": [{"local-exec": {"command": command}}],
    }}}})
}

#[tokio::test]
async fn whatever_a_value_contains_is_that_value_in_the_plan() {
    let hostile = [
        "${var.password}",
        "%{ if true }x%{ endif }",
        "$${x}",
        "%%{y}",
        "a\"b\\c'd`e",
        "two\nlines\r\n\ttab",
        "\u{202e}abc\u{2066}\u{200b}",
        "</script>",
        "null",
        "@team #1",
        "",
        "$(touch /tmp/x); `id`",
        "\u{1b}[31m",
        "é漢🦀",
    ];
    for engine in ENGINES {
        let stack = texts_stack(engine, &hostile).await;
        let planned = stack.plan(Mode::Normal).await;
        for (i, text) in hostile.iter().enumerate() {
            let address = format!("terraform_data.text[{i}]");
            let change = planned.plan.resources.iter().find(|c| c.address == address).unwrap();
            let input = change.differences.iter().find(|d| d.path.to_string() == "input").unwrap();
            assert_eq!(input.after, Value::Known(json!(text)), "{engine}");
        }
        drop(planned);
        let outputs = stack.apply().await.outputs;
        assert_eq!(outputs["texts"].value, json!(hostile), "{engine}");
    }
}

#[tokio::test]
async fn a_stack_lives_from_its_first_plan_to_its_destruction() {
    for engine in ENGINES {
        let mut stack = texts_stack(engine, &["a", "b"]).await;
        let planned = stack.plan(Mode::Normal).await;
        assert_eq!(planned.plan.summary().create, 3, "{engine}");
        assert_eq!(planned.state, None);
        assert!(!format!("{planned:?}").contains("hunter2222"), "{planned:?}");
        let workdir = stack.workdir();
        let root = stack.root(&workdir);
        let applied = stack.engine.apply(&root, planned, &Control::default()).await.unwrap();
        assert_eq!(applied.steps.len(), 3);
        assert!(applied.steps.iter().all(|step| step.outcome == Outcome::Done), "{applied:?}");
        assert_eq!(applied.outputs["texts"].value, json!(["a", "b"]));
        assert!(applied.outputs["password"].sensitive);
        let outputs = stack.engine.outputs(&root, &Control::default()).await.unwrap();
        assert_eq!(outputs, applied.outputs);

        let verified = stack.plan(Mode::Normal).await;
        assert!(verified.plan.is_empty(), "{verified:?}");
        assert_eq!(verified.plan.unchanged, 3);
        assert_eq!(verified.state, stack.backend.local_state().unwrap());
        assert!(verified.state.is_some());
        drop(verified);

        stack.values(&json!({"texts": ["a", "c"], "password": "other2222"}));
        let changed = stack.plan(Mode::Normal).await;
        assert_eq!(changed.plan.summary().update, 2, "{engine}");
        assert!(!format!("{changed:?}").contains("2222"), "{changed:?}");
        drop(changed);

        let destroy = stack.plan(Mode::Destroy).await;
        assert_eq!(destroy.plan.summary().delete, 3);
        assert!(destroy.plan.resources.iter().all(|change| change.action == Action::Delete));
        let root = stack.root(&workdir);
        stack.engine.apply(&root, destroy, &Control::default()).await.unwrap();
        assert!(stack.plan(Mode::Destroy).await.plan.is_empty());
    }
}

#[tokio::test]
async fn replacing_moving_importing_and_forgetting_are_told_apart() {
    for engine in ENGINES {
        let tree = json!({"resource": {"terraform_data": {
            "first": {"triggers_replace": "a"},
            "second": {"triggers_replace": "a", "lifecycle": {"create_before_destroy": true}},
            "old": {"input": 1},
            "left": {"input": 1},
        }}});
        let mut stack = Stack::new(engine, &tree).await;
        stack.apply().await;
        let removed = json!([{"from": "terraform_data.left", "lifecycle": {"destroy": false}}]);
        stack.tree(&json!({
            "resource": {"terraform_data": {
                "first": {"triggers_replace": "b"},
                "second": {"triggers_replace": "b", "lifecycle": {"create_before_destroy": true}},
                "new": {"input": 1},
                "taken": {},
            }},
            "moved": [{"from": "terraform_data.old", "to": "terraform_data.new"}],
            "import": [{"to": "terraform_data.taken", "id": "an-id"}],
            "removed": removed,
        }));
        let plan = stack.plan(Mode::Normal).await.plan;
        let of = |name: &str| {
            let address = format!("terraform_data.{name}");
            plan.resources.iter().find(|change| change.address == address).unwrap()
        };
        assert_eq!(of("first").action, Action::DeleteThenCreate, "{engine}");
        assert_eq!(of("first").action_reason.as_deref(), Some("replace_because_cannot_update"));
        assert_eq!(of("first").replace_paths[0].to_string(), "triggers_replace");
        assert_eq!(of("second").action, Action::CreateThenDelete);
        assert_eq!(of("new").previous_address.as_deref(), Some("terraform_data.old"));
        assert_eq!((of("new").action, of("new").differences.len()), (Action::NoOp, 0));
        assert_eq!(of("taken").importing.as_deref(), Some("an-id"));
        assert_eq!(of("left").action, Action::Forget);
        assert_eq!(plan.resources.len(), 5, "{plan:?}");
    }
}

#[tokio::test]
async fn two_plans_of_one_tree_have_one_digest() {
    let mut digests = Vec::new();
    for engine in ENGINES {
        let mut stack = texts_stack(engine, &["a", "b"]).await;
        let first = stack.plan(Mode::Normal).await.plan.digest();
        assert_eq!(first, stack.plan(Mode::Normal).await.plan.digest(), "{engine}");
        digests.push(first.clone());
        stack.values(&json!({"texts": ["a", "b"], "password": "another"}));
        assert_ne!(first, stack.plan(Mode::Normal).await.plan.digest(), "a secret counts too");
    }
    assert_eq!(digests[0], digests[1], "with built-in resources, the engines agree");
}

#[tokio::test]
async fn init_runs_only_when_something_it_depends_on_has_changed() {
    let (cold, warm) = (["init", "plan", "show"], ["plan", "show"]);
    for engine in ENGINES {
        let mut stack = texts_stack(engine, &["a"]).await;
        drop(stack.plan(Mode::Normal).await);
        assert_eq!(stack.started(), cold);
        drop(stack.plan(Mode::Normal).await);
        assert_eq!(stack.started(), warm);
        stack.values(&json!({"texts": ["b"], "password": "x"}));
        drop(stack.plan(Mode::Normal).await);
        assert_eq!(stack.started(), warm, "values are not installed");

        let mut tree = texts();
        tree["resource"]["terraform_data"]["more"] = json!({"input": 1});
        stack.tree(&tree);
        drop(stack.plan(Mode::Normal).await);
        assert_eq!(stack.started(), cold, "the tree changed");
        let other = stack.dir.path().join("state/other.tfstate").display().to_string();
        stack.backend.config.insert("path".into(), other);
        drop(stack.plan(Mode::Normal).await);
        assert_eq!(stack.started(), cold, "the backend changed");
        fs::remove_dir_all(stack.workdir().join("tree/.terraform")).unwrap();
        drop(stack.plan(Mode::Normal).await);
        assert_eq!(stack.started(), cold, "what init had made is gone");
    }
}

#[tokio::test]
async fn the_version_is_asked_once_per_binary_and_must_fit() {
    for engine in ENGINES {
        let dir = tempfile::tempdir().unwrap();
        let adapter = Engine::new(settings(engine, dir.path()));
        let started = Mutex::new(Vec::new());
        let on_start = |command, _| {
            started.lock().unwrap().push(command);
            std::future::ready(()).boxed()
        };
        let control = Control { on_start: Some(&on_start), ..Control::default() };
        let binary = adapter.binary(">=1.9, <2", &control).await.unwrap();
        adapter.binary(">=1.9", &control).await.unwrap();
        assert_eq!(*started.lock().unwrap(), ["version"]);
        let refused = adapter.binary(">=9", &control).await.unwrap_err().to_string();
        assert!(refused.contains(&binary.version.to_string()), "{refused}");
        assert!(refused.contains("needs `>=9`"), "{refused}");
    }
}

#[tokio::test]
async fn a_child_sees_nothing_of_our_environment() {
    // Cargo's own variables are the canaries.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    for engine in ENGINES {
        let mut stack = Stack::new(engine, &json!({})).await;
        let seen = stack.dir.path().join("seen");
        stack.tree(&provisioned(&format!("env > {}", seen.display())));
        stack.env.insert("GIVEN".into(), "by the settings".into());
        stack.apply().await;
        let seen = fs::read_to_string(seen).unwrap();
        let mut names: Vec<&str> =
            seen.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
        names.sort_unstable();
        // The shell sets the last three for itself, the engine those of plugins.
        names.retain(|name| !matches!(*name, "PWD" | "SHLVL" | "_" | "OLDPWD"));
        names.retain(|name| !name.starts_with("TF_") && !name.contains("PLUGIN"));
        assert_eq!(names, ["CHECKPOINT_DISABLE", "GIVEN", "HOME", "PATH", "TMPDIR"], "{engine}");
        let home = stack.workdir().join("home");
        assert!(seen.contains(&format!("HOME={}\n", home.display())), "{seen}");
    }
}

/// Applies something that would take minutes, and acts once it runs; the id of what was started.
async fn interrupted(stack: &mut Stack, act: &(dyn Fn(&Control<'_>) + Sync)) -> (Error, Process) {
    stack.tree(&provisioned("sleep 600 & echo started $!; wait"));
    let planned = stack.plan(Mode::Normal).await;
    let control = Control::default();
    let sleeper = Mutex::new(None);
    let log = |line: &str| {
        if let Some((_, pid)) = line.rsplit_once("(local-exec): started ") {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
            let start_time = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap();
            let process =
                Process { pid: pid.parse().unwrap(), start_time: start_time.parse().unwrap() };
            assert!(process.is_alive());
            *sleeper.lock().unwrap() = Some(process);
            act(&control);
        }
    };
    let watched = Control { log: Some(&log), ..control.clone() };
    let workdir = stack.workdir();
    let failed = stack.engine.apply(&stack.root(&workdir), planned, &watched).await.unwrap_err();
    let outcomes: Vec<Outcome> = failed.steps.iter().map(|step| step.outcome).collect();
    assert_ne!(outcomes, [Outcome::Done], "{failed:?}");
    (failed.error, sleeper.into_inner().unwrap().unwrap())
}

/// Waits until a process that was killed is gone, which the kernel does in its own time.
async fn gone(process: Process) {
    let gone = async {
        while process.is_alive() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("it still runs");
}

#[tokio::test]
async fn cancel_ends_everything_that_was_started() {
    for engine in ENGINES {
        let limits = Limits { apply_grace: Duration::from_secs(3), ..Limits::default() };
        let mut stack = Stack::with(engine, &json!({}), |settings| settings.limits = limits).await;
        let (error, sleeper) = interrupted(&mut stack, &|control| control.cancel.cancel()).await;
        assert!(matches!(error, Error::Cancelled { command: "apply" }), "{error}");
        gone(sleeper).await;
    }
}

#[tokio::test]
async fn the_time_limit_ends_everything_that_was_started() {
    for engine in ENGINES {
        let limits = Limits {
            apply: Duration::from_secs(4),
            apply_grace: Duration::from_secs(1),
            ..Limits::default()
        };
        let mut stack = Stack::with(engine, &json!({}), |settings| settings.limits = limits).await;
        let (error, sleeper) = interrupted(&mut stack, &|_| ()).await;
        assert_eq!(error.to_string(), "`apply` took longer than 4 s and was ended");
        gone(sleeper).await;
    }
}

#[tokio::test]
async fn an_apply_goes_on_without_us_and_a_plan_does_not() {
    for engine in ENGINES {
        let mut stack = Stack::new(engine, &json!({})).await;
        let gate = stack.dir.path().join("gate");
        nix::unistd::mkfifo(&gate, nix::sys::stat::Mode::S_IRWXU).unwrap();
        stack.tree(&provisioned(&format!("echo waiting; cat {}", gate.display())));
        let planned = stack.plan(Mode::Normal).await;
        let (process, reached) = (Mutex::new(None), tokio::sync::Notify::new());
        let on_start = |_, started: Process| {
            *process.lock().unwrap() = Some(started);
            std::future::ready(()).boxed()
        };
        let log = |line: &str| {
            if line.ends_with(": waiting") {
                reached.notify_one();
            }
        };
        let control = Control { on_start: Some(&on_start), log: Some(&log), ..Control::default() };
        let workdir = stack.workdir();
        let root = stack.root(&workdir);
        tokio::select! {
            // Dropped in the middle, as if this process had died.
            result = stack.engine.apply(&root, planned, &control) => panic!("{result:?}"),
            () = reached.notified() => {}
        }
        let process = process.lock().unwrap().unwrap();
        assert!(process.is_alive());
        fs::write(&gate, "go on").unwrap();
        gone(process).await;
        assert!(stack.plan(Mode::Normal).await.plan.is_empty(), "{engine}");
    }
}

#[tokio::test]
async fn a_failed_apply_says_what_was_done_and_what_was_not() {
    for engine in ENGINES {
        let tree = json!({"resource": {"terraform_data": {
            "good": {"input": 1},
            "bad": {
                "depends_on": ["terraform_data.good"],
                "provisioner": [{"local-exec": {"command": "echo hunter2222 >&2; exit 3"}}],
            },
        }}});
        let mut stack = Stack::new(engine, &tree).await;
        stack.secrets = planwright_engine::Secrets::new(["hunter2222"]);
        let planned = stack.plan(Mode::Normal).await;
        let workdir = stack.workdir();
        let root = stack.root(&workdir);
        let failed = stack.engine.apply(&root, planned, &Control::default()).await.unwrap_err();
        let of = |name: &str| {
            let address = format!("terraform_data.{name}");
            failed.steps.iter().rfind(|step| step.address == address).map(|step| step.outcome)
        };
        assert_eq!(of("good"), Some(Outcome::Done), "{failed:?}");
        assert_eq!(of("bad"), Some(Outcome::Failed), "{failed:?}");
        let error = failed.to_string();
        assert!(error.contains("exit status 3") && error.contains("[secret]"), "{error}");
        assert!(!format!("{failed:?}").contains("hunter2222"), "{failed:?}");
    }
}

#[tokio::test]
async fn a_plan_that_fails_says_what_where_and_why() {
    for engine in ENGINES {
        let mut tree = texts();
        tree["variable"]["texts"]["validation"] = json!([{
            "condition": "${length(var.texts) < 2}", "error_message": "Only one text is allowed.",
        }]);
        let mut stack = Stack::new(engine, &tree).await;
        stack.values(&json!({"texts": ["a", "b"], "password": "x"}));
        let workdir = stack.workdir();
        let root = stack.root(&workdir);
        let failed = stack.engine.plan(&root, Mode::Normal, &Control::default()).await.unwrap_err();
        let text = failed.to_string();
        assert!(text.starts_with("`plan` failed:\n- Invalid value for variable"), "{text}");
        assert!(text.contains("Only one text is allowed."), "{text}");
        assert!(text.contains("main.tf.json:1"), "{text}");
    }
}

#[tokio::test]
async fn a_tree_without_its_backend_block_is_refused() {
    for engine in ENGINES {
        let mut stack = texts_stack(engine, &[]).await;
        stack.files.insert("main.tf.json".into(), texts().to_string().into());
        let workdir = stack.workdir();
        let root = stack.root(&workdir);
        let refused =
            stack.engine.plan(&root, Mode::Normal, &Control::default()).await.unwrap_err();
        assert!(refused.to_string().contains("no `backend \"local\" {}` block"), "{refused}");
    }
}

#[tokio::test]
async fn a_module_from_elsewhere_is_refused_after_init() {
    for engine in ENGINES {
        let mut stack = texts_stack(engine, &[]).await;
        let workdir = stack.workdir();
        let outside = stack.dir.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("main.tf"), "resource \"terraform_data\" \"stranger\" {}\n")
            .unwrap();
        stack
            .files
            .insert("own/main.tf".into(), b"resource \"terraform_data\" \"ours\" {}\n".to_vec());
        for source in [outside.display().to_string(), "./../../outside".into(), "./own".into()] {
            stack.tree(&json!({"module": {"site": {"source": source}}}));
            stack.values(&json!({}));
            let planned =
                stack.engine.plan(&stack.root(&workdir), Mode::Normal, &Control::default()).await;
            match planned {
                Ok(planned) => {
                    assert_eq!(source, "./own", "{engine}");
                    assert_eq!(
                        planned.plan.resources[0].address,
                        "module.site.terraform_data.ours"
                    );
                }
                Err(error) => {
                    let said = error.to_string();
                    assert_ne!(source, "./own", "{engine}: {said}");
                    println!("{said}");
                    assert!(
                        said.contains("which is not a folder of the package"),
                        "{engine}: {said}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn a_local_state_that_would_not_be_kept_is_refused() {
    let mut stack = texts_stack("terraform", &[]).await;
    let workdir = stack.workdir();
    for path in
        [None, Some("terraform.tfstate".into()), Some(workdir.join("tree/x").display().to_string())]
    {
        stack.backend.config =
            path.clone().map(|path| ("path".to_owned(), path)).into_iter().collect();
        let root = stack.root(&workdir);
        let refused = stack.engine.plan(&root, Mode::Normal, &Control::default()).await;
        assert!(matches!(refused, Err(Error::Unreadable { .. })), "{path:?}: {refused:?}");
    }
}

#[tokio::test]
async fn no_more_roots_are_worked_on_at_a_time_than_allowed() {
    let one = std::num::NonZeroUsize::new(1);
    let stack = Stack::with("terraform", &texts(), |settings| settings.concurrency = one).await;
    let started = Mutex::new(Vec::new());
    let plan = async |name: &'static str| {
        let on_start = |command, _| {
            started.lock().unwrap().push((name, command));
            std::future::ready(()).boxed()
        };
        let control = Control { on_start: Some(&on_start), ..Control::default() };
        let dir = stack.dir.path().join(name);
        let mut files = stack.files.clone();
        let values = json!({"texts": [name], "password": "x"});
        files.insert("terraform.tfvars.json".into(), values.to_string().into());
        let root = planwright_engine::Root { files: &files, ..stack.root(&dir) };
        stack.engine.plan(&root, Mode::Normal, &control).await.unwrap();
    };
    futures::join!(plan("a"), plan("b"));
    let order = ["a", "b"].map(|name| ["init", "plan", "show"].map(|command| (name, command)));
    assert_eq!(*started.lock().unwrap(), order.concat());
}

#[tokio::test]
async fn a_work_directory_that_is_in_use_is_waited_for_and_not_shared() {
    let limits = Limits { plan: Duration::ZERO, ..Limits::default() };
    let mut stack = texts_stack("terraform", &["a"]).await;
    let planned = stack.plan(Mode::Normal).await;
    let mut impatient = settings("terraform", stack.dir.path());
    impatient.limits = limits;
    stack.engine = Engine::new(impatient);
    let workdir = stack.workdir();
    let root = stack.root(&workdir);
    let refused = stack.engine.plan(&root, Mode::Normal, &Control::default()).await.unwrap_err();
    assert!(refused.to_string().contains("waiting for the work directory"), "{refused}");
    drop(planned);
}

#[tokio::test]
async fn the_plan_file_is_private_while_it_is_there_and_gone_with_its_value() {
    let stack = texts_stack("terraform", &["a"]).await;
    let planned = stack.plan(Mode::Normal).await;
    let plan_files = |dir: &Path| -> usize {
        let is_plan = |path: std::path::PathBuf| path.extension().is_some_and(|e| e == "tfplan");
        fs::read_dir(dir).unwrap().filter(|entry| is_plan(entry.as_ref().unwrap().path())).count()
    };
    let workdir = stack.workdir();
    assert_eq!(plan_files(&workdir), 1);
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&workdir).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700);
    drop(planned);
    assert_eq!(plan_files(&workdir), 0);
}

#[tokio::test]
async fn a_root_says_which_types_its_rendered_modules_use() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::new(settings("terraform", dir.path()));
    let prepared = prepared(&bucket("")).unwrap();
    let (config, control) = (config(), Control::default());
    let work = async |tree| {
        let (stack, dir) = (prepared.stack.id.clone(), dir.path().join("work"));
        let home = Home { repository: "repository", config: &config, states: &dir };
        Work::open(&engine, Site { home, stack, dir: dir.clone() }, tree, &control).await
    };
    let mut tree = Tree::new(&prepared);
    let work_of_bucket = work(tree.clone()).await.unwrap();
    let (env, secrets) = (std::collections::BTreeMap::new(), Secrets::default());
    let root = work_of_bucket.root(&env, &secrets);
    assert!(root.types["hashicorp/aws"].resources.contains("aws_s3_bucket_versioning"));
    assert_eq!(*root.types, prepared.resolved.types);

    tree.files.insert("modules/bucket/s3/more.tf".into(), b"resource {".to_vec());
    let Err(refused) = work(tree).await else { panic!("a module that no engine can read") };
    let said = refused.to_string();
    assert!(said.starts_with("cannot use the rendered modules: error[invalid_hcl]"), "{said}");
    assert!(said.contains("s/modules/bucket/s3/more.tf:1:"), "{said}");
}
