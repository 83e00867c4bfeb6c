//! Whether a branch may become a proposal of the bot.
//!
//! Its name can be foreseen, and everyone with write access, workflows included, can make it first.
//! So a branch is only used if the bot remembers to have made it, and for what it made of it.

use super::names::{PrNumber, Sha};

/// A branch that the bot made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnBranch {
    /// The commit at which it was made.
    pub base: Sha,
    /// What the bot committed to it last; `None` before the first commit.
    pub head: Option<Sha>,
    /// The pull request that was opened from it.
    pub pull_request: Option<PrNumber>,
}

impl OwnBranch {
    /// Returns where the bot left it.
    pub fn tip(&self) -> &Sha {
        self.head.as_ref().unwrap_or(&self.base)
    }
}

/// A branch that is to become a proposal.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    pub head: &'a Sha,
    /// What is remembered of it.
    pub own: Option<&'a OwnBranch>,
    /// The head that the run of the agent published, which goes on with it.
    pub published: Option<&'a Sha>,
    /// Whether all edits are on it.
    pub is_complete: bool,
    /// Whether only the edits were added since the bot left it.
    pub is_exact: bool,
}

/// What is to be done with a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The edits are to be committed to it.
    Build,
    /// It is the proposal already.
    Complete,
    /// It is somebody else's, or about something else.
    Taken,
}

/// Decides what is to be done with a branch.
pub fn place(found: &Found<'_>) -> Place {
    let is_untouched = |own: &OwnBranch| own.head.is_none() && own.base == *found.head;
    let is_published = found.published == Some(found.head);
    match found.own {
        _ if is_published && found.is_complete => Place::Complete,
        _ if is_published => Place::Build,
        None => Place::Taken,
        Some(own) if found.is_complete => {
            // A commit of ours whose answer was lost, or what people made of our pull request.
            let is_left = own.tip() == found.head || found.is_exact;
            if is_left || own.pull_request.is_some() { Place::Complete } else { Place::Taken }
        }
        Some(own) if is_untouched(own) => Place::Build,
        Some(_) => Place::Taken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha(digit: &str) -> Sha {
        Sha::parse(digit.repeat(40)).unwrap()
    }

    #[test]
    fn a_branch_is_used_only_for_what_the_bot_made_of_it() {
        let own = |head: Option<&str>, pull_request: Option<i64>| OwnBranch {
            base: sha("a"),
            head: head.map(sha),
            pull_request: pull_request.map(PrNumber),
        };
        let (fresh, left, open) = (own(None, None), own(Some("b"), None), own(Some("b"), Some(3)));
        // Head, what is remembered, what was published, whether it is complete and exact.
        for (head, own, published, content, expected) in [
            ("a", None, None, (false, true), Place::Taken),
            ("b", None, None, (true, false), Place::Taken),
            ("b", None, None, (true, true), Place::Taken),
            ("a", Some(&fresh), None, (false, true), Place::Build),
            ("b", Some(&fresh), None, (true, true), Place::Complete),
            ("b", Some(&fresh), None, (true, false), Place::Taken),
            ("b", Some(&fresh), None, (false, false), Place::Taken),
            ("b", Some(&left), None, (true, false), Place::Complete),
            ("b", Some(&left), None, (false, false), Place::Taken),
            ("c", Some(&left), None, (true, false), Place::Taken),
            ("c", Some(&open), None, (true, false), Place::Complete),
            ("c", Some(&open), None, (false, false), Place::Taken),
            ("b", None, Some("b"), (false, false), Place::Build),
            ("b", None, Some("b"), (true, false), Place::Complete),
            ("c", None, Some("b"), (true, true), Place::Taken),
        ] {
            let (head, published) = (sha(head), published.map(sha));
            let (is_complete, is_exact) = content;
            let published = published.as_ref();
            let found = Found { head: &head, own, published, is_complete, is_exact };
            assert_eq!(place(&found), expected, "{found:?}");
        }
    }
}
