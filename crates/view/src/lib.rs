//! Replies to people: values of the domain rendered as Markdown, and in no other place.
//!
//! A report becomes the one comment of a pull request and its check run; a refusal or an
//! answer becomes a reply of a few lines. Everything that came from anywhere but us goes through
//! `escape`; our own words are plain Markdown. Sending it, finding the old comment and choosing
//! when to write belong to `flow`.

mod answer;
mod change;
mod check;
mod comment;
mod marker;
mod page;
mod proposal;
mod refusal;
mod request;
mod requirement;
mod run;
mod settings;
mod stack;
mod summary;
mod value;

pub use answer::*;
pub use change::{Labels, change_lines, drift_lines, drift_word, facts, forces_replacement};
pub use check::{Annotation, CheckReport, CheckStatus, Conclusion, Level, check};
pub use comment::comment;
pub use marker::Marker;
pub use proposal::Proposal;
pub use refusal::Refusal;
pub use request::{FormLink, RequestReport, request};
pub use requirement::{first_unmet, words as requirement_words};
pub use run::{RunFacts, RunReport, RunState, reminder, unfinished};
pub use settings::change_list;
pub use stack::{not_planned, outline};
pub use summary::{counts, headline, progress_words, state_line};
pub use value::{difference_text, value_text, whole_value_text};

/// What GitHub takes as a comment, a summary of a check and its text; in UTF-16 units at least, and
/// we stay below it in bytes too, of which there are never fewer.
pub const LIMIT: usize = 65_536;

#[cfg(test)]
mod tests;
