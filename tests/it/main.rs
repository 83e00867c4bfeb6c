//! All integration tests in one binary: a debug link of this crate is large, so there is only one.

// Clippy sees that a function is a test, but not that it is there for tests only.
#![allow(clippy::unwrap_used)]

mod engine;
mod engine_aws;
mod support;
