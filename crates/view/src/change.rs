//! One change of a resource, as lines of a diff.

use planwright_core::{
    drift::Reverts,
    escape,
    plan::{Action, Difference, ResourceChange},
    risk::{self, Risk},
};

use super::{
    doc::{DiffLine, Sign, Text, code, foreign, more, short_code, strong, words},
    value::{difference_text, drift_text, path_text},
};
use crate::text;

/// How many attributes of one resource are shown.
const MOST_ATTRIBUTES: usize = 24;
const MOST_ADDRESS: usize = 200;

/// What else is known of a change in the plan of a pull request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Labels<'a> {
    pub reverts: Option<&'a Reverts>,
    pub is_protected: bool,
}

/// Returns the lines of a change in a plan: one for the resource, then one for each attribute.
pub fn change_lines(change: &ResourceChange, labels: Labels) -> Vec<DiffLine> {
    let facts = facts(change, labels);
    let head = format!("{}: {}", address(change), facts.join("; "));
    let mut lines = vec![DiffLine::new(sign(change.action), head)];
    // Everything below a deleted resource goes away; its attributes would only hide the next
    // change.
    if change.action == Action::Delete {
        return lines;
    }
    let forces = |difference: &Difference| forces_replacement(change, difference);
    let mut differences: Vec<&Difference> = change.differences.iter().collect();
    differences.sort_by_key(|difference| !forces(difference));
    let sign = if change.action == Action::Create { Sign::Added } else { Sign::Changed };
    lines.extend(differences.iter().take(MOST_ATTRIBUTES).map(|difference| {
        let mut line = format!(
            "{}: {}",
            path_text(difference),
            difference_text(&difference.before, &difference.after)
        );
        if forces(difference) {
            line.push_str("  # forces replacement");
        }
        let is_reverted =
            matches!(labels.reverts, Some(Reverts::Attributes(paths)) if paths.contains(&difference.path));
        if is_reverted {
            line.push_str("  # reverts drift");
        }
        DiffLine::below(sign, line)
    }));
    lines.extend(more_attributes(differences.len()));
    lines
}

/// Returns the lines of a change in a plan of the last applied tree, in the direction of the drift:
/// what was applied → what is there now.
pub fn drift_lines(change: &ResourceChange) -> Vec<DiffLine> {
    let head = format!("{}: {}", address(change), drift_word(change.action));
    let mut lines = vec![DiffLine::new(Sign::Changed, head)];
    if matches!(change.action, Action::Create | Action::Delete) {
        return lines;
    }
    lines.extend(change.differences.iter().take(MOST_ATTRIBUTES).map(|difference| {
        let (applied, found) = (&difference.after, &difference.before);
        let line = format!("{}: {}", path_text(difference), drift_text(applied, found));
        DiffLine::below(Sign::Changed, line)
    }));
    lines.extend(more_attributes(change.differences.len()));
    lines
}

/// Returns what happened in reality, given the action that would revert it.
pub fn drift_word(action: Action) -> &'static str {
    match action {
        Action::Create => "gone",
        Action::Delete => "still there",
        Action::Update => "changed",
        _ => "changed in a way that only a replacement takes back",
    }
}

/// Returns whether a difference is one of those that force a replacement.
pub fn forces_replacement(change: &ResourceChange, difference: &Difference) -> bool {
    change.replace_paths.iter().any(|path| difference.path.0.starts_with(&path.0))
}

/// Returns what a reviewer has to know of a destructive change, as an item of a list.
pub fn caution(change: &ResourceChange, is_protected: bool) -> Text {
    let what = match change.action {
        Action::Delete => text!["is ", strong("deleted")],
        Action::DeleteThenCreate => text!["is ", strong("replaced"), " (delete, then create)"],
        Action::CreateThenDelete => text!["is ", strong("replaced"), " (create, then delete)"],
        action => text![strong(words(action))],
    };
    let mut item = text![code(address(change)), " ", what];
    let forcing = change.replace_paths.iter().take(3);
    let forcing = forcing.map(|path| Text::from(short_code(&path.to_string(), 80)));
    if !change.replace_paths.is_empty() {
        item.push(text![", forced by ", Text::join(forcing, ", ")]);
    } else if let Some(reason) = &change.action_reason {
        item.push(text![", because ", foreign(&reason_text(reason), usize::MAX)]);
    }
    let risk = risk::risk(change);
    if matches!(risk, Risk::DataLoss | Risk::PublicExposure) {
        item.push(text!["; ", strong(words(risk))]);
    }
    if is_protected {
        item.push("; protected");
    }
    item
}

/// Returns the action of a change and everything else to know of it, as plain text.
pub fn facts(change: &ResourceChange, labels: Labels) -> Vec<String> {
    let mut facts = Vec::new();
    let is_only_told = change.action == Action::NoOp
        && (change.previous_address.is_some() || change.importing.is_some());
    if !is_only_told {
        facts.push(change.action.to_string());
    }
    if let Some(from) = &change.previous_address {
        facts.push(format!("moved from {}", cut(from)));
    }
    if let Some(id) = &change.importing {
        facts.push(format!("imported, id {}", cut(id)));
    }
    if let Some(deposed) = &change.deposed {
        facts.push(format!("deposed object {}", cut(deposed)));
    }
    if let Some(reason) = change.action_reason.as_ref().filter(|_| change.replace_paths.is_empty())
    {
        facts.push(format!("because {}", cut(&reason_text(reason))));
    }
    match risk::risk(change) {
        Risk::Other => {}
        risk => facts.push(risk.to_string()),
    }
    if labels.is_protected {
        facts.push("protected".into());
    }
    if labels.reverts == Some(&Reverts::Whole) {
        facts.push("reverts drift".into());
    }
    facts
}

/// Returns the engine's reason without its prefix: "tainted" for `replace_because_tainted`.
fn reason_text(reason: &str) -> String {
    let word = reason.split_once("_because_").map_or(reason, |(_, word)| word);
    escape::shortened(&word.replace('_', " "), 80)
}

fn sign(action: Action) -> Sign {
    match action {
        Action::Create => Sign::Added,
        Action::Delete => Sign::Removed,
        Action::DeleteThenCreate | Action::CreateThenDelete | Action::CreateThenForget => {
            Sign::Replaced
        }
        Action::Update => Sign::Changed,
        Action::Forget | Action::Read | Action::NoOp => Sign::Noted,
    }
}

/// Returns the change of an output, on one line.
pub fn output_line(name: &str, action: Action, difference: &str) -> DiffLine {
    let sign = match action {
        Action::Create => Sign::Added,
        Action::Delete => Sign::Removed,
        _ => Sign::Changed,
    };
    DiffLine::new(sign, format!("output {name}: {difference}"))
}

fn address(change: &ResourceChange) -> String {
    cut(&change.address)
}

fn cut(text: &str) -> String {
    escape::visible(&escape::shortened(text, MOST_ADDRESS))
}

fn more_attributes(count: usize) -> Option<DiffLine> {
    let more = more(count, MOST_ATTRIBUTES)?;
    Some(DiffLine::below(Sign::Noted, format!("… {} more attributes", escape::grouped(more))))
}
