//! Counts the outside effects of one bot, and kills it at the effect with a chosen number.
//!
//! An effect is a call that GitHub has performed but not answered yet, a write that was sent and
//! never arrived, or the start or the end of a command of the engine.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use planwright_fakehub::{Fault, Hub, Kind, Phase};

use crate::support::process::Process;

pub struct Effects {
    /// None counts only.
    kill_after: Option<usize>,
    state: Mutex<State>,
}

struct State {
    seen: Vec<String>,
    /// When the last thing happened.
    last: Instant,
    /// Where an engine is at work.
    busy: BTreeSet<String>,
    /// Where a second one has come to it.
    crowded: Vec<String>,
    bot: Option<Process>,
    killed_after: Option<String>,
}

impl Effects {
    pub fn new(kill_after: Option<usize>) -> Arc<Self> {
        let (seen, busy, crowded) = Default::default();
        let (bot, killed_after, last) = (None, None, Instant::now());
        let state = State { seen, last, busy, crowded, bot, killed_after };
        Arc::new(Self { kill_after, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Starts a bot; what it does at once is counted once it can be killed for it.
    pub fn start(&self, start: impl FnOnce() -> Process) -> String {
        let mut state = self.state();
        let bot = start();
        let address = bot.address.clone();
        state.last = Instant::now();
        state.bot = Some(bot);
        address
    }

    /// Counts an effect; whether the bot was killed after it. It is dead when this returns.
    pub fn happened(&self, effect: impl Into<String>) -> bool {
        let mut state = self.state();
        let effect = effect.into();
        state.seen.push(effect.clone());
        state.last = Instant::now();
        let is_last = self.kill_after == Some(state.seen.len());
        if is_last {
            drop(state.bot.take());
            state.killed_after = Some(effect);
        }
        is_last
    }

    /// Notes that an engine begins to work in `place`.
    pub fn enter(&self, place: &str) {
        let mut state = self.state();
        if !state.busy.insert(place.to_owned()) {
            state.crowded.push(place.to_owned());
        }
    }

    pub fn leave(&self, place: &str) {
        self.state().busy.remove(place);
    }

    /// Where two engines were at work at a time.
    pub fn crowded(&self) -> Vec<String> {
        self.state().crowded.clone()
    }

    /// For how long nothing has happened; none while the bot is dead.
    pub fn silence(&self) -> Option<Duration> {
        let state = self.state();
        state.bot.as_ref().map(|_| state.last.elapsed())
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
