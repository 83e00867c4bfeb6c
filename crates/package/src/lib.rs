//! Infrastructure packages: pure functions from the files of a package and a stack to the tree that
//! the engine runs.
//!
//! Files are read through [`files::Files`]; only [`source`] has files of its own, the packages
//! compiled into the binary. No engine, no git, no clock: where the date matters it is an argument.

#![warn(unreachable_pub)]

pub mod affected;
pub mod content;
mod contract;
pub mod credentials;
mod document;
pub mod edit;
mod expression;
pub mod files;
pub mod form;
pub mod literal;
pub mod loaded_package;
pub mod lock;
pub mod manifest;
mod module_code;
mod module_risk;
mod modules;
pub mod overrides;
pub mod own_code;
mod params;
pub mod prepare;
pub mod provider_usage;
pub mod render;
pub mod repository;
pub mod resolve;
pub mod schema;
mod schema_error;
pub mod search;
pub mod source;
pub mod stack;
pub mod suggest;
mod types;
mod variant;
pub mod yaml;
mod yaml_edit;

pub use affected::affected;
pub use prepare::{Prepared, Trusted};

use planwright_core::finding::Finding;

/// A value, or everything that is wrong with its input.
pub type Checked<T> = Result<T, Vec<Finding>>;
