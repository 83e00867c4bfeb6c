//! All integration tests in one binary: a debug link of this crate is large, so there is only one.
#![allow(
    clippy::unwrap_used,
    reason = "clippy knows only functions marked as tests, not the pieces that they share"
)]

mod cli;
mod package;
