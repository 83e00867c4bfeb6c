//! Whatever goes wrong with a kept provider, the plan is made, it is correct, and nothing is left.

use std::{fs, path::PathBuf, sync::Mutex, time::Duration};

use futures::FutureExt as _;
use serde_json::{Value as Json, json};

use planwright_engine::{Control, Error, Mode, Planned};

use super::{in_repository, is_running, pids};
use crate::support::{echo::Echo, engine::Stack};

/// A file that is there already, data that is read, and a function that is called: every call that a
/// plan can make.
fn blocks(content: &str) -> Json {
    json!({
        "resource": {"echo_file": {"this": {
            "name": "note",
            "content": format!("${{provider::echo::upper(\"{content}\")}}"),
        }}},
        "data": {"echo_read": {"this": {"name": "note"}}},
        "output": {"content": {"value": "${data.echo_read.this.content}"}},
    })
}

const CALLS: [&str; 9] = [
    "GetProviderSchema",
    "ValidateProviderConfig",
    "ConfigureProvider",
    "ValidateResourceConfig",
    "UpgradeResourceState",
    "ReadResource",
    "PlanResourceChange",
    "ReadDataSource",
    "CallFunction",
];

/// A stack with a state, whose provider waits for one call before it gives up on it.
async fn stack(echo: &Echo, call: Duration) -> Stack {
    let mut stack =
        echo.warm_stack("terraform", &blocks("one"), |warm| warm.bounds.call = call).await;
    echo.write("note", &json!({"content": "there before"}));
    stack.warm = None;
    stack.tree(&echo.tree(&json!({"resource": blocks("one")["resource"].clone()})));
    echo.remove("note");
    stack.apply().await;
    stack.tree(&echo.tree(&blocks("two")));
    stack
}

/// Lets one fault happen, in the first process that gets to it.
pub fn fault(stack: &mut Stack, fault: &str) -> PathBuf {
    let file = stack.dir.path().join("fault");
    fs::write(&file, fault).unwrap();
    // In the environment, so each fault meets a process that has answered nothing yet.
    stack.env.insert("ECHO_DIR".into(), stack.dir.path().into());
    stack.env.insert("ECHO_RUN".into(), fault.into());
    file
}

#[tokio::test]
async fn a_provider_that_dies_hangs_or_lies_in_any_call_costs_time_and_nothing_else() {
    let echo = Echo::new();
    let mut stack = stack(&echo, Duration::from_secs(1)).await;
    let expected = stack.plan(Mode::Normal).await.plan;
    assert_eq!(expected.resources.len(), 1, "{expected:?}");
    stack.warm = in_repository("one");
    for kind in ["crash", "hang", "garbage"] {
        for call in CALLS {
            let what = format!("{kind}:{call}");
            let file = fault(&mut stack, &what);
            let before = stack.engine.warm_status();
            // A hang that nobody ends would last until the end of all tests.
            let plan = tokio::time::timeout(Duration::from_secs(60), stack.plan(Mode::Normal));
            let plan = plan.await.unwrap_or_else(|_| panic!("{what} has no end")).plan;
            assert_eq!(plan.digest(), expected.digest(), "{what}");
            assert!(!file.exists(), "{what} was never called");
            let after = stack.engine.warm_status();
            assert_eq!(after.fallbacks, before.fallbacks + 1, "{what}: {after:?}");
            let plan = stack.plan(Mode::Normal).await.plan;
            assert_eq!(plan.digest(), expected.digest(), "after {what}");
            let again = stack.engine.warm_status();
            assert_eq!(
                (again.hits, again.fallbacks),
                (before.hits + 1, after.fallbacks),
                "{again:?}"
            );
        }
    }
    let left = pids(&stack);
    drop(stack.engine);
    for pid in left {
        super::gone(pid).await;
    }
}

#[tokio::test]
async fn a_call_may_take_longer_than_the_engine_looks_for_its_provider() {
    let echo = Echo::new();
    let mut stack = stack(&echo, Duration::from_secs(60)).await;
    stack.warm = in_repository("one");
    fault(&mut stack, "slow:PlanResourceChange:2.5");
    stack.plan(Mode::Normal).await;
    let status = stack.engine.warm_status();
    assert_eq!((status.hits, status.fallbacks), (1, 0), "{status:?}");
}

#[tokio::test]
async fn a_provider_that_is_killed_between_two_plans_is_started_again() {
    let echo = Echo::new();
    let mut stack = stack(&echo, Duration::from_secs(60)).await;
    stack.warm = in_repository("one");
    stack.plan(Mode::Normal).await;
    let [first] = pids(&stack)[..] else { panic!("{:?}", pids(&stack)) };
    assert!(is_running(first));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(first as i32), nix::sys::signal::SIGKILL)
        .unwrap();
    super::gone(first).await;
    stack.plan(Mode::Normal).await;
    let status = stack.engine.warm_status();
    assert_eq!((status.hits, status.fallbacks), (2, 0), "{status:?}");
    assert_ne!(pids(&stack), [first]);
}

/// The way back from a directory that was initialised with its provider, and then without.
#[tokio::test]
async fn a_changed_tree_can_be_planned_cold_after_it_was_initialised_warm() {
    let echo = Echo::new();
    let mut stack = stack(&echo, Duration::from_secs(60)).await;
    stack.plan(Mode::Normal).await;
    stack.tree(&echo.tree(&blocks("three")));
    stack.warm = in_repository("one");
    fault(&mut stack, "crash:PlanResourceChange");
    stack.started();
    let plan = stack.plan(Mode::Normal).await.plan;
    assert_eq!(stack.started(), ["init", "plan", "plan", "show"]);
    stack.warm = None;
    let fresh = stack.dir.path().join("fresh");
    let expected = stack.plan_in(&fresh, Mode::Normal).await.unwrap().plan;
    assert_eq!(plan.digest(), expected.digest());
}

#[tokio::test]
async fn a_resource_whose_type_only_the_state_knows_is_planned_cold_once() {
    let echo = Echo::new();
    let mut stack = stack(&echo, Duration::from_secs(60)).await;
    stack.tree(&echo.tree(&json!({})));
    stack.warm = in_repository("one");
    for hits in [0, 1] {
        let plan = stack.plan(Mode::Normal).await.plan;
        assert_eq!(plan.resources[0].address, "echo_file.this");
        let status = stack.engine.warm_status();
        assert_eq!((status.hits, status.fallbacks), (hits, 1), "{status:?}");
    }
}

/// A plan, and what somebody heard who read along.
async fn heard(stack: &Stack) -> (Result<Planned, Error>, Vec<String>) {
    let lines = Mutex::new(Vec::new());
    let log = |line: &str| lines.lock().unwrap().push(line.to_owned());
    let control = Control { log: Some(&log), ..Control::default() };
    let workdir = stack.workdir();
    let planned = stack.engine.plan(&stack.root(&workdir), Mode::Normal, &control).await;
    (planned, lines.into_inner().unwrap())
}

/// A person reads along as if there had been no first attempt.
#[tokio::test]
async fn of_an_attempt_that_is_made_again_no_error_is_told() {
    let echo = Echo::new();
    let mut stack = stack(&echo, Duration::from_secs(60)).await;
    stack.tree(&echo.tree(&json!({})));
    stack.warm = in_repository("one");
    let (planned, lines) = heard(&stack).await;
    planned.unwrap();
    assert_eq!(stack.engine.warm_status().fallbacks, 1);
    assert!(lines.iter().any(|line| line.contains("echo_file.this: Plan to delete")), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("Error")), "{lines:#?}");
    // An error that stays one is told.
    stack.tree(&echo.tree(&json!({"resource": {"echo_file": {"this": {"name": "Not/Allowed"}}}})));
    let (planned, lines) = heard(&stack).await;
    planned.unwrap_err();
    assert_eq!(lines.iter().filter(|line| line.starts_with("Error")).count(), 1, "{lines:#?}");
}

/// The engine takes it for a warning.
#[tokio::test]
async fn what_fails_within_a_check_makes_the_plan_cold_too() {
    let echo = Echo::new();
    let mut stack = stack(&echo, Duration::from_secs(1)).await;
    let mut blocks = blocks("two");
    blocks["check"] = json!({"note": {
        "data": blocks["data"].clone(),
        "assert": [{"condition": "${data.echo_read.this.content != \"\"}", "error_message": "empty"}],
    }});
    blocks.as_object_mut().unwrap().remove("data");
    blocks.as_object_mut().unwrap().remove("output");
    stack.tree(&echo.tree(&blocks));
    stack.warm = in_repository("one");
    fault(&mut stack, "hang:ReadDataSource");
    let planned = stack.plan(Mode::Normal).await;
    assert!(planned.warnings.is_empty(), "{:?}", planned.warnings);
    let status = stack.engine.warm_status();
    assert_eq!((status.hits, status.fallbacks), (0, 1), "{status:?}");
}

/// So that several stacks are begun only when all of them can be.
#[tokio::test]
async fn what_an_apply_needs_is_installed_before_it_is_begun() {
    let echo = Echo::new();
    let mut stack = stack(&echo, Duration::from_secs(60)).await;
    stack.warm = in_repository("one");
    let fresh = stack.dir.path().join("fresh");
    let planned = stack.plan_in(&fresh, Mode::Normal).await.unwrap();
    stack.started();
    let on_start = |command, _| {
        stack.started.lock().unwrap().push(command);
        std::future::ready(()).boxed()
    };
    let control = Control { on_start: Some(&on_start), ..Control::default() };
    let root = stack.root(&fresh);
    stack.engine.install_providers(&root, &planned, &control).await.unwrap();
    assert_eq!(stack.started(), ["init"]);
    stack.engine.apply(&root, planned, &control).await.unwrap();
    assert_eq!(stack.started(), ["apply", "output"]);
}

#[tokio::test]
async fn a_socket_that_is_removed_makes_the_plan_cold() {
    let echo = Echo::new();
    let mut stack = stack(&echo, Duration::from_secs(60)).await;
    let expected = stack.plan(Mode::Normal).await.plan;
    stack.warm = in_repository("one");
    stack.plan(Mode::Normal).await;
    let kept = pids(&stack);
    let on_start = |command, process: planwright_engine::Process| {
        if command == "plan" {
            remove_socket(process.pid);
        }
        std::future::ready(()).boxed()
    };
    let control = Control { on_start: Some(&on_start), ..Control::default() };
    let workdir = stack.workdir();
    let planned = stack.engine.plan(&stack.root(&workdir), Mode::Normal, &control).await.unwrap();
    assert_eq!(planned.plan.digest(), expected.digest());
    assert_eq!(stack.engine.warm_status().fallbacks, 1);
    // The engine kills the process that it takes for its provider, which was only told to it.
    assert!(is_running(kept[0]) || !pids(&stack).contains(&kept[0]));
}

/// The socket that this engine was told of.
fn remove_socket(engine: u32) {
    let exe = format!("/proc/{engine}/exe");
    while !fs::read_link(&exe).unwrap().ends_with("terraform") {
        std::thread::yield_now();
    }
    // For a moment it runs the program already and has no environment yet.
    let environ = loop {
        let environ = fs::read_to_string(format!("/proc/{engine}/environ")).unwrap();
        if !environ.is_empty() {
            break environ;
        }
        std::thread::yield_now();
    };
    let told = environ.split('\0').find_map(|it| it.strip_prefix("TF_REATTACH_PROVIDERS="));
    // The second time it is planned cold.
    let Some(told) = told else { return };
    let told: Json = serde_json::from_str(told).unwrap();
    for provider in told.as_object().unwrap().values() {
        fs::remove_file(provider["Addr"]["String"].as_str().unwrap()).unwrap();
    }
}
