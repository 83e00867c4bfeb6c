//! The GitHub adapter over HTTP, with a stub that gives odd answers on purpose.

mod calls;
mod deliveries;
mod layers;
mod official;
mod pull_request;
mod stub;
mod tokens;
mod webhook;
