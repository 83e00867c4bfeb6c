//! All integration tests in one binary: a debug link of this crate is large, so there is only one.
mod cli;
mod package;
