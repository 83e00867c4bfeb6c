//! An issue that asks for infrastructure, and the name of the branch that answers it.

use std::collections::BTreeSet;

use super::{
    actor::Actor,
    names::{BranchName, InvalidName, PrNumber, Sha, StackId},
};

/// The label that asks Planwright to handle an issue, unless the settings name another.
pub const LABEL: &str = "planwright";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    pub number: PrNumber,
    pub title: String,
    pub body: String,
    pub is_open: bool,
    pub author: Actor,
    /// Who last changed the text, if anybody did.
    pub editor: Option<Actor>,
    pub labels: BTreeSet<String>,
    /// The default branch and its commit.
    pub base_ref: BranchName,
    pub base: Sha,
}

impl Issue {
    /// Returns everyone who wrote the text of the issue.
    pub fn writers(&self) -> impl Iterator<Item = &Actor> {
        [&self.author].into_iter().chain(self.editor.as_ref().filter(|it| it.id != self.author.id))
    }
}

/// Returns whether `label` is among the labels. GitHub ignores their case.
pub fn is_labeled<'a>(labels: impl IntoIterator<Item = &'a String>, label: &str) -> bool {
    labels.into_iter().any(|other| other.to_lowercase() == label.to_lowercase())
}

/// Returns the branch on which the answer to an issue is proposed. It is always the same for the
/// same issue and stack.
pub fn branch(issue: PrNumber, stack: &StackId) -> Result<BranchName, InvalidName> {
    BranchName::parse(format!("planwright/{issue}-{}", stack.to_string().replace('/', "-")))
}
