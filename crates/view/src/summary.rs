//! The summary of a change: the headline, the dangers, a table, and what is missing.

use std::collections::BTreeMap;

use planwright_core::{
    approval::Principal,
    change::{Change, ChangeState, DriftCheck, StackChange, StackProgress, Warning},
    drift::Drift,
    names::Login,
    plan::{PlanSummary, ResourceChange},
    risk::{self, Risk},
    verdict::RequirementKind,
};

use super::{
    change::caution,
    doc::{
        Block, Callout, Doc, Item, Mark, Marked, Span, Text, code, more, short_code, strong, words,
    },
    requirement::{principal_role, requirement_list},
    settings::{code_section, settings_section},
    stack::{finding_list, outline},
    warning::warning,
};
use crate::text;

const MOST_CAUTIONS: usize = 10;
const MOST_ROWS: usize = 60;
const MOST_NAMES: usize = 10;

/// Returns the parts above the details, the most important first. Each can be read alone.
pub fn summary(report: &Change) -> Vec<Doc> {
    vec![
        text![headline(report), Span::Break, state_line(report)].into(),
        problems(report),
        report.settings.as_ref().map(settings_section).into(),
        code_section(&report.code),
        cautions(report),
        table(report),
        requirements(report),
        warnings(report),
    ]
}

/// Returns the headline, such as **Plan: 5 to add, 0 to change, 0 to destroy** in 1 stack.
pub fn headline(report: &Change) -> Text {
    let stacks = of_stacks(report.stacks.len());
    let failed = report.stacks.iter().filter(|stack| stack.has_errors()).count();
    let withheld = report.stacks.iter().filter(|stack| stack.is_withheld()).count();
    let whole = |words: &'static str| text![strong(words)];
    match report.state {
        ChangeState::Planning if report.stacks.is_empty() => whole("Planning"),
        ChangeState::Planning => text![strong("Planning"), " ", stacks],
        ChangeState::Stopped => whole("Not planned: stopped"),
        ChangeState::InternalError => {
            whole("Not planned: something of Planwright's own went wrong")
        }
        ChangeState::NothingAffected => whole("No stack is affected"),
        _ if !report.conflicts.is_empty() => whole("Not planned: merge conflict"),
        _ if failed > 0 => text![strong(text!["Plan: ", failed, " of ", stacks, " failed"])],
        ChangeState::Blocked if report.has_errors() => whole("Not planned: invalid configuration"),
        _ if report.is_about_rules_only() => {
            let what = match (&report.settings, report.code.is_empty()) {
                (Some(_), true) => "Settings change",
                (Some(_), false) => "Settings and code change",
                (None, _) => "Code changes",
            };
            text![strong(what), ", no stack is affected"]
        }
        ChangeState::Applied => {
            text![strong(text!["Applied: ", counts(report.summary(), true)]), " in ", stacks]
        }
        // Three zeros would look like a plan without changes.
        _ if withheld > 0 && withheld == report.stacks.len() => {
            text![strong("Not planned:"), " ", stacks]
        }
        _ => {
            let plan = strong(text!["Plan: ", all_counts(report.summary())]);
            let besides = (withheld > 0).then(|| text![", ", withheld, " of them not planned"]);
            text![plan, " in ", stacks, besides]
        }
    }
}

/// Returns the number of stacks with its noun.
pub fn of_stacks(count: usize) -> Text {
    if count == 1 { "1 stack".into() } else { text![count, " stacks"] }
}

/// Returns the counts that are not zero, such as `1 to add, 2 to destroy`; in the past tense if
/// `done`.
pub fn counts(summary: PlanSummary, done: bool) -> Text {
    let kinds = [
        (summary.create, " to add", " added"),
        (summary.update, " to change", " changed"),
        (summary.replace, " to replace", " replaced"),
        (summary.delete, " to destroy", " destroyed"),
        (summary.import, " to import", " imported"),
        (summary.moved, " to move", " moved"),
        (summary.forget, " to forget", " forgotten"),
    ];
    let told = kinds
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, ahead, past)| text![count, if done { past } else { ahead }]);
    let told = Text::join(told, ", ");
    if told.is_empty() && done { "nothing changed".into() } else { told }
}

/// Returns the three counts that the engine always shows, and the others that are not zero.
fn all_counts(summary: PlanSummary) -> Text {
    let rest = PlanSummary { create: 0, update: 0, delete: 0, ..summary };
    let rest = counts(rest, false);
    let rest = (!rest.is_empty()).then(|| text![", ", rest]);
    text![
        summary.create,
        " to add, ",
        summary.update,
        " to change, ",
        summary.delete,
        " to destroy",
        rest
    ]
}

/// Returns the state of the change, and what comes next.
pub fn state_line(report: &Change) -> Marked {
    let mark = match report.state {
        ChangeState::Planning | ChangeState::Queued | ChangeState::Applying => Mark::Busy,
        ChangeState::NothingAffected | ChangeState::Approved | ChangeState::Applied => Mark::Good,
        ChangeState::SettingsActive if report.verdict.as_ref().is_some_and(|root| root.met) => {
            Mark::Good
        }
        ChangeState::AwaitingConfirmation if report.digest.is_none() => Mark::Bad,
        ChangeState::AwaitingApproval | ChangeState::AwaitingConfirmation => Mark::Waiting,
        ChangeState::Stopped | ChangeState::Superseded | ChangeState::Closed => Mark::Moot,
        ChangeState::InternalError
        | ChangeState::Blocked
        | ChangeState::Failed
        | ChangeState::Partial
        | ChangeState::SettingsActive => Mark::Bad,
    };
    let text = match report.state {
        ChangeState::Planning
        | ChangeState::Stopped
        | ChangeState::InternalError
        | ChangeState::NothingAffected
        | ChangeState::AwaitingApproval
        | ChangeState::Approved
        | ChangeState::Blocked => before_merge(report),
        _ => after_merge(report),
    };
    Marked { mark, text }
}

fn before_merge(report: &Change) -> Text {
    let (head, plan) = (&report.head, code("/infra plan"));
    match report.state {
        ChangeState::Planning => text![head, " is being planned; the result will stand here."],
        ChangeState::Stopped => text!["Planning ", head, " was stopped; ", plan, " plans it."],
        ChangeState::InternalError => text![
            head,
            " could not be planned, through no fault of its own. ",
            plan,
            " tries again."
        ],
        ChangeState::NothingAffected => "There is nothing to apply.".into(),
        ChangeState::AwaitingApproval if is_outdated(report) => text![
            "The plan is out of date. ",
            plan,
            " makes a new one, which is to be approved then."
        ],
        ChangeState::AwaitingApproval if report.is_about_rules_only() => {
            "Waiting for approval. Approve the pull request after reading what changes.".into()
        }
        ChangeState::AwaitingApproval => {
            "Waiting for approval. Approve the pull request after reading the plan.".into()
        }
        ChangeState::Approved if report.is_about_rules_only() => {
            "Every requirement is met. Merging puts it in force; nothing is applied for it.".into()
        }
        ChangeState::Approved => "Every requirement is met. Merging applies this plan.".into(),
        _ if report.has_errors() => {
            "Mend what is listed below and push; it is planned again.".into()
        }
        _ => "Blocked by what is listed below.".into(),
    }
}

fn after_merge(report: &Change) -> Text {
    let (not_applied, apply) = (strong("not applied"), code("/infra apply"));
    match report.state {
        ChangeState::Queued => "Merged. It waits for its turn to be applied.".into(),
        ChangeState::Applying => "Merged. It is being applied.".into(),
        ChangeState::Applied => "Applied and verified: a second plan is empty.".into(),
        ChangeState::AwaitingConfirmation => match &report.digest {
            None => text![
                "Merged, but ",
                not_applied,
                ": what is listed below cannot be. Mend it in another pull request."
            ],
            Some(digest) => text![
                "Merged, but ",
                not_applied,
                ": what would happen now was not approved. To have it applied as shown below, \
                 someone who may approve comments ",
                code(format_args!("/infra apply --plan {}", digest.short())),
                "."
            ],
        },
        ChangeState::Failed => text![
            "The apply failed and is not tried again by itself. When the cause is mended, comment ",
            apply,
            "."
        ],
        ChangeState::Partial => text![
            "Only a part was applied, and it is not tried again by itself. When the cause is \
             mended, comment ",
            apply,
            "."
        ],
        ChangeState::Superseded => {
            "Not applied: a newer change of the same stacks was applied before.".into()
        }
        ChangeState::SettingsActive if report.verdict.as_ref().is_some_and(|root| root.met) => {
            "Merged and in force. There was nothing to apply.".into()
        }
        ChangeState::SettingsActive => text![
            "Merged and in force, ",
            strong("although not every requirement was met"),
            ". If it was not meant, take it back by another pull request."
        ],
        _ => "Closed without a merge: nothing is applied, no lock is held.".into(),
    }
}

/// Returns whether the plan is out of date, so that an approval of it would not count.
fn is_outdated(report: &Change) -> bool {
    let root = report.verdict.iter().flat_map(|root| &root.children);
    root.into_iter()
        .any(|requirement| requirement.what == RequirementKind::Fresh && !requirement.met)
}

/// Returns the problems because of which nothing is planned.
fn problems(report: &Change) -> Doc {
    let mut doc = Doc::default();
    if !report.conflicts.is_empty() {
        let files = report.conflicts.iter().take(MOST_NAMES);
        let mut files: Vec<Item> = files.map(|file| Item::new(short_code(file, 200))).collect();
        files.extend(more(report.conflicts.len(), MOST_NAMES).map(Item::more));
        doc.push(text![
            "The head cannot be merged into the base. Merge the base into this branch and resolve:"
        ]);
        doc.push(Block::List(files));
    }
    if !report.findings.is_empty() {
        doc.push(finding_list(&report.findings));
    }
    doc
}

fn cautions(report: &Change) -> Doc {
    if !is_ahead(report) {
        return Doc::default();
    }
    let mut going: Vec<(&StackChange, &ResourceChange)> = report
        .stacks
        .iter()
        .flat_map(|stack| {
            let changes = stack.plan_at_stake().map_or(&[][..], |plan| &plan.resources);
            changes.iter().map(move |change| (stack, change))
        })
        .filter(|(_, change)| change.action.is_destructive() || change.action.is_replace())
        .collect();
    if going.is_empty() {
        return Doc::default();
    }
    going.sort_by_cached_key(|(stack, change)| (risk::order(change), &stack.stack));
    let item = |stack: &StackChange, change: &ResourceChange| {
        let is_protected = stack.protected.contains(&change.address);
        Item::new(text![caution(change, is_protected), " (", &stack.stack, ")"])
    };
    let told = going.iter().take(MOST_CAUTIONS);
    let mut items: Vec<Item> = told.map(|(stack, change)| item(stack, change)).collect();
    items.extend(more(going.len(), MOST_CAUTIONS).map(Item::more));
    let head = match going.len() {
        1 => "1 resource is deleted or replaced".into(),
        n => text![n, " resources are deleted or replaced"],
    };
    Block::Callout(Callout::Caution, vec![Block::Heading(head), Block::List(items)]).into()
}

/// Returns whether somebody still has to decide about the change.
fn is_ahead(report: &Change) -> bool {
    matches!(
        report.state,
        ChangeState::AwaitingApproval
            | ChangeState::Approved
            | ChangeState::Blocked
            | ChangeState::AwaitingConfirmation
    )
}

fn table(report: &Change) -> Doc {
    if report.stacks.is_empty() {
        return Doc::default();
    }
    let has_progress = report.stacks.iter().any(|stack| stack.progress.is_some());
    let mut head: Vec<Text> = ["Stack", "Plan", "Risk", "Drift"].map(Text::from).into();
    head.extend(has_progress.then(|| "Apply".into()));
    let row = |stack: &StackChange| {
        let mut row =
            vec![text![&stack.stack], outline(stack), risk_cell(stack), drift_cell(&stack.drift)];
        if has_progress {
            let progress = stack.progress.as_ref().map(progress_words);
            row.push(progress.map_or("–".into(), Text::from));
        }
        row
    };
    let rows = report.riskiest_first().into_iter().take(MOST_ROWS).map(row).collect();
    let mut doc = Doc::from(Block::Table { head, rows });
    if let Some(more) = more(report.stacks.len(), MOST_ROWS) {
        doc.push(text!["… and ", more, " more stacks, none of them riskier."]);
    }
    doc
}

fn risk_cell(stack: &StackChange) -> Text {
    match stack.risk() {
        None => "–".into(),
        Some(risk @ (Risk::DataLoss | Risk::PublicExposure)) => text![strong(words(risk))],
        Some(risk) => text![words(risk)],
    }
}

fn drift_cell(drift: &DriftCheck) -> Text {
    match drift {
        DriftCheck::NeverApplied => "–".into(),
        DriftCheck::Unknown(_) => "not checked".into(),
        DriftCheck::Checked(plan) => match Drift::in_plan(plan).len() {
            0 => "none".into(),
            n => text![strong(n)],
        },
    }
}

/// Returns how applying a stack goes.
pub fn progress_words(progress: &StackProgress) -> Marked {
    let (mark, text) = match progress {
        StackProgress::Queued { position, behind } => {
            let behind = behind.map(|number| text![", behind ", number]);
            (Mark::Busy, text!["place ", words(position), " in the queue", behind])
        }
        StackProgress::Applying => (Mark::Busy, "applying".into()),
        StackProgress::Applied { .. } => (Mark::Good, "applied, verified".into()),
        StackProgress::Differs { .. } => (Mark::Waiting, "differs from what was approved".into()),
        StackProgress::Failed { .. } => (Mark::Bad, "failed".into()),
        StackProgress::NotStarted { because_of } => {
            (Mark::Moot, text!["not started: ", because_of, " failed"])
        }
        StackProgress::Superseded { by } => (Mark::Moot, text!["superseded by ", by]),
    };
    Marked { mark, text }
}

fn requirements(report: &Change) -> Doc {
    let Some(root) = report.verdict.as_ref() else { return Doc::default() };
    let head = |when: &'static str| Block::Heading(text!["Before it ", when]);
    if report.state == ChangeState::SettingsActive && !root.met {
        return vec![head("was merged"), requirement_list(root)].into();
    }
    if !is_ahead(report) {
        return Doc::default();
    }
    let when = if report.is_about_rules_only() { "is merged" } else { "is applied" };
    let is_self_allowed = report.warnings.contains(&Warning::SelfApproval);
    let who = who_may_approve(&report.principals, is_self_allowed);
    vec![head(when), requirement_list(root), Block::Paragraph(who)].into()
}

fn who_may_approve(principals: &[Principal], is_self_allowed: bool) -> Text {
    if principals.is_empty() || is_self_allowed {
        return "Anyone with write access may approve.".into();
    }
    let mut parts = BTreeMap::<&Login, Vec<&'static str>>::new();
    for principal in principals.iter().filter(|principal| !is_nobody(principals, principal)) {
        let told = parts.entry(&principal.login).or_default();
        if !told.contains(&principal_role(principal.why)) {
            told.push(principal_role(principal.why));
        }
    }
    let anyone = "Anyone with write access may approve who had no part in the change";
    if parts.is_empty() {
        return text![anyone, "."];
    }
    let count = parts.len();
    let names = parts.into_iter().take(MOST_NAMES).map(|(login, parts)| {
        text![login, " (", Text::join(parts.into_iter().map(Text::from), ", "), ")"]
    });
    let names = Text::join(names, ", ");
    let more = more(count, MOST_NAMES).map(|more| text![" and ", more, " more"]);
    text![anyone, "; not ", names, more, "."]
}

/// Returns whether the principal is a bot, under any of its logins, or GitHub's own account for
/// commits made on its website. Neither could approve anyway.
fn is_nobody(principals: &[Principal], principal: &Principal) -> bool {
    let mut names = principals.iter().filter(|other| other.user == principal.user);
    names.any(|other| other.login.as_str().ends_with("[bot]") || other.login.as_str() == "web-flow")
}

fn warnings(report: &Change) -> Doc {
    let mut told: Vec<Item> = report.warnings.iter().take(MOST_NAMES).map(warning).collect();
    told.extend(more(report.warnings.len(), MOST_NAMES).map(Item::more));
    if told.is_empty() {
        return Doc::default();
    }
    Block::Callout(Callout::Warning, vec![Block::List(told)]).into()
}
