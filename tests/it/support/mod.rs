//! Pieces that several integration tests share.

pub mod postgres;
