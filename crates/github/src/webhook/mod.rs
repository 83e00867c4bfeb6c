//! Webhooks as GitHub sends them: whether one is genuine, and what it says.
//!
//! Pure. Receiving is `http`'s, storing the store's; what an event leads to is decided by `core::inbox`.

mod payload;
mod signature;

pub use payload::{Malformed, events, parse};
pub use signature::{BadSignature, Secrets};
