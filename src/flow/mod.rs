//! The use cases: the only code that joins adapters.
//!
//! A flow loads a snapshot, lets a pure function decide, and carries the answer out.

pub mod checkout;
