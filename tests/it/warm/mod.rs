//! Warm plans with real providers and both engines.

mod aws;
