//! Planwright: a PR-first GitOps bot that plans, drift-checks, and applies what was approved.
//!
//! The map, top to bottom; a module imports downwards only (`tests/it/tidy.rs` enforces the table):
pub mod cli;
pub mod domain;
pub mod flow;
pub mod package;
