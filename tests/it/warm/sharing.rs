//! Which plans share a provider process: nobody gets another's, or one that is half configured.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value as Json, json};

use planwright_core::repo_config::{EngineRule, Warm};
use planwright_engine::{Control, Error, Limits, Mode, Root, Sharing, WarmBounds};

use super::{faults::fault, in_repository, pids};
use crate::support::{echo::Echo, engine::Stack};

fn file() -> Json {
    json!({"resource": {"echo_file": {"this": {"name": "note"}}}})
}

/// A stack whose provider may be kept and writes down its calls.
async fn stack(echo: &Echo) -> Stack {
    noting(echo.warm_stack("terraform", &file(), |_| ()).await)
}

fn noting(mut stack: Stack) -> Stack {
    stack.warm = in_repository("one");
    stack.env.insert("ECHO_DIR".into(), stack.dir.path().into());
    stack
}

fn calls_file(stack: &Stack) -> PathBuf {
    stack.dir.path().join("calls")
}

/// Which processes were asked this since the start, each as often as it was.
fn asked(stack: &Stack, call: &str) -> Vec<u32> {
    let text = fs::read_to_string(calls_file(stack)).unwrap_or_default();
    let calls = text.lines().filter_map(|line| line.split_once(' '));
    calls.filter(|(_, asked)| *asked == call).map(|(pid, _)| pid.parse().unwrap()).collect()
}

/// Waits until a fault has struck.
async fn struck(fault: &Path) {
    while fault.exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn another_repository_gets_another_process_and_other_credentials_other_answers_too() {
    let echo = Echo::new();
    let mut stack = stack(&echo).await;
    for _ in 0..2 {
        stack.plan(Mode::Normal).await;
    }
    assert_eq!(pids(&stack).len(), 1);
    stack.warm = in_repository("another");
    stack.plan(Mode::Normal).await;
    assert_eq!(pids(&stack).len(), 2);
    assert_eq!(asked(&stack, "ConfigureProvider"), pids(&stack));
    // What depends on nothing but the provider and its environment is asked once.
    for call in ["GetProviderSchema", "ValidateProviderConfig"] {
        assert_eq!(asked(&stack, call).len(), 1, "{call}");
    }
    stack.env.insert("CREDENTIALS".into(), "other".into());
    stack.plan(Mode::Normal).await;
    assert_eq!(pids(&stack).len(), 3);
    assert_eq!(asked(&stack, "ConfigureProvider"), pids(&stack));
    for call in ["GetProviderSchema", "ValidateProviderConfig"] {
        assert_eq!(asked(&stack, call).len(), 2, "{call}");
    }
    let file = stack.dir.path().join("credentials");
    for text in ["first", "second"] {
        fs::write(&file, text).unwrap();
        stack.env.insert("CREDENTIALS_FILE".into(), file.clone().into());
        stack.plan(Mode::Normal).await;
    }
    assert_eq!(pids(&stack).len(), 5);
    let status = stack.engine.warm_status();
    assert_eq!((status.hits, status.fallbacks), (6, 0), "{status:?}");
}

#[tokio::test]
async fn nothing_is_kept_where_the_repository_or_the_settings_do_not_allow_it() {
    let echo = Echo::new();
    let mut stack = stack(&echo).await;
    let all = EngineRule::new("*");
    let off = EngineRule { warm: Warm::Off, ..all.clone() };
    let other = EngineRule { warm_providers: Some(vec!["hashicorp/aws".into()]), ..all.clone() };
    for rule in [off, other] {
        stack.warm = Some(("one".into(), rule));
        stack.plan(Mode::Normal).await;
        assert_eq!(stack.engine.warm_status(), Default::default());
    }
    let mut untrusted = noting(
        echo.warm_stack("terraform", &file(), |warm| {
            warm.providers = ["hashicorp/aws".to_owned()].into();
        })
        .await,
    );
    untrusted.warm = Some(("one".into(), all));
    untrusted.plan(Mode::Normal).await;
    assert_eq!(untrusted.engine.warm_status(), Default::default());
}

#[tokio::test]
async fn a_process_that_refused_its_configuration_is_nobodys() {
    let echo = Echo::new();
    let mut stack = stack(&echo).await;
    let late = echo.path().join("late");
    let mut tree = echo.tree(&file());
    tree["provider"]["echo"]["path"] = json!(late);
    stack.tree(&tree);
    let refused = stack.plan_in(&stack.workdir(), Mode::Normal).await.unwrap_err();
    assert!(refused.to_string().contains("No such directory"), "{refused}");
    fs::create_dir(&late).unwrap();
    stack.plan(Mode::Normal).await;
    let status = stack.engine.warm_status();
    assert_eq!((status.hits, status.fallbacks), (1, 1), "{status:?}");
}

#[tokio::test]
async fn a_process_that_is_half_configured_is_nobodys() {
    let echo = Echo::new();
    let mut stack = stack(&echo).await;
    let fault = fault(&mut stack, "hang:ConfigureProvider");
    let workdir = stack.workdir();
    tokio::select! {
        planned = stack.plan_in(&workdir, Mode::Normal) => panic!("{planned:?}"),
        () = struck(&fault) => {}
    }
    stack.plan(Mode::Normal).await;
    let configured = asked(&stack, "ConfigureProvider");
    assert_eq!(configured.len(), 2);
    assert_eq!(configured.iter().collect::<BTreeSet<_>>().len(), 2, "{configured:?}");
}

#[tokio::test]
async fn two_configurations_in_one_stack_are_two_processes() {
    let echo = Echo::new();
    let west = echo.path().join("west");
    fs::create_dir(&west).unwrap();
    fs::write(west.join("note.json"), r#"{"content": "west"}"#).unwrap();
    echo.write("note", &json!({"content": "east"}));
    let mut tree = echo.tree(&json!({
        "data": {"echo_read": {
            "east": {"name": "note"},
            "west": {"name": "note", "provider": "echo.west"},
        }},
        "output": {"both": {
            "value": "${data.echo_read.east.content}, ${data.echo_read.west.content}",
        }},
    }));
    tree["provider"]["echo"] = json!([{"path": echo.path()}, {"alias": "west", "path": west}]);
    let mut stack = stack(&echo).await;
    stack.tree(&tree);
    for _ in 0..2 {
        let plan = stack.plan(Mode::Normal).await.plan;
        let told = serde_json::to_string(&plan).unwrap();
        assert!(told.contains("east, west"), "{told}");
    }
    assert_eq!(asked(&stack, "ConfigureProvider").len(), 2);
    let status = stack.engine.warm_status();
    assert_eq!((status.hits, status.fallbacks, status.processes.len()), (2, 0, 2), "{status:?}");
}

#[tokio::test]
async fn a_plan_that_is_cancelled_is_not_made_cold_and_stops_no_provider() {
    let echo = Echo::new();
    let mut stack = stack(&echo).await;
    let fault = fault(&mut stack, "slow:PlanResourceChange:1.5");
    let control = Control::default();
    let workdir = stack.workdir();
    let root = stack.root(&workdir);
    let cancelled = async {
        struck(&fault).await;
        control.cancel.cancel();
    };
    let (planned, ()) = tokio::join!(stack.engine.plan(&root, Mode::Normal, &control), cancelled);
    assert!(matches!(planned, Err(Error::Cancelled { command: "plan" })), "{planned:?}");
    let status = stack.engine.warm_status();
    assert_eq!((status.hits, status.fallbacks), (0, 0), "{status:?}");
    let kept = pids(&stack);
    assert_eq!(kept.len(), 1);
    stack.plan(Mode::Normal).await;
    assert_eq!(pids(&stack), kept);
    assert_eq!(asked(&stack, "StopProvider"), [0; 0]);
    assert_eq!(asked(&stack, "ConfigureProvider"), kept);
}

/// An engine that is killed leaves the lock of its state behind.
#[tokio::test]
async fn a_call_that_hangs_is_broken_off_when_its_plan_is_cancelled() {
    let echo = Echo::new();
    let mut stack = stack(&echo).await;
    let fault = fault(&mut stack, "hang:PlanResourceChange");
    let control = Control::default();
    let workdir = stack.workdir();
    let root = stack.root(&workdir);
    let state = PathBuf::from(&stack.backend.config["path"]);
    let lock = state
        .with_file_name(format!(".{}.lock.info", state.file_name().unwrap().to_string_lossy()));
    let cancelled = async {
        struck(&fault).await;
        assert!(lock.exists(), "{}", lock.display());
        control.cancel.cancel();
    };
    let (planned, ()) = tokio::join!(stack.engine.plan(&root, Mode::Normal, &control), cancelled);
    assert!(matches!(planned, Err(Error::Cancelled { command: "plan" })), "{planned:?}");
    assert!(!lock.exists(), "{} is left over", lock.display());
}

#[tokio::test]
async fn a_call_that_hangs_leaves_a_plan_time_to_be_made_cold() {
    let echo = Echo::new();
    let limits = Limits { plan: Duration::from_secs(12), ..Limits::default() };
    let mut stack =
        noting(echo.stack_with("terraform", &file(), |settings| settings.limits = limits).await);
    fault(&mut stack, "hang:PlanResourceChange");
    stack.plan(Mode::Normal).await;
    let status = stack.engine.warm_status();
    assert_eq!((status.hits, status.fallbacks), (0, 1), "{status:?}");
    stack.plan(Mode::Normal).await;
    let configured = asked(&stack, "ConfigureProvider");
    // The one that hung, that of the engine itself, and a new one.
    assert_eq!(configured.iter().collect::<BTreeSet<_>>().len(), 3, "{configured:?}");
}

#[tokio::test]
async fn a_plan_for_whose_provider_there_is_no_memory_is_made_cold() {
    let echo = Echo::new();
    let bounds = WarmBounds { memory: 1 << 20, ..WarmBounds::default() };
    let mut stack =
        noting(echo.warm_stack("terraform", &file(), |warm| warm.bounds = bounds).await);
    let fault = fault(&mut stack, "hang:PlanResourceChange");
    let (one, two) = (stack.workdir(), stack.dir.path().join("two"));
    let rule = EngineRule::new("*");
    let another = Sharing { repository: "another", rule: &rule };
    // The first one holds the lock of its state.
    let mut backend = stack.backend.clone();
    backend.config.insert("path".into(), two.with_extension("tfstate").display().to_string());
    let root = Root { warm: Some(another), backend: &backend, ..stack.root(&two) };
    let control = Control::default();
    let second = async {
        struck(&fault).await;
        stack.engine.plan(&root, Mode::Normal, &control).await.unwrap()
    };
    tokio::select! {
        planned = stack.plan_in(&one, Mode::Normal) => panic!("{planned:?}"),
        planned = second => assert_eq!(planned.plan.resources.len(), 1),
    }
    let status = stack.engine.warm_status();
    assert_eq!((status.hits, status.fallbacks), (0, 1), "{status:?}");
    assert!(status.last_fallback.unwrap().contains("all in use"));
}

#[tokio::test]
async fn two_that_come_at_once_get_one_process() {
    let echo = Echo::new();
    let stack = stack(&echo).await;
    let dirs = BTreeMap::from([0, 1].map(|i| (i, stack.dir.path().join(i.to_string()))));
    let (one, two) = tokio::join!(
        stack.plan_in(&dirs[&0], Mode::Normal),
        stack.plan_in(&dirs[&1], Mode::Normal)
    );
    assert_eq!(one.unwrap().plan.digest(), two.unwrap().plan.digest());
    assert_eq!(asked(&stack, "ConfigureProvider"), pids(&stack));
    assert_eq!(pids(&stack).len(), 1);
}
