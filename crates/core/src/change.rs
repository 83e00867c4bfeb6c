//! A change: what a pull request would do, what people made of it, and how far it has come.
//!
//! A [`Change`] is a value. It is read as its [`ChangeRecord`], and only a transition makes another
//! of it (`transition`), so that where it stands always follows from what is known of it (`state`).
//! Nothing here words anything: `view` makes what people read from the change each time.

mod record;
mod stack;
mod state;
#[cfg(test)]
mod tests;
mod transition;
mod warning;

pub use record::{Basis, ChangeRecord, SettingsChange};
pub use stack::{DriftCheck, NotPlanned, PlanOutcome, StackChange, StackProgress};
pub use state::ChangeState;
pub use transition::{
    Block, Change, Judgement, PlannedSet, QueuePlace, Replanned, Transition, WrongState,
};
pub use warning::Warning;
