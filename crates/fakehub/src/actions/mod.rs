//! What people and apps do to the state, by GitHub's rules: one file per noun, independent of HTTP.

pub mod access;
pub mod branches;
pub mod checks;
pub mod comments;
pub mod events;
pub mod issues;
pub mod merge;
pub mod pulls;
pub mod registration;
pub mod repositories;
pub mod reviews;
pub mod sign_in;
