//! Stories: the whole bot with the real engine and fakehub. Each test says what a person sees.

mod approval;
mod aws;
mod code;
mod commands;
mod comments;
mod cost;
mod destroy;
mod failures;
mod late;
mod locks;
mod lost;
mod main_job;
mod merging;
mod module_code;
mod package;
mod pages;
mod people;
mod requests;
mod settings;
mod trust;
mod versions;
mod webhooks;
