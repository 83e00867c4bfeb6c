//! The folded details of one stack: errors, changes, drift, and the result of an apply.

use std::collections::BTreeMap;

use planwright_core::{
    change::{DriftCheck, NotPlanned, PlanOutcome, StackChange, StackProgress},
    drift::{Drift, reverts_drift},
    escape,
    finding::{Finding, Severity},
    names::StackId,
    plan::{Action, OutputChange, Plan, ResourceChange, Value},
    risk,
};

use super::{
    change::{Labels, change_lines, drift_lines, output_line},
    doc::{Block, DiffLine, Doc, Item, Span, Text, foreign, more, short_code, strong},
    markdown::markdown,
    page::{BlockLine, Fitting, Page},
    summary::counts,
    value::{difference_text, value_text},
};
use crate::text;

/// How many findings are listed.
const MOST_FINDINGS: usize = 20;
/// Bytes kept free for the sentence about what was left out.
const SENTENCE: usize = 400;

/// Returns the folded details of a stack in at most `room` bytes; empty if there are none.
pub fn details(stack: &StackChange, room: usize) -> Doc {
    let is_open = stack.has_errors() || is_stuck(stack);
    let summary = text![&stack.stack, ": ", outline(stack)];
    folded(summary, is_open, room, |room| {
        let mut page = Page::new(room);
        page.push(progress(stack, page.room()));
        // Before the plan, which may take all the room.
        if !page.push(cautions(&stack.cautions)) {
            let count = stack.cautions.len();
            let more = text![
                count,
                " warnings are not shown; ",
                Span::Code("planwright validate".into()),
                " lists them."
            ];
            page.push(more);
        }
        page.push(planning(stack, page.room()));
        let drift_room = page.room();
        match &stack.drift {
            DriftCheck::NeverApplied => {}
            DriftCheck::Unknown(why) => {
                page.push(text![strong("Drift"), " was not checked: ", foreign(why, 300)]);
            }
            DriftCheck::Checked(plan) => {
                let since = " since the last apply: as it was applied → as it is";
                page.push(drift_section(text![strong("Drift"), since], plan, drift_room));
            }
        }
        let refreshed = stack.plan.plan().map(|plan| refreshed(plan, page.room()));
        page.push(refreshed.unwrap_or_default());
        page.into_doc()
    })
}

/// Folds the document that `body` makes in the room that it gets; empty if that document is.
fn folded(summary: Text, is_open: bool, room: usize, body: impl FnOnce(usize) -> Doc) -> Doc {
    let details = |body| Block::Details { summary: summary.clone(), is_open, body };
    let frame = markdown(&details(Doc::default()).into()).len();
    let body = body(room.saturating_sub(frame));
    if body.is_empty() { body } else { details(body).into() }
}

/// Returns the plan of a stack in a few words.
pub fn outline(stack: &StackChange) -> Text {
    if let Some(plan) = stack.plan_at_stake() {
        return match counts(plan.summary(), false) {
            _ if plan.is_empty() && stack.changes_code => {
                "no changes, but other code or values of commands".into()
            }
            _ if plan.is_empty() => "no changes".into(),
            none if none.is_empty() => "only outputs change".into(),
            counts => counts,
        };
    }
    match &stack.plan {
        PlanOutcome::Pending | PlanOutcome::Planned(_) => "being planned",
        PlanOutcome::Invalid(_) => "invalid configuration",
        PlanOutcome::EngineFailed(_) => "the plan failed",
        PlanOutcome::NotPlanned(_) => "not planned",
    }
    .into()
}

/// Returns the findings as a list, of which only the first are shown if there are many.
pub fn finding_list(findings: &[Finding]) -> Block {
    let mut items: Vec<Item> = findings.iter().take(MOST_FINDINGS).map(finding_item).collect();
    items.extend(more(findings.len(), MOST_FINDINGS).map(Item::more));
    Block::List(items)
}

/// Returns the drift as a section: what was applied → what is there now.
pub fn drift_section(head: Text, plan: &Plan, room: usize) -> Doc {
    let drift = Drift::in_plan(plan);
    if drift.is_empty() {
        return Doc::default();
    }
    let resources: Vec<ResourceChange> = drift.resources.iter().map(|c| (*c).clone()).collect();
    let groups = risk::riskiest_first(&resources).into_iter().map(drift_lines);
    let outputs = drift.outputs.iter().map(|(name, output)| {
        vec![output_change(name, Action::Update, output.applied, output.found)]
    });
    let groups: Vec<_> = groups.chain(outputs).collect();
    let left_out = " drifted resources are not shown".into();
    section(Some(head), groups.into_iter(), room, left_out)
}

/// Returns what is to be read with the plan: commands first, since not all may be shown.
fn cautions(findings: &[Finding]) -> Doc {
    if findings.is_empty() {
        return Doc::default();
    }
    let mut doc = Doc::from(text![strong("To be read with the plan")]);
    let mut findings = findings.to_vec();
    findings.sort_by_key(|finding| finding.code != "runs_command");
    doc.push(finding_list(&findings));
    doc
}

fn is_stuck(stack: &StackChange) -> bool {
    matches!(stack.progress, Some(StackProgress::Failed { .. } | StackProgress::Differs { .. }))
}

fn planning(stack: &StackChange, room: usize) -> Doc {
    match &stack.plan {
        PlanOutcome::Pending => Doc::default(),
        PlanOutcome::Invalid(findings) => finding_list(findings).into(),
        PlanOutcome::EngineFailed(message) => said(message, room),
        PlanOutcome::NotPlanned(why) => not_planned(&stack.stack, why).into(),
        PlanOutcome::Planned(_)
            if matches!(stack.progress, Some(StackProgress::Differs { .. })) =>
        {
            Doc::default()
        }
        PlanOutcome::Planned(plan) => changes(stack, plan, room),
    }
}

fn changes(stack: &StackChange, plan: &Plan, room: usize) -> Doc {
    let drift = match &stack.drift {
        DriftCheck::Checked(drift) => Some(drift),
        _ => None,
    };
    let reverts = drift.map(|drift| reverts_drift(plan, drift)).unwrap_or_default();
    // Keep room for the drift below, however long the plan is.
    let room = if drift.is_some_and(|plan| !Drift::in_plan(plan).is_empty()) {
        room / 4 * 3
    } else {
        room
    };
    let resources = risk::riskiest_first(&plan.resources).into_iter().map(|change| {
        let key = (change.address.as_str(), change.deposed.as_deref());
        let is_protected = stack.protected.contains(&change.address);
        change_lines(change, Labels { reverts: reverts.get(&key), is_protected })
    });
    let groups = resources.chain(outputs(&plan.outputs));
    let left_out = text![" changes are not shown; ", Span::Code(stack.command()), " shows all"];
    section(None, groups, room, left_out)
}

fn outputs(outputs: &BTreeMap<String, OutputChange>) -> impl Iterator<Item = Vec<DiffLine>> {
    outputs.iter().map(|(name, o)| vec![output_change(name, o.action, &o.before, &o.after)])
}

fn output_change(name: &str, action: Action, before: &Value, after: &Value) -> DiffLine {
    let name = escape::visible(&escape::shortened(name, 80));
    output_line(&name, action, &difference_text(before, after))
}

fn refreshed(plan: &Plan, room: usize) -> Doc {
    if plan.refreshed.is_empty() {
        return Doc::default();
    }
    let summary = text!["Values that were refreshed: ", plan.refreshed.len()];
    let groups = plan.refreshed.iter().map(|change| {
        change_lines(
            &ResourceChange { action: Action::Update, ..change.clone() },
            Labels::default(),
        )
    });
    let left_out = " refreshed resources are not shown".into();
    folded(summary, false, room, |room| section(None, groups, room, left_out))
}

fn progress(stack: &StackChange, room: usize) -> Doc {
    match &stack.progress {
        Some(StackProgress::Failed { message }) => said(message, room),
        Some(StackProgress::Differs { now }) => differences(stack, now, room),
        Some(StackProgress::Applied { outputs }) => applied(outputs, room),
        _ => Doc::default(),
    }
}

/// Returns the outputs after an apply; of a sensitive one only the name.
fn applied(outputs: &BTreeMap<String, Value>, room: usize) -> Doc {
    if outputs.is_empty() {
        return Doc::default();
    }
    let lines = outputs.iter().map(|(name, value)| {
        let name = escape::visible(&escape::shortened(name, 80));
        vec![format!("{name} = {}", value_text(value))]
    });
    let mut doc = Doc::from(Block::Heading("Outputs".into()));
    doc.push(fitted(lines, room, " are not shown".into()));
    doc
}

/// Returns how the plan after the merge differs from the approved one.
fn differences(stack: &StackChange, now: &Plan, room: usize) -> Doc {
    let nothing = Plan::default();
    let approved = stack.plan.plan().unwrap_or(&nothing);
    let lists = [
        ("Would happen now, and was not approved:", added(now, approved)),
        ("Was approved, and would not happen any more:", added(approved, now)),
    ];
    let mut page = Page::new(room);
    for (i, (head, groups)) in lists.into_iter().enumerate() {
        let room = if i == 0 { page.room() / 4 * 3 } else { page.room() };
        let left_out = " differences are not shown".into();
        page.push(section(Some(text![strong(head)]), groups.into_iter(), room, left_out));
    }
    page.into_doc()
}

/// Returns the changes of `plan` that are not the same in `other`.
fn added(plan: &Plan, other: &Plan) -> Vec<Vec<DiffLine>> {
    let known: BTreeMap<_, _> =
        other.resources.iter().map(|change| ((&change.address, &change.deposed), change)).collect();
    let resources = risk::riskiest_first(&plan.resources)
        .into_iter()
        .filter(|change| known.get(&(&change.address, &change.deposed)) != Some(change))
        .map(|change| change_lines(change, Labels::default()));
    let new_outputs =
        plan.outputs.iter().filter(|(name, output)| other.outputs.get(*name) != Some(*output));
    let new_outputs =
        new_outputs.map(|(name, o)| vec![output_change(name, o.action, &o.before, &o.after)]);
    resources.chain(new_outputs).collect()
}

/// Returns a heading, the groups of lines that fit, and how many groups were left out.
fn section(
    head: Option<Text>,
    groups: impl Iterator<Item = Vec<DiffLine>>,
    room: usize,
    left_out: Text,
) -> Doc {
    let head = Doc::from(head.map(Doc::from));
    let room = room.saturating_sub(markdown(&head).len());
    let body = fitted(groups, room, left_out);
    if body.is_empty() {
        return body;
    }
    let mut doc = head;
    doc.push(body);
    doc
}

/// Returns a block with the groups of lines that fit into `room` bytes, and how many groups were
/// left out.
fn fitted<Line: BlockLine>(
    groups: impl Iterator<Item = Vec<Line>>,
    room: usize,
    left_out: Text,
) -> Doc {
    let fitting = Fitting::new(groups, room.saturating_sub(SENTENCE));
    let mut doc = Doc::from(fitting.block().map(Doc::from));
    if fitting.left_out > 0 {
        doc.push(text!["… ", fitting.left_out, " more", left_out, "."]);
    }
    doc
}

fn said(message: &str, room: usize) -> Doc {
    let cut = |line: &str| escape::visible(&escape::shortened(line, 300));
    let lines = message.lines().map(|line| vec![cut(line)]);
    fitted(lines, room.min(8_000), " lines are not shown".into())
}

pub fn finding_item(finding: &Finding) -> Item {
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let place = short_code(&finding.place.to_string(), 200);
    let mut text = text![strong(severity), " ", place, ": ", foreign(&finding.message, 300)];
    if let Some(suggestion) = &finding.did_you_mean {
        text.push(text!["; did you mean ", short_code(suggestion, 80), "?"]);
    }
    if !finding.allowed.is_empty() {
        text.push(text!["; allowed: ", short_code(&finding.allowed.join(", "), 200)]);
    }
    if let Some(fix) = &finding.fix {
        // Commands are shown as code, to be copied; advice is shown as text.
        let is_command = fix.starts_with("planwright ");
        let fix = if is_command { short_code(fix, 200) } else { foreign(fix, 200) };
        text.push(text![Span::Break, "To mend it: ", fix]);
    }
    Item::new(text)
}

/// Returns why a stack was not planned.
pub fn not_planned(stack: &StackId, why: &NotPlanned) -> Text {
    let plan = Span::Code("/infra plan".into());
    let maintainer = " A maintainer can plan this very head with ";
    let rendered = "Validated and rendered, but not planned: ";
    match why {
        NotPlanned::Fork => text![
            rendered,
            "a plan runs provider code, and this branch is in a fork.",
            maintainer,
            plan,
            "."
        ],
        NotPlanned::PusherMayNotWrite => {
            text![rendered, "whoever pushed this head has no write access.", maintainer, plan, "."]
        }
        NotPlanned::PackageBytes(package) => text![
            rendered,
            "the package ",
            short_code(package, 80),
            " is code that nobody has approved yet. A maintainer who had no part in the change can \
             plan this very head with ",
            plan,
            "."
        ],
        NotPlanned::Renamed { from } if from == stack => text![
            "Not planned: this stack gets another name, and its state would stay behind. Keep ",
            from,
            ", or remove it here and add the new stack in a second pull request."
        ],
        NotPlanned::Renamed { from } => text![
            "Not planned: this stack was ",
            from,
            ", and its state would stay behind. Keep the old name, or remove ",
            from,
            " and add the new stack in a second pull request."
        ],
    }
}
