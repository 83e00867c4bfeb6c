//! What Planwright believes, decides and says: pure values and functions.
//!
//! No IO, no async, no clock, no sibling module. A decision takes a snapshot (and the time, where
//! time matters) and returns a value; `flow` carries values out.

pub mod digest;
pub mod finding;
pub mod names;
pub mod plan;
pub mod repo_config;
