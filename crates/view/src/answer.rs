//! Answers to commands that change nothing of the report: help, status, drift, unlock.

use planwright_core::{
    command,
    drift::Drift,
    escape::{self, grouped},
    names::{Login, StackId},
};

use super::{LIMIT, page::Page, stack::drift_section, summary::summary};
use planwright_core::change::{DriftReport, Report};

/// What an unlock did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlocked {
    pub by: Login,
    /// Whose locks were held.
    pub held: Vec<StackId>,
    /// Where the change had only waited.
    pub waiting: Vec<StackId>,
}

/// `/infra help`.
pub fn help() -> String {
    format!(
        "A command stands at the start of a line of a new comment; edits are not read.\n\n{}",
        command::commands_table()
    )
}

/// `/infra status`: the report without its details.
pub fn status(report: &Report) -> String {
    let mut page = Page::new(LIMIT / 2);
    for block in summary(report) {
        page.push(&block);
    }
    page.into_text()
}

/// `/infra drift`: for each stack what was applied → what is there now.
pub fn drift(stacks: &[(StackId, DriftReport)]) -> String {
    let mut page = Page::new(LIMIT - 1_000);
    // Only what was looked at counts: nothing is known of the others.
    let count = |is: fn(&DriftReport) -> bool| stacks.iter().filter(|(_, drift)| is(drift)).count();
    let checked = count(|drift| matches!(drift, DriftReport::Checked(_)));
    let unknown = count(|drift| matches!(drift, DriftReport::Unknown(_)));
    let mut head = match (checked, count(has_drifted)) {
        (0, _) => "**Drift:** no stack was checked".to_owned(),
        (n, 0) => format!("**Drift:** none in {}", of_stacks(n)),
        (n, drifted) => format!("**Drift** in {} of {}", grouped(drifted), of_stacks(n)),
    };
    if unknown > 0 && checked > 0 {
        head.push_str(&format!("; {} could not be checked", of_stacks(unknown)));
    }
    page.push(&head);
    let mut left_out = 0;
    for (i, (stack, drift)) in stacks.iter().enumerate() {
        let share = (page.room() / (stacks.len() - i)).saturating_sub(200);
        let block = match drift {
            DriftReport::NeverApplied => format!("`{stack}`: never applied"),
            DriftReport::Unknown(why) => {
                let why = escape::prose(&escape::shortened(why, 300));
                format!("`{stack}`: not checked: {why}")
            }
            DriftReport::Checked(_) if !has_drifted(drift) => format!("`{stack}`: none"),
            DriftReport::Checked(plan) => {
                let head = format!("`{stack}`: as it was applied → as it is");
                drift_section(&head, plan, share.max(800))
            }
        };
        left_out += usize::from(!page.push(&block));
    }
    let mut text = page.into_text();
    if left_out > 0 {
        text.push_str(&format!(
            "\n\n{} more are left out; `/infra drift STACK` shows one.",
            of_stacks(left_out)
        ));
    }
    text
}

/// `/infra unlock`.
pub fn unlocked(unlocked: &Unlocked) -> String {
    let did = [
        ("released the lock of", &unlocked.held),
        ("took this change out of the queue of", &unlocked.waiting),
    ];
    let did = did.into_iter().filter(|(_, stacks)| !stacks.is_empty());
    let did: Vec<String> = did.map(|(what, stacks)| format!("{what} {}", names(stacks))).collect();
    format!("`{}` {}.", unlocked.by, did.join(", and "))
}

fn names(stacks: &[StackId]) -> String {
    let names: Vec<String> = stacks.iter().take(20).map(|stack| format!("`{stack}`")).collect();
    let more = match stacks.len().checked_sub(20).filter(|more| *more > 0) {
        None => String::new(),
        Some(more) => format!(" and {} more", grouped(more)),
    };
    format!("{}{more}", names.join(", "))
}

fn has_drifted(drift: &DriftReport) -> bool {
    matches!(drift, DriftReport::Checked(plan) if !Drift::of(plan).is_empty())
}

fn of_stacks(count: usize) -> String {
    if count == 1 { "1 stack".into() } else { format!("{} stacks", grouped(count)) }
}
