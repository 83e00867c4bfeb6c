//! An event in the log of a run of the agent.
//!
//! The hash of an entry is over this text as it was stored. The event inside is written in the words
//! of `core::agent::event`.

use planwright_core::{agent::event::Event, canonical::canonical};

use crate::records::{RecordError, read, versioned};

/// The text that a row holds for an event.
pub fn event_to_text(event: &Event) -> String {
    canonical(&versioned(event))
}

/// The event that stands in a row as `text`.
pub fn event_from_text(text: &str) -> Result<Event, RecordError> {
    read(serde_json::from_str(text)?)
}
