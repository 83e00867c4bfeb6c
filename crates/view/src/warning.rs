//! Warnings as sentences.

use planwright_core::names::BranchName;

use super::doc::{Text, code, foreign};
use crate::text;

/// The number of characters of a branch's name that are shown.
const MOST: usize = 100;

/// What people can do after an internal error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// Only a plan failed.
    PlanAgain,
    /// Something may have been applied.
    ApplyAgain,
    /// A run of the agent is stuck.
    ProposeAgain,
}

/// Returns why a pull request into `base` is not planned.
pub fn other_base(base: &BranchName, trusted: Option<&BranchName>) -> Text {
    let name = |branch: &BranchName| Text::from(foreign(branch.as_str(), MOST));
    text![
        "Only pull requests into ",
        trusted.map_or("the default branch".into(), name),
        " are planned: its settings are the ones that are trusted. This one is into ",
        name(base),
        "; change its base."
    ]
}

/// Returns the message about an internal error, which the log has under `id`.
pub fn internal_error(id: &str, next: NextStep) -> Text {
    text![
        "Planwright could not finish this: something of its own went wrong, which the log has under ",
        code(id),
        ". ",
        next_step(next)
    ]
}

fn next_step(next: NextStep) -> Text {
    match next {
        NextStep::PlanAgain => {
            text!["Nothing was changed by it. ", code("/infra plan"), " tries again."]
        }
        NextStep::ApplyAgain => text![
            "Nothing of it is repeated by itself. ",
            code("/infra apply"),
            " first looks at what was done."
        ],
        NextStep::ProposeAgain => text![
            "The run goes no further; ",
            code("/infra cancel"),
            " ends it, and ",
            code("/infra propose"),
            " begins anew."
        ],
    }
}
