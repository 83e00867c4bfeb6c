//! Answers to commands that do not change the report: help, status, drift and unlock.

use planwright_core::{
    change::{Change, DriftCheck},
    command,
    drift::Drift,
    names::{Login, StackId},
};

use super::{
    LIMIT,
    doc::{Block, Doc, Text, code, foreign, more, strong, words},
    page::Page,
    stack::drift_section,
    summary::{of_stacks, summary},
};
use crate::text;

/// How many stacks are named in one sentence.
const MOST_NAMES: usize = 20;

/// The result of `/infra unlock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlocked {
    pub by: Login,
    /// The stacks whose locks were held.
    pub held: Vec<StackId>,
    /// The stacks for whose locks the change only waited.
    pub waiting: Vec<StackId>,
}

/// Returns the answer to `/infra help`.
pub fn help() -> Doc {
    let row = |entry: &command::Row| {
        vec![text![code(command::usage(entry.name))], entry.help.into(), text![words(entry.who)]]
    };
    vec![
        Block::Paragraph(
            "A command stands at the start of a line of a new comment; edits are not read.".into(),
        ),
        Block::Table {
            head: ["Command", "What it does", "Who"].map(Text::from).into(),
            rows: command::rows().map(row).collect(),
        },
    ]
    .into()
}

/// Returns the answer to `/infra status`: the report without its details.
pub fn status(report: &Change) -> Doc {
    let mut page = Page::new(LIMIT / 2);
    for part in summary(report) {
        page.push(part);
    }
    page.into_doc()
}

/// Returns the answer to `/infra drift`: for each stack what was applied → what is there now.
pub fn drift(stacks: &[(StackId, DriftCheck)]) -> Doc {
    let mut page = Page::new(LIMIT - 1_000);
    page.push(drift_headline(stacks));
    let mut left_out = 0;
    for (i, (stack, drift)) in stacks.iter().enumerate() {
        let share = (page.room() / (stacks.len() - i)).saturating_sub(200);
        let part = match drift {
            DriftCheck::NeverApplied => text![stack, ": never applied"].into(),
            DriftCheck::Unknown(why) => text![stack, ": not checked: ", foreign(why, 300)].into(),
            DriftCheck::Checked(_) if !has_drifted(drift) => text![stack, ": none"].into(),
            DriftCheck::Checked(plan) => {
                let head = text![stack, ": as it was applied → as it is"];
                drift_section(head, plan, share.max(800))
            }
        };
        left_out += usize::from(!page.push(part));
    }
    let mut doc = page.into_doc();
    if left_out > 0 {
        let one = code("/infra drift STACK");
        doc.push(text![of_stacks(left_out), " more are left out; ", one, " shows one."]);
    }
    doc
}

fn drift_headline(stacks: &[(StackId, DriftCheck)]) -> Text {
    // Stacks that were not checked are not counted as without drift.
    let count = |is: fn(&DriftCheck) -> bool| stacks.iter().filter(|(_, drift)| is(drift)).count();
    let checked = count(|drift| matches!(drift, DriftCheck::Checked(_)));
    let unknown = count(|drift| matches!(drift, DriftCheck::Unknown(_)));
    let mut head = match (checked, count(has_drifted)) {
        (0, _) => text![strong("Drift:"), " no stack was checked"],
        (n, 0) => text![strong("Drift:"), " none in ", of_stacks(n)],
        (n, drifted) => text![strong("Drift"), " in ", drifted, " of ", of_stacks(n)],
    };
    if unknown > 0 && checked > 0 {
        head.push(text!["; ", of_stacks(unknown), " could not be checked"]);
    }
    head
}

/// Returns the answer to `/infra unlock`.
pub fn unlocked(unlocked: &Unlocked) -> Doc {
    let did = [
        ("released the lock of ", &unlocked.held),
        ("took this change out of the queue of ", &unlocked.waiting),
    ];
    let did = did.into_iter().filter(|(_, stacks)| !stacks.is_empty());
    let did = Text::join(did.map(|(what, stacks)| text![what, names(stacks)]), ", and ");
    text![&unlocked.by, " ", did, "."].into()
}

fn names(stacks: &[StackId]) -> Text {
    let names = Text::join(stacks.iter().take(MOST_NAMES).map(Text::from), ", ");
    let more = more(stacks.len(), MOST_NAMES).map(|more| text![" and ", more, " more"]);
    text![names, more]
}

fn has_drifted(drift: &DriftCheck) -> bool {
    matches!(drift, DriftCheck::Checked(plan) if !Drift::in_plan(plan).is_empty())
}
