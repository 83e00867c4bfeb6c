//! What tests alone do to the local GitHub and read from it: the feature `testing`.

mod acts;
mod assertions;
mod control;
mod people;

pub use crate::testing::assertions::{CommitView, DeliveryView, IssueView};
