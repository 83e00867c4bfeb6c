//! What a job is to do.
//!
//! The kinds of `core::job` are made for the queue and for nothing else, so they are written as they
//! stand, under a version; golden rows hold their form.

use serde_json::Value as Json;

use planwright_core::job;

use crate::records::{RecordError, read, versioned};

/// The payload of a job.
pub struct Job;

impl Job {
    /// Returns the payload that a row holds for a job.
    pub fn payload(job: &job::Job) -> Json {
        versioned(job)
    }

    /// Returns the job that a payload stands for. Fails if this version knows no such job.
    pub fn parse(payload: &Json) -> Result<job::Job, RecordError> {
        read(payload.clone())
    }
}
