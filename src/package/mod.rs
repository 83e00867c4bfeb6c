//! Infrastructure packages.

pub mod content;
pub mod files;
mod meant;
mod mistake;
pub mod schema;
pub mod yaml;
