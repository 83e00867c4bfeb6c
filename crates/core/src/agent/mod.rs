//! The agent: what a model may ask for, what that costs, and what became of it.
//!
//! Pure. A run is a log of events; the state of a run is a fold over them, and the next step a
//! function of that state. No model is asked here and nothing is read or written: `agent`
//! carries steps out, `model` speaks to a server. There is no call that applies, approves, merges,
//! comments, pushes, starts a process, or reads a file or a secret.

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
