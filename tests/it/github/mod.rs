//! The GitHub adapter on the wire, against a stub that answers oddly on purpose.

mod calls;
mod deliveries;
mod layers;
mod official;
mod pull_request;
mod stub;
mod tokens;
mod webhook;
