//! What only tests do with the local GitHub and read from it (feature `testing`).

mod acts;
mod assertions;
mod control;
mod people;

pub use crate::testing::assertions::{CommitView, DeliveryView, IssueView};
