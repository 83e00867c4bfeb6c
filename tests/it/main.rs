//! All integration tests in one binary, because linking a debug build takes long.
#![allow(
    clippy::unwrap_used,
    reason = "clippy knows only functions marked as tests, not the pieces that they share"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "the tests are the rim: they start programs, make clients and read the clock"
)]

mod addresses;
mod agent;
mod checkout;
mod cli;
mod crash;
mod deploy;
mod docs;
mod engine;
mod engine_echo;
mod fakehub;
mod git;
mod github;
mod http;
mod operations;
mod package;
mod serve;
mod store;
mod stories;
mod support;
mod tidy;
mod warm;
