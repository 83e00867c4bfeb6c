//! How long providers are kept. None outlives the bot.

use std::{
    fs, io,
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::json;

use planwright_core::repo_config::{EngineRule, Warm};
use planwright_engine::{Mode, Secrets, WarmBounds};

use super::{gone, in_repository, is_running, pids};
use crate::{
    checkout::bucket::with_bucket,
    support::{echo::Echo, engine::Stack, moto::Moto},
};

async fn stack(echo: &Echo, bounds: WarmBounds) -> Stack {
    let blocks = json!({"resource": {"echo_file": {"this": {"name": "note"}}}});
    let mut stack = echo.warm_stack("terraform", &blocks, |warm| warm.bounds = bounds).await;
    stack.warm = in_repository("one");
    stack
}

#[tokio::test]
async fn what_was_used_often_enough_or_too_long_ago_is_ended() {
    let echo = Echo::new();
    let bounds = WarmBounds { uses: 1, ..WarmBounds::default() };
    let often = stack(&echo, bounds).await;
    often.plan(Mode::Normal).await;
    assert_eq!(pids(&often), [0; 0]);
    let bounds = WarmBounds { idle: Duration::from_millis(200), ..WarmBounds::default() };
    let idle = stack(&echo, bounds).await;
    idle.plan(Mode::Normal).await;
    let kept = pids(&idle);
    assert_eq!(kept.len(), 1);
    gone(kept[0]).await;
}

#[tokio::test]
async fn one_more_than_fits_into_the_memory_ends_the_longest_idle() {
    let echo = Echo::new();
    let bounds = WarmBounds { memory: 1 << 20, ..WarmBounds::default() };
    let mut stack = stack(&echo, bounds).await;
    stack.plan(Mode::Normal).await;
    stack.warm = in_repository("another");
    stack.plan(Mode::Normal).await;
    let status = stack.engine.warm_status();
    assert!(status.processes.len() <= 1, "{status:?}");
    assert_eq!((status.hits, status.fallbacks), (2, 0), "{status:?}");
}

/// The id of a process that this one, or one of its own, has started, by the name of its program.
fn descendant(of: u32, name: &str) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{of}/task/{of}/children")).ok()?;
    children.split_whitespace().find_map(|child| {
        let child: u32 = child.parse().ok()?;
        let program = fs::read_link(format!("/proc/{child}/exe")).ok()?;
        let is_it = program.to_string_lossy().contains(name);
        // One that the engine has started itself is not meant.
        if is_it {
            Some(child)
        } else {
            descendant(child, name).filter(|_| !program.ends_with("terraform"))
        }
    })
}

#[tokio::test]
async fn a_bot_that_is_killed_leaves_no_provider_behind() {
    let moto = Moto::start();
    let repository = with_bucket("terraform", "killed", &moto);
    let mut bot = repository
        .command(&["plan", "stacks/logs"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let provider = loop {
        if let Some(provider) = descendant(bot.id(), "terraform-provider-aws") {
            break provider;
        }
        assert!(bot.try_wait().unwrap().is_none(), "it ended before it had a provider");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert!(is_running(provider));
    let dir = fs::read_link(format!("/proc/{provider}/cwd")).unwrap();
    bot.kill().unwrap();
    bot.wait().unwrap();
    gone(provider).await;
    for _ in 0..500 {
        if !dir.exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{} is left over", dir.display());
}

#[tokio::test]
async fn after_a_start_the_providers_of_what_was_planned_last_run_before_they_are_needed() {
    let echo = Echo::new();
    let mut stack = stack(&echo, WarmBounds::default()).await;
    let calls = stack.dir.path().join("calls");
    stack.env.insert("ECHO_DIR".into(), stack.dir.path().into());
    let expected = stack.plan(Mode::Normal).await.plan;
    stack.restart();
    assert_eq!(pids(&stack), [0; 0]);
    fs::remove_file(&calls).unwrap();
    stack.engine.prewarm(&stack.env, &stack.secrets).await;
    let kept = stack.engine.warm_status().processes;
    assert!(kept.len() == 1 && kept[0].is_configured, "{kept:?}");
    let ahead = fs::read_to_string(&calls).unwrap();
    assert!(ahead.contains("ConfigureProvider") && !ahead.contains("ApplyResourceChange"));
    fs::remove_file(&calls).unwrap();
    assert_eq!(stack.plan(Mode::Normal).await.plan.digest(), expected.digest());
    assert_eq!(pids(&stack), [kept[0].pid]);
    let asked = fs::read_to_string(&calls).unwrap();
    for call in ["GetProviderSchema", "ValidateProviderConfig", "ConfigureProvider"] {
        assert!(!asked.contains(call), "{call} was asked again");
    }

    stack.restart();
    let mut other = stack.env.clone();
    other.insert("CREDENTIALS".into(), "other".into());
    stack.engine.prewarm(&other, &stack.secrets).await;
    assert_eq!(pids(&stack), [0; 0], "with other credentials nothing is known of what is needed");
}

#[tokio::test]
async fn of_many_environments_only_the_latest_are_warmed_ahead() {
    let echo = Echo::new();
    let mut stack = stack(&echo, WarmBounds::default()).await;
    for i in 0..7 {
        stack.env.insert("CREDENTIALS".into(), i.to_string().into());
        stack.plan(Mode::Normal).await;
    }
    let recipes = fs::read_dir(stack.dir.path().join("work/.warm/ahead")).unwrap();
    assert_eq!(recipes.count(), 5);
}

#[tokio::test]
async fn a_directory_that_is_gone_is_not_warmed_from_and_another_takes_its_place() {
    let echo = Echo::new();
    let mut stack = stack(&echo, WarmBounds::default()).await;
    let preview = stack.dir.path().join("preview");
    for dir in [&stack.workdir(), &preview] {
        drop(stack.plan_in(dir, Mode::Normal).await.unwrap());
    }
    fs::remove_dir_all(&preview).unwrap();
    stack.restart();
    stack.engine.prewarm(&stack.env, &stack.secrets).await;
    assert_eq!(pids(&stack).len(), 1, "the preview took the place of what stays");

    drop(stack.plan_in(&preview, Mode::Normal).await.unwrap());
    fs::remove_dir_all(stack.workdir()).unwrap();
    drop(stack.plan_in(&preview, Mode::Normal).await.unwrap());
    stack.restart();
    stack.engine.prewarm(&stack.env, &stack.secrets).await;
    assert_eq!(pids(&stack).len(), 1, "what is gone kept its place");
}

#[tokio::test]
async fn a_repository_that_wants_no_kept_providers_any_more_gets_none_ahead() {
    let echo = Echo::new();
    let mut stack = stack(&echo, WarmBounds::default()).await;
    stack.plan(Mode::Normal).await;
    let off = EngineRule { warm: Warm::Off, ..EngineRule::new("*") };
    stack.warm = Some(("one".into(), off));
    stack.plan(Mode::Normal).await;
    stack.restart();
    stack.engine.prewarm(&stack.env, &stack.secrets).await;
    assert_eq!(pids(&stack), [0; 0]);
}

/// What a thread logs.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn why_nothing_was_warmed_ahead_is_logged_without_secrets() {
    let echo = Echo::new();
    let mut stack = stack(&echo, WarmBounds::default()).await;
    stack.env.insert("CREDENTIALS".into(), "hunter2222".into());
    stack.secrets = Secrets::new(["hunter2222"]);
    stack.plan(Mode::Normal).await;
    let main = stack.workdir().join("tree/main.tf.json");
    let mut tree: serde_json::Value = serde_json::from_slice(&fs::read(&main).unwrap()).unwrap();
    tree["provider"]["echo"]["reject"] = json!("it has hunter2222");
    fs::write(&main, tree.to_string()).unwrap();
    stack.restart();
    let logged = Logged::default();
    let writer = logged.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || writer.clone())
        .finish();
    {
        let _logging = tracing::subscriber::set_default(subscriber);
        stack.engine.prewarm(&stack.env, &stack.secrets).await;
    }
    let logged = String::from_utf8(logged.0.lock().unwrap().clone()).unwrap();
    assert!(
        logged.contains("not warmed ahead: ") && logged.contains("it has [secret]"),
        "{logged}"
    );
    assert!(!logged.contains("hunter2222"), "{logged}");
}
