//! Planwright: a PR-first GitOps bot that plans, checks for drift, and applies what was approved.
//!
//! `ARCHITECTURE.md` describes what each module is for and which others it may import.

pub mod agent;
pub mod app;
pub mod checkout;
pub mod cli;
#[cfg(feature = "demo")]
pub mod demo;
pub mod doctor;
pub mod flow;
pub mod http;
pub mod jobs;
pub mod metrics;
pub mod queue;
pub mod retention;
pub mod serve;
pub mod settings;
pub mod setup;
pub mod telemetry;
pub mod worker;
