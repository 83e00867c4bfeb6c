//! Warm plans, with real providers and both engines: they are the cold ones, only sooner.

mod aws;

use planwright::domain::repo_config::EngineRule;

use crate::support::engine::Stack;

/// What a stack of this repository shares with others of it.
fn in_repository(name: &str) -> Option<(String, EngineRule)> {
    Some((name.into(), EngineRule::of("*")))
}

/// The ids of the providers that are kept.
fn pids(stack: &Stack) -> Vec<u32> {
    stack.engine.warm_status().processes.iter().map(|kept| kept.pid).collect()
}
