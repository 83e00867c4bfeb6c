//! Infrastructure packages: from the files of a package and of a stack to the tree that the engine
//! runs, as pure functions.
//!
//! Reading goes through [`files::Files`]; only [`source`] has bytes of its own, those compiled into
//! the binary. No engine, no git, no clock: where a day matters it is an argument.

pub mod affected;
pub mod content;
pub mod contract;
pub mod credentials;
pub mod document;
pub mod edit;
pub mod expression;
pub mod files;
pub mod form;
pub mod literal;
pub mod lock;
pub mod manifest;
pub mod meant;
mod mistake;
pub mod modules;
pub mod overrides;
pub mod params;
pub mod prepare;
pub mod render;
pub mod repository;
pub mod resolve;
pub mod schema;
pub mod search;
pub mod source;
pub mod stack;
pub mod types;
pub mod unpacked;
pub mod uses;
pub mod variant;
pub mod yaml;
pub mod yaml_edit;

pub use affected::affected;
pub use prepare::{Prepared, Trusted};

use planwright_core::finding::Finding;

/// A value, or everything that is wrong with what it was to be made from.
pub type Checked<T> = Result<T, Vec<Finding>>;
