//! Requests of the outbox: what GitHub is to show.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use planwright_core::{
    canonical::canonical,
    digest::Digest,
    names::{CommentId, Sha},
};

use super::target::Target;
use crate::records::{RecordError, read, versioned};

/// A request of the outbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutboxRequest {
    Comment {
        target: Target,
        marker: String,
        body: String,
        /// The head and the digest that the comment shows.
        shows: Option<(Sha, Digest)>,
    },
    Check {
        target: Target,
        check: CheckRun,
        /// Annotations that are already on their lines, in addition to those of `check`.
        annotated: BTreeSet<Digest>,
    },
    Reaction {
        target: Target,
        comment: CommentId,
        face: Reaction,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckRun {
    pub name: String,
    pub head: Sha,
    pub external_id: String,
    pub state: CheckState,
    pub title: String,
    pub summary: String,
    pub text: Option<String>,
    pub annotations: Vec<Annotation>,
    pub details_url: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    Queued,
    InProgress,
    Completed(Conclusion),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    Success,
    Failure,
    ActionRequired,
    Cancelled,
    TimedOut,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    pub path: String,
    pub start_line: u32,
    pub end_line: u32,
    pub annotation_level: AnnotationLevel,
    pub title: String,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnnotationLevel {
    Notice,
    Warning,
    Failure,
}

/// Our reaction to a comment that gives a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reaction {
    Seen,
    Done,
    Refused,
}

impl OutboxRequest {
    /// Returns the JSON that is stored.
    pub fn to_json(&self) -> Json {
        versioned(self)
    }

    /// Reads a request. Fails if this version knows no such request.
    pub fn parse(json: &Json) -> Result<Self, RecordError> {
        read(json.clone())
    }
}

impl Annotation {
    /// Returns the digest by which a request records that an annotation is on its line.
    pub fn digest(&self) -> Digest {
        Digest::sha256(canonical(self).as_bytes())
    }
}
