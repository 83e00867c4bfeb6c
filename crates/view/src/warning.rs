//! Warnings as sentences.

use planwright_core::{
    change::{InputKind, Warning},
    names::{BranchName, StackId},
    people::UnknownHand,
};

use super::{
    doc::{Item, Text, code, foreign, more},
    settings::setting_change,
};
use crate::text;

/// The number of characters of a branch's name that are shown.
const MOST: usize = 100;

/// The number of unknown hands that are told.
const MOST_HANDS: usize = 5;

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

/// Returns a warning about a change, with its details below it.
pub fn warning(warning: &Warning) -> Item {
    match warning {
        Warning::SelfApproval => Item::new(text![
            "Whoever shaped a change may approve it here: ",
            code("approvals.self"),
            " is on in ",
            code("planwright.yaml"),
            "."
        ]),
        Warning::UnknownHands(hands) => unknown_hands(hands),
        Warning::SettingsChanged(changes) => Item {
            below: changes.iter().map(setting_change).map(Item::new).collect(),
            ..Item::new(text![
                code("planwright.yaml"),
                " has changed since this was planned, and it is judged by what holds now:"
            ])
        },
        Warning::OtherInputs { stack, inputs } => Item::new(other_inputs(stack, inputs)),
        Warning::OtherBase { base, trusted } => Item::new(other_base(base, trusted.as_ref())),
        Warning::InternalError { id } => Item::new(internal_error(id, NextStep::PlanAgain)),
        Warning::Other(text) => Item::new(foreign(text, 300)),
    }
}

/// Returns of what of a change nobody knows who did it, and how it is told.
fn unknown_hands(hands: &[UnknownHand]) -> Item {
    let told = hands.iter().take(MOST_HANDS).map(|hand| match hand {
        UnknownHand::Commit(commit) => text![
            "commit ",
            commit,
            ": its author or committer is no person, or has an e-mail address that belongs to no \
             account, and nobody with write access is known to have pushed it"
        ],
        UnknownHand::Opener => "the pull request: it was not opened by a person".into(),
        UnknownHand::NobodyAsked => "the pull request: nobody is known who asked for it".into(),
    });
    let mut below: Vec<Item> = told.map(Item::new).collect();
    below.extend(more(hands.len(), MOST_HANDS).map(Item::more));
    Item {
        below,
        ..Item::new(text![
            "It takes one approval more, because nobody knows who made this. Somebody with write \
             access who pushes such a commit answers for it, with no approval of their own:"
        ])
    }
}

/// Returns how what a stack is planned from differs from what was approved.
fn other_inputs(stack: &StackId, inputs: &[InputKind]) -> Text {
    if inputs == [InputKind::Engine] {
        return text![
            code(stack),
            " is planned with another version of the engine than the approved plan, so the plan is to \
             be confirmed."
        ];
    }
    let part = |input: &InputKind| match input {
        InputKind::Files => "other files",
        InputKind::Lock => "another lock",
        InputKind::Engine => "another version of the engine",
    };
    let parts = Text::join(inputs.iter().map(|input| part(input).into()), ", ");
    text![
        "What was merged is not what was approved: ",
        code(stack),
        " is planned from ",
        parts,
        ". Read the merge before you confirm it; commands that an apply runs may use values that no \
         plan shows."
    ]
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
