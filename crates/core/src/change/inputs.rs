//! What the plan of a stack is made from.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// All that a plan is made from, apart from the state of the resources and the settings.
///
/// An approval is bound to it as well: a command that an apply runs beside the resources can use a
/// value that no plan shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    /// The digest of the rendered files.
    pub files: Digest,
    pub lock: Digest,
    /// The name and the exact version of the engine.
    pub engine: String,
}

/// One part of the inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum InputKind {
    Files,
    Lock,
    Engine,
}

impl Inputs {
    /// Returns the digest of a plan together with its inputs.
    pub fn digest_with(&self, plan: &Digest) -> Digest {
        let parts = [plan.as_str(), self.files.as_str(), self.lock.as_str(), self.engine.as_str()];
        Digest::of_parts("v1", parts.map(str::as_bytes))
    }

    /// Returns the parts in which the inputs differ.
    pub fn differences(&self, other: &Self) -> Vec<InputKind> {
        let parts = [
            (InputKind::Files, self.files != other.files),
            (InputKind::Lock, self.lock != other.lock),
            (InputKind::Engine, self.engine != other.engine),
        ];
        parts.into_iter().filter_map(|(kind, differs)| differs.then_some(kind)).collect()
    }
}
