//! Version 1 of what is stored as JSON in rows.

mod agent;
mod change;
mod job;
mod outbox;
mod plan;
mod run;
mod target;

pub use agent::{event_from_text, event_to_text};
pub(crate) use change::{Change, unfinished_from_text, unfinished_to_text};
pub use job::Job;
pub use outbox::{
    Annotation, AnnotationLevel, CheckRun, CheckState, Conclusion, OutboxRequest, Reaction,
};
pub(crate) use plan::Plan;
pub(crate) use run::Subject;
pub use target::Target;
