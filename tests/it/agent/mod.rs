//! Issues in free text: a model server over HTTP, the bot, and what people see of it.

mod aimock;
mod crash;
mod guards;
mod hostile;
mod mind;
mod outside;
mod people;
pub mod story;
