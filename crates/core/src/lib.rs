//! Facts and decisions of Planwright: pure values and functions.
//!
//! No IO, no async, no clock, no other crate of ours. A decision takes a snapshot (and the time,
//! where it matters) and returns a value, which `jobs` carry out.

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
pub mod people;
pub mod plan;
pub mod proposal;
pub mod provider_types;
pub mod public_url;
pub mod pull_request;
pub mod registration;
pub mod repo_config;
pub mod repository;
pub mod risk;
pub mod strict_json;
pub mod verdict;
