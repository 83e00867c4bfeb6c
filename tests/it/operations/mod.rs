//! What operators do: register the App, check the settings, and read metrics and traces.

mod doctor;
mod metrics;
mod setup;
mod traces;
