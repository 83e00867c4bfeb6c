//! One change of a resource as lines of a `diff` block: `+`, `-`, `!` give the colour.

use planwright_core::{
    drift::Reverts,
    escape,
    plan::{Action, Difference, ResourceChange},
    risk::{self, Risk},
};

use super::value::{difference_text, drift_text, path_text};

/// How many attributes of one resource are shown.
const MOST_ATTRIBUTES: usize = 24;
const MOST_ADDRESS: usize = 200;

/// What else is known of a change of the pull request's plan.
#[derive(Clone, Copy, Debug, Default)]
pub struct Labels<'a> {
    pub reverts: Option<&'a Reverts>,
    pub is_protected: bool,
}

/// The change in a plan: a line for the resource, then one for each attribute.
pub fn change_lines(change: &ResourceChange, labels: Labels) -> Vec<String> {
    let symbol = symbol(change.action);
    let facts = facts(change, labels);
    let mut lines = vec![format!("{symbol} {}: {}", address(change), facts.join("; "))];
    // What goes away takes all of its attributes along; they would only hide the next change.
    if change.action == Action::Delete {
        return lines;
    }
    let forces = |difference: &Difference| forces_replacement(change, difference);
    let mut differences: Vec<&Difference> = change.differences.iter().collect();
    differences.sort_by_key(|difference| !forces(difference));
    let mark = if change.action == Action::Create { '+' } else { '!' };
    lines.extend(differences.iter().take(MOST_ATTRIBUTES).map(|difference| {
        let mut line = format!(
            "{mark}     {}: {}",
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
        line
    }));
    lines.extend(more_attributes(differences.len()));
    lines
}

/// The change in a plan of the last applied tree, told as what happened to the world: as it was
/// applied → as it is.
pub fn drift_lines(change: &ResourceChange) -> Vec<String> {
    let mut lines = vec![format!("! {}: {}", address(change), drift_word(change.action))];
    if matches!(change.action, Action::Create | Action::Delete) {
        return lines;
    }
    lines.extend(change.differences.iter().take(MOST_ATTRIBUTES).map(|difference| {
        let (applied, found) = (&difference.after, &difference.before);
        format!("!     {}: {}", path_text(difference), drift_text(applied, found))
    }));
    lines.extend(more_attributes(change.differences.len()));
    lines
}

/// What happened to the world, by what a plan would do to take it back.
pub fn drift_word(action: Action) -> &'static str {
    match action {
        Action::Create => "gone",
        Action::Delete => "still there",
        Action::Update => "changed",
        _ => "changed in a way that only a replacement takes back",
    }
}

/// Whether a difference is one of those that make it a replacement.
pub fn forces_replacement(change: &ResourceChange, difference: &Difference) -> bool {
    change.replace_paths.iter().any(|path| difference.path.0.starts_with(&path.0))
}

/// What a reviewer has to know of something that goes away, as an item of a list.
pub fn caution(change: &ResourceChange, is_protected: bool) -> String {
    let what = match change.action {
        Action::Delete => "is **deleted**".to_owned(),
        Action::DeleteThenCreate => "is **replaced** (delete, then create)".to_owned(),
        Action::CreateThenDelete => "is **replaced** (create, then delete)".to_owned(),
        action => format!("**{action}**"),
    };
    let mut item = format!("{} {what}", escape::code(&address(change)));
    let forcing: Vec<String> = change
        .replace_paths
        .iter()
        .take(3)
        .map(|path| escape::code(&escape::shortened(&path.to_string(), 80)))
        .collect();
    if !forcing.is_empty() {
        item.push_str(&format!(", forced by {}", forcing.join(", ")));
    } else if let Some(reason) = &change.action_reason {
        item.push_str(&format!(", because {}", escape::prose(&reason_text(reason))));
    }
    let risk = risk::risk(change);
    if matches!(risk, Risk::DataLoss | Risk::PublicExposure) {
        item.push_str(&format!("; **{risk}**"));
    }
    if is_protected {
        item.push_str("; protected");
    }
    item
}

/// What happens to a resource, and what else there is to know of it; plain text.
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

/// The engine's word without its prefix: `replace_because_tainted` is "tainted".
fn reason_text(reason: &str) -> String {
    let word = reason.split_once("_because_").map_or(reason, |(_, word)| word);
    escape::shortened(&word.replace('_', " "), 80)
}

fn symbol(action: Action) -> &'static str {
    match action {
        Action::Create => "+",
        Action::Delete => "-",
        Action::DeleteThenCreate | Action::CreateThenDelete | Action::CreateThenForget => "-/+",
        Action::Update => "!",
        Action::Forget | Action::Read | Action::NoOp => "#",
    }
}

fn address(change: &ResourceChange) -> String {
    cut(&change.address)
}

fn cut(text: &str) -> String {
    escape::visible(&escape::shortened(text, MOST_ADDRESS))
}

fn more_attributes(count: usize) -> Option<String> {
    let more = count.checked_sub(MOST_ATTRIBUTES).filter(|more| *more > 0)?;
    Some(format!("#     … {} more attributes", escape::grouped(more)))
}
