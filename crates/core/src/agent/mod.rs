//! The agent: what a model may call, what that costs, and the state of a run.
//!
//! Everything here is pure. A run is a log of events; its state is a fold over them, and its next
//! step is a function of that state. The module `agent` of the root package carries steps out, and
//! the crate `model` talks to a model's server. No call applies, approves, merges, comments,
//! pushes, starts a process, or reads a file or a secret.

pub mod budget;
pub mod call;
pub mod event;
pub mod gate;
pub mod json;
pub mod problem;
pub mod prompt;
pub mod run;
#[cfg(test)]
pub mod sample;
pub mod scope;
pub mod visible;
