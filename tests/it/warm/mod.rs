//! Warm plans with real providers and both engines. They equal the cold ones, and are only faster.

mod bounds;
mod equality;
mod faults;
mod sharing;

use std::time::Duration;

use planwright_core::repo_config::EngineRule;

use crate::support::engine::Stack;

/// What a stack of this repository shares with others of it.
fn in_repository(name: &str) -> Option<(String, EngineRule)> {
    Some((name.into(), EngineRule::new("*")))
}

/// The ids of the providers that are kept.
fn pids(stack: &Stack) -> Vec<u32> {
    stack.engine.warm_status().processes.iter().map(|kept| kept.pid).collect()
}

/// Whether a process of this id does anything yet.
fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| state != 'Z')
}

/// Waits until it does not.
async fn gone(pid: u32) {
    for _ in 0..500 {
        if !is_running(pid) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{pid} is still there");
}
