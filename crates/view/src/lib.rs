//! What people read: values of `core` as documents, and three renderers of a document.
//!
//! Each module makes a `Doc` from a value by pure functions: a `Change` becomes the one comment of
//! a pull request and its check run; a `Refusal` or an answer becomes a short reply. The renderers
//! are `markdown` for GitHub, `html` for the pages of the bot, and `terminal` for the command line.
//! Finding the old comment and sending the new one is left to `jobs`.

mod answer;
mod change;
mod check;
mod command;
mod comment;
mod doc;
mod html;
mod markdown;
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
mod terminal;
mod value;
mod warning;

pub use answer::*;
pub use change::{
    Labels, change_lines, drift_lines, drift_word, facts, forces_replacement, output_line,
};
pub use check::{Annotation, CheckReport, CheckStatus, Conclusion, Level, check};
pub use comment::comment;
pub use doc::{
    Block, Callout, DiffLine, Doc, Item, Mark, Marked, Sign, Span, Text, code, emphasis, foreign,
    short_code, small, strong, words,
};
pub use html::{Html, html, html_line};
pub use markdown::markdown;
pub use marker::Marker;
pub use proposal::Proposal;
pub use refusal::{Missing, Refusal};
pub use request::{FormLink, RequestReport, request};
pub use requirement::requirement_words;
pub use run::{RunFacts, RunReport, RunState, reminder};
pub use settings::setting_change;
pub use stack::{not_planned, outline};
pub use summary::{counts, headline, progress_words, state_line};
pub use terminal::{plain, terminal, terminal_line};
pub use value::{difference_text, value_text, whole_value_text};
pub use warning::{NextStep, internal_error, warning};

/// GitHub's limit for a comment, and for the summary and the text of a check. GitHub counts
/// characters; we count bytes, of which there are never fewer.
pub const LIMIT: usize = 65_536;

#[cfg(test)]
mod tests;
