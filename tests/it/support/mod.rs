//! Pieces that several integration tests share.

pub mod postgres;
//! What several tests need: real engines, a real API simulator, and stacks to try them on.

pub mod engine;
pub mod moto;
