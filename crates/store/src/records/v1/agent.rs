//! Events in the log of an agent run.
//!
//! The hash of an entry is computed over this text as it was stored. The event itself is stored by
//! the serde form of `core::agent::event`.

use planwright_core::{agent::event::Event, canonical::canonical};

use crate::records::{RecordError, read, versioned};

/// Returns the text that is stored for an event.
pub fn event_to_text(event: &Event) -> String {
    canonical(&versioned(event))
}

/// Returns the event that is stored as `text`.
pub fn event_from_text(text: &str) -> Result<Event, RecordError> {
    read(serde_json::from_str(text)?)
}
