//! Webhooks: checking their signatures and parsing their payloads.
//!
//! Pure. `http` receives webhooks, the store keeps them, and `core::inbox` decides what follows.

mod payload;
mod signature;

pub use payload::{Malformed, events, parse};
pub use signature::{BadSignature, Secrets};
