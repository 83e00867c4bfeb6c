//! All integration tests in one binary: a debug link of this crate is large, so there is only one.
#![allow(
    clippy::unwrap_used,
    reason = "clippy knows only functions marked as tests, not their pieces"
)]
mod store;
mod support;
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod git;
mod github;
mod http;
mod localhub;

// Clippy sees that a function is a test, but not that it is there for tests only.
#![allow(clippy::unwrap_used)]

mod engine;
mod engine_aws;
mod support;
