//! Planwright: a PR-first GitOps bot that plans, drift-checks, and applies what was approved.
//!
//! `ARCHITECTURE.md` is the map: what each module is for and whom it may import.

pub mod app;
pub mod cli;
pub mod demo;
pub mod doctor;
pub mod domain;
pub mod engine;
pub mod flow;
pub mod git;
pub mod github;
pub mod http;
pub mod localhub;
pub mod model;
pub mod package;
pub mod queue;
pub mod serve;
pub mod settings;
pub mod setup;
pub mod store;
pub mod worker;
