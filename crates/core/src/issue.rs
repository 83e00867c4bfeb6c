//! An issue that asks for infrastructure: the snapshot, and how an answer to it is called.

use std::collections::BTreeSet;

use super::{
    actor::Actor,
    names::{BranchName, InvalidName, PrNumber, Sha, StackId},
};

/// The label that asks Planwright to look at an issue, where the settings name no other.
pub const LABEL: &str = "planwright";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    pub number: PrNumber,
    pub title: String,
    pub body: String,
    pub is_open: bool,
    pub author: Actor,
    /// Who changed its text last, if anybody did.
    pub editor: Option<Actor>,
    pub labels: BTreeSet<String>,
    /// The default branch, and the commit there.
    pub base_ref: BranchName,
    pub base: Sha,
}

impl Issue {
    /// Returns everyone whose words its text is made of.
    pub fn writers(&self) -> impl Iterator<Item = &Actor> {
        [&self.author].into_iter().chain(self.editor.as_ref().filter(|it| it.id != self.author.id))
    }
}

/// Returns whether `label` is among those of an issue; to GitHub its case is of no account.
pub fn is_labeled<'a>(labels: impl IntoIterator<Item = &'a String>, label: &str) -> bool {
    labels.into_iter().any(|other| other.to_lowercase() == label.to_lowercase())
}

/// Returns the branch on which the answer to an issue is proposed; the same each time it is asked
/// for.
pub fn branch(issue: PrNumber, stack: &StackId) -> Result<BranchName, InvalidName> {
    BranchName::parse(format!("planwright/{issue}-{}", stack.to_string().replace('/', "-")))
}
