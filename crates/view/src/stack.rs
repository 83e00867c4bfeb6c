//! One stack of a report, folded: what failed, what would change, what drifted, what came out.

use std::collections::BTreeMap;

use planwright_core::{
    drift::{Drift, reverts_drift},
    escape,
    finding::Finding,
    names::StackId,
    plan::{Action, OutputChange, Plan, ResourceChange, Value},
    risk,
};

use super::{
    change::{Labels, change_lines, drift_lines},
    page::{Page, fenced_groups},
    summary::counts,
    value::{difference_text, value_text},
};
use planwright_core::change::{DriftReport, NotPlanned, PlanReport, Progress, StackReport};

/// How many findings of one file set are listed.
const MOST_FINDINGS: usize = 20;
/// Room for the sentence that says what was left out.
const SENTENCE: usize = 400;

/// The folded details of a stack in at most `room` bytes; empty if there is nothing more to tell.
pub fn details(stack: &StackReport, room: usize) -> String {
    let open = if stack.has_errors() || is_stuck(stack) { " open" } else { "" };
    let head = format!(
        "<details{open}><summary><code>{}</code>: {}</summary>",
        stack.stack,
        outline(stack)
    );
    let mut page = Page::new(room.saturating_sub(head.len() + "\n\n\n\n</details>".len()));
    page.push(&progress(stack, page.room()));
    page.push(&planning(stack, page.room()));
    let drift_room = page.room();
    match &stack.drift {
        DriftReport::NeverApplied => {}
        DriftReport::Unknown(why) => {
            let why = escape::prose(&escape::shortened(why, 300));
            page.push(&format!("**Drift** was not checked: {why}"));
        }
        DriftReport::Checked(plan) => {
            let head = "**Drift** since the last apply: as it was applied → as it is";
            page.push(&drift_section(head, plan, drift_room));
        }
    }
    let refreshed = stack.plan.plan().map(|plan| refreshed(plan, page.room()));
    page.push(&refreshed.unwrap_or_default());
    let body = page.into_text();
    if body.is_empty() { body } else { format!("{head}\n\n{body}\n\n</details>") }
}

/// What happens to a stack, in a few words.
pub fn outline(stack: &StackReport) -> String {
    if let Some(plan) = stack.plan_at_stake() {
        return match counts(plan.summary(), false) {
            _ if plan.is_empty() && stack.changes_code => "no changes, but other code".into(),
            _ if plan.is_empty() => "no changes".into(),
            none if none.is_empty() => "only outputs change".into(),
            counts => counts,
        };
    }
    match &stack.plan {
        PlanReport::Pending | PlanReport::Planned(_) => "being planned".into(),
        PlanReport::Invalid(_) => "invalid configuration".into(),
        PlanReport::EngineFailed(_) => "the plan failed".into(),
        PlanReport::NotPlanned(_) => "not planned".into(),
    }
}

/// The findings as a list, the first ones of many.
pub fn finding_list(findings: &[Finding]) -> String {
    let mut items: Vec<String> = findings.iter().take(MOST_FINDINGS).map(finding_item).collect();
    if let Some(more) = findings.len().checked_sub(MOST_FINDINGS).filter(|more| *more > 0) {
        items.push(format!("- … and {} more", escape::grouped(more)));
    }
    items.join("\n")
}

/// Drift as a section: what was applied → what is there now.
pub fn drift_section(head: &str, plan: &Plan, room: usize) -> String {
    let drift = Drift::of(plan);
    if drift.is_empty() {
        return String::new();
    }
    let resources: Vec<ResourceChange> = drift.resources.iter().map(|c| (*c).clone()).collect();
    let groups = risk::riskiest_first(&resources).into_iter().map(drift_lines);
    let outputs = drift.outputs.iter().map(|(name, output)| {
        vec![output_line(name, Action::Update, output.applied, output.found)]
    });
    let groups: Vec<_> = groups.chain(outputs).collect();
    section(head, groups.into_iter(), room, "drifted resources are not shown")
}

fn is_stuck(stack: &StackReport) -> bool {
    matches!(stack.progress, Some(Progress::Failed { .. } | Progress::Differs { .. }))
}

fn planning(stack: &StackReport, room: usize) -> String {
    match &stack.plan {
        PlanReport::Pending => String::new(),
        PlanReport::Invalid(findings) => finding_list(findings),
        PlanReport::EngineFailed(message) => said(message, room),
        PlanReport::NotPlanned(why) => not_planned(&stack.stack, why),
        PlanReport::Planned(_) if matches!(stack.progress, Some(Progress::Differs { .. })) => {
            String::new()
        }
        PlanReport::Planned(plan) => changes(stack, plan, room),
    }
}

fn changes(stack: &StackReport, plan: &Plan, room: usize) -> String {
    let drift = match &stack.drift {
        DriftReport::Checked(drift) => Some(drift),
        _ => None,
    };
    let reverts = drift.map(|drift| reverts_drift(plan, drift)).unwrap_or_default();
    // Drift has to find its place below, whatever the plan.
    let room =
        if drift.is_some_and(|plan| !Drift::of(plan).is_empty()) { room / 4 * 3 } else { room };
    let resources = risk::riskiest_first(&plan.resources).into_iter().map(|change| {
        let key = (change.address.as_str(), change.deposed.as_deref());
        let is_protected = stack.protected.contains(&change.address);
        change_lines(change, Labels { reverts: reverts.get(&key), is_protected })
    });
    let groups = resources.chain(outputs(&plan.outputs));
    section("", groups, room, &format!("changes are not shown; `{}` shows all", stack.command()))
}

fn outputs(outputs: &BTreeMap<String, OutputChange>) -> impl Iterator<Item = Vec<String>> {
    outputs.iter().map(|(name, o)| vec![output_line(name, o.action, &o.before, &o.after)])
}

fn output_line(name: &str, action: Action, before: &Value, after: &Value) -> String {
    let symbol = match action {
        Action::Create => '+',
        Action::Delete => '-',
        _ => '!',
    };
    let name = escape::visible(&escape::shortened(name, 80));
    format!("{symbol} output {name}: {}", difference_text(before, after))
}

fn refreshed(plan: &Plan, room: usize) -> String {
    if plan.refreshed.is_empty() {
        return String::new();
    }
    let count = escape::grouped(plan.refreshed.len());
    let head = format!("<details><summary>Values that were refreshed: {count}</summary>");
    let groups = plan.refreshed.iter().map(|change| {
        change_lines(
            &ResourceChange { action: Action::Update, ..change.clone() },
            Labels::default(),
        )
    });
    let room = room.saturating_sub(head.len() + "\n\n\n\n</details>".len());
    let body = section("", groups, room, "refreshed resources are not shown");
    if body.is_empty() { body } else { format!("{head}\n\n{body}\n\n</details>") }
}

fn progress(stack: &StackReport, room: usize) -> String {
    match &stack.progress {
        Some(Progress::Failed { message }) => said(message, room),
        Some(Progress::Differs { now }) => differences(stack, now, room),
        Some(Progress::Applied { outputs }) => applied(outputs, room),
        _ => String::new(),
    }
}

/// What came out of an apply; a sensitive output shows its name only.
fn applied(outputs: &BTreeMap<String, Value>, room: usize) -> String {
    if outputs.is_empty() {
        return String::new();
    }
    let lines = outputs.iter().map(|(name, value)| {
        let name = escape::visible(&escape::shortened(name, 80));
        vec![format!("{name} = {}", value_text(value))]
    });
    let (block, more) = fenced_groups("text", lines, room.saturating_sub(SENTENCE));
    let more = match more {
        0 => String::new(),
        more => format!("\n\n… {} more are not shown.", escape::grouped(more)),
    };
    format!("**Outputs**\n\n{block}{more}")
}

/// How the plan after the merge differs from the one that was approved.
fn differences(stack: &StackReport, now: &Plan, room: usize) -> String {
    let nothing = Plan::default();
    let approved = stack.plan.plan().unwrap_or(&nothing);
    let lists = [
        ("**Would happen now, and was not approved:**", added(now, approved)),
        ("**Was approved, and would not happen any more:**", added(approved, now)),
    ];
    let mut page = Page::new(room);
    for (i, (head, groups)) in lists.into_iter().enumerate() {
        let room = if i == 0 { page.room() / 4 * 3 } else { page.room() };
        page.push(&section(head, groups.into_iter(), room, "differences are not shown"));
    }
    page.into_text()
}

/// The changes of `plan` that do not stand alike in `other`.
fn added(plan: &Plan, other: &Plan) -> Vec<Vec<String>> {
    let known: BTreeMap<_, _> =
        other.resources.iter().map(|change| ((&change.address, &change.deposed), change)).collect();
    let resources = risk::riskiest_first(&plan.resources)
        .into_iter()
        .filter(|change| known.get(&(&change.address, &change.deposed)) != Some(change))
        .map(|change| change_lines(change, Labels::default()));
    let new_outputs =
        plan.outputs.iter().filter(|(name, output)| other.outputs.get(*name) != Some(*output));
    let new_outputs =
        new_outputs.map(|(name, o)| vec![output_line(name, o.action, &o.before, &o.after)]);
    resources.chain(new_outputs).collect()
}

/// A heading, groups of lines, and how many groups were left out for want of room.
fn section(
    head: &str,
    groups: impl Iterator<Item = Vec<String>>,
    room: usize,
    left_out: &str,
) -> String {
    let room = room.saturating_sub(head.len() + SENTENCE);
    let (block, more) = fenced_groups("diff", groups, room);
    if block.is_empty() && more == 0 {
        return String::new();
    }
    let more = match more {
        0 => String::new(),
        more => format!("… {} more {left_out}.", escape::grouped(more)),
    };
    [head, &block, &more]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("\n\n")
}

fn said(message: &str, room: usize) -> String {
    let cut = |line: &str| escape::visible(&escape::shortened(line, 300));
    let lines = message.lines().map(|line| vec![cut(line)]);
    let (block, more) = fenced_groups("text", lines, room.min(8_000).saturating_sub(SENTENCE));
    match more {
        0 => block,
        more => format!("{block}\n\n… {} more lines are not shown.", escape::grouped(more)),
    }
}

fn finding_item(finding: &Finding) -> String {
    let cut = |text: &str| escape::prose(&escape::shortened(text, 300));
    let mut item = format!(
        "- **{}** {}: {}",
        if finding.severity == planwright_core::finding::Severity::Error {
            "error"
        } else {
            "warning"
        },
        escape::code(&escape::shortened(&finding.place.to_string(), 200)),
        cut(&finding.message),
    );
    if let Some(meant) = &finding.did_you_mean {
        item.push_str(&format!("; did you mean {}?", escape::code(&escape::shortened(meant, 80))));
    }
    if !finding.allowed.is_empty() {
        let allowed = escape::shortened(&finding.allowed.join(", "), 200);
        item.push_str(&format!("; allowed: {}", escape::code(&allowed)));
    }
    if let Some(fix) = &finding.fix {
        // A command is there to be copied, advice to be read.
        let fix = escape::shortened(fix, 200);
        let is_command = fix.starts_with("planwright ");
        let fix = if is_command { escape::code(&fix) } else { escape::prose(&fix) };
        item.push_str(&format!("<br>To mend it: {fix}"));
    }
    item
}

/// Why a stack was not run, as a line of Markdown.
pub fn not_planned(stack: &StackId, why: &NotPlanned) -> String {
    match why {
        NotPlanned::Fork => "Validated and rendered, but not planned: a plan runs provider code, and \
                             this branch is in a fork. A maintainer can plan this very head with \
                             `/infra plan`."
            .into(),
        NotPlanned::PusherMayNotWrite => "Validated and rendered, but not planned: whoever pushed \
                                          this head has no write access. A maintainer can plan this \
                                          very head with `/infra plan`."
            .into(),
        NotPlanned::PackageBytes(package) => format!(
            "Validated and rendered, but not planned: the pull request changes the package {}, which \
             is code. A maintainer who had no part in the change can plan this very head with \
             `/infra plan`.",
            escape::code(&escape::shortened(package, 80))
        ),
        NotPlanned::Renamed { from } if from == stack => format!(
            "Not planned: this stack gets another name, and its state would stay behind. Keep \
             `{from}`, or remove it here and add the new stack in a second pull request."
        ),
        NotPlanned::Renamed { from } => format!(
            "Not planned: this stack was `{from}`, and its state would stay behind. Keep the old \
             name, or remove `{from}` and add the new stack in a second pull request."
        ),
    }
}
