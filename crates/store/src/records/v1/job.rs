//! The payload of a job.
//!
//! The types of `core::job` exist only for the queue, so they are stored by their own serde form
//! with a version; golden rows fix that form.

use serde_json::Value as Json;

use planwright_core::job;

use crate::records::{RecordError, read, versioned};

/// The payload of a job.
pub struct Job;

impl Job {
    /// Returns the payload that is stored for a job.
    pub fn payload(job: &job::Job) -> Json {
        versioned(job)
    }

    /// Returns the job that a payload represents. Fails if this version knows no such job.
    pub fn parse(payload: &Json) -> Result<job::Job, RecordError> {
        read(payload.clone())
    }
}
