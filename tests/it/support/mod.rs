//! What several tests need: real engines, a real API simulator, real Postgres, and stacks to try
//! them on.

pub mod bot;
pub mod browser;
pub mod collector;
pub mod echo;
pub mod engine;
pub mod model;
pub mod moto;
pub mod postgres;
pub mod process;
pub mod program;
pub mod starts;
pub mod variations;
pub mod world;
