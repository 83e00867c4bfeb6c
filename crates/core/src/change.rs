//! A change: what a pull request would do, what people decided about it, and how far it has come.
//!
//! A [`Change`] is a value. It is read through its [`ChangeRecord`], and only a transition
//! (`transition`) makes another one, so that its state (`state`) always follows from what is known
//! of it. The texts that people read are made from the change in the crate `view`.

mod inputs;
mod record;
mod stack;
mod state;
#[cfg(test)]
mod tests;
mod transition;
mod warning;

pub use inputs::{InputKind, Inputs};
pub use record::{Basis, ChangeRecord, CodeChange, SettingsChange};
pub use stack::{DriftCheck, NotPlanned, PlanOutcome, StackChange, StackProgress};
pub use state::ChangeState;
pub use transition::{
    Block, Change, Judgement, PlannedSet, QueuePlace, Replanned, StackAgain, Transition, WrongState,
};
pub use warning::Warning;
