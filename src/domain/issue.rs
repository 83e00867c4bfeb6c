//! An issue that asks for infrastructure: the snapshot, and how an answer to it is called.

use std::collections::BTreeSet;

use super::{
    actor::Actor,
    names::{BranchName, InvalidName, PrNumber, Sha, StackId},
};

/// The label that asks Planwright to look at an issue.
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
    /// Everyone whose words its text is made of.
    pub fn writers(&self) -> impl Iterator<Item = &Actor> {
        [&self.author].into_iter().chain(self.editor.as_ref().filter(|it| it.id != self.author.id))
    }
}

/// The branch on which the answer to an issue is proposed; the same each time it is asked for.
pub fn branch(issue: PrNumber, stack: &StackId) -> Result<BranchName, InvalidName> {
    BranchName::parse(format!("planwright/{issue}-{}", stack.to_string().replace('/', "-")))
}
