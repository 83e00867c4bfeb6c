//! Issues in free text: the bot with a model server over HTTP, and what people see.

mod aimock;
mod crash;
mod guards;
mod hostile;
mod mind;
mod outside;
mod people;
pub mod story;
