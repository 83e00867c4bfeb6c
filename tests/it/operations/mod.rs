//! What whoever runs the bot does with it: registering the App, settings, the doctor.

mod doctor;
mod metrics;
mod setup;
mod traces;
