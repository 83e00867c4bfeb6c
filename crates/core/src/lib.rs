//! What Planwright believes, decides and says: pure values and functions.
//!
//! No IO, no async, no clock, no sibling module. A decision takes a snapshot (and the time, where
//! time matters) and returns a value; `jobs` carry values out.

pub mod actor;
pub mod agent;
pub mod approval;
pub mod canonical;
pub mod change;
pub mod change_set;
pub mod command;
pub mod comment;
pub mod diagnosis;
pub mod digest;
pub mod drift;
pub mod escape;
pub mod event;
pub mod finding;
pub mod inbox;
pub mod issue;
pub mod job;
pub mod markdown;
pub mod names;
pub mod plan;
pub mod provider_types;
pub mod public_url;
pub mod pull_request;
pub mod registration;
pub mod repo_config;
pub mod repository;
pub mod risk;
pub mod verdict;
