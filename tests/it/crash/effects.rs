//! The outside effects of one bot, counted; after the k-th of them it is killed in place.
//!
//! An effect is a call that GitHub has answered (the answer not heard yet), a write that was sent and
//! never arrived, and the start and the end of each command of the engine.

use std::sync::{Arc, Mutex, MutexGuard};

use planwright::localhub::{Fault, Hub, Kind, Phase};

use super::process::Process;

pub struct Effects {
    /// None counts only.
    kill_after: Option<usize>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    seen: Vec<String>,
    bot: Option<Process>,
    killed_after: Option<String>,
}

impl Effects {
    pub fn new(kill_after: Option<usize>) -> Arc<Self> {
        Arc::new(Self { kill_after, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Starts a bot; what it does at once is counted once it can be killed for it.
    pub fn start(&self, start: impl FnOnce() -> Process) -> String {
        let mut state = self.state();
        let bot = start();
        let address = bot.address.clone();
        state.bot = Some(bot);
        address
    }

    /// Counts an effect; whether the bot was killed after it. It is dead when this returns.
    pub fn happened(&self, effect: impl Into<String>) -> bool {
        let mut state = self.state();
        let effect = effect.into();
        state.seen.push(effect.clone());
        let is_last = self.kill_after == Some(state.seen.len());
        if is_last {
            drop(state.bot.take());
            state.killed_after = Some(effect);
        }
        is_last
    }

    /// Counts what arrives at `hub` from now on.
    pub fn watch(self: &Arc<Self>, hub: &Hub) {
        let (effects, faulty) = (self.clone(), hub.clone());
        hub.on_effect(move |phase, call| {
            let is_write = call.is_write() && call.kind != Kind::Token;
            let operation = &call.operation;
            match phase {
                Phase::Received if !is_write => {}
                Phase::Received => {
                    if effects.happened(format!("{operation}, which never arrives")) {
                        faulty.fail(operation, 1, Fault::TimeOut);
                    }
                }
                Phase::Performed => drop(effects.happened(operation.clone())),
            }
        });
    }

    pub fn killed_after(&self) -> Option<String> {
        self.state().killed_after.clone()
    }

    pub fn seen(&self) -> Vec<String> {
        self.state().seen.clone()
    }

    /// Ends the bot that runs, for good.
    pub fn end(&self) {
        drop(self.state().bot.take());
    }
}
