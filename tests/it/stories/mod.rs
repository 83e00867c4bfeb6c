//! Stories: the whole bot, the real engine and localhub, each a sentence about what a person sees.

mod approval;
mod main_job;
mod trust;
