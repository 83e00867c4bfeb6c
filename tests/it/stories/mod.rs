//! Stories: the whole bot, the real engine and localhub, each a sentence about what a person sees.

mod approval;
mod aws;
mod destroy;
mod failures;
mod locks;
mod commands;
mod cost;
mod main_job;
mod merging;
mod package;
mod trust;
mod webhooks;
