//! What a reviewer reads in five seconds: one line, the dangers, a table, what is missing.

use std::collections::BTreeMap;

use planwright_core::{
    approval::Principal,
    change::{DriftReport, Progress, Report, StackReport, State, Warning},
    drift::Drift,
    names::Login,
    plan::{PlanSummary, ResourceChange},
    risk::{self, Risk},
    verdict::RequirementKind,
};

use super::{
    change::caution,
    doc::{
        Block, Callout, Doc, Item, Mark, Marked, Span, Text, code, foreign, more, short_code,
        strong, words,
    },
    requirement::{part, requirement_list},
    settings::{setting_change, settings_section},
    stack::{finding_list, outline},
};
use crate::text;

const MOST_CAUTIONS: usize = 10;
const MOST_ROWS: usize = 60;
const MOST_NAMES: usize = 10;

/// The parts above the details, the most important first; each stands alone.
pub fn summary(report: &Report) -> Vec<Doc> {
    vec![
        text![headline(report), Span::Break, state_line(report)].into(),
        problems(report),
        report.settings.as_ref().map(settings_section).into(),
        cautions(report),
        table(report),
        requirements(report),
        warnings(report),
    ]
}

/// **Plan: 5 to add, 0 to change, 0 to destroy** in 1 stack.
pub fn headline(report: &Report) -> Text {
    let stacks = of_stacks(report.stacks.len());
    let failed = report.stacks.iter().filter(|stack| stack.has_errors()).count();
    let withheld = report.stacks.iter().filter(|stack| stack.is_withheld()).count();
    let whole = |words: &'static str| text![strong(words)];
    match report.state {
        State::Planning if report.stacks.is_empty() => whole("Planning"),
        State::Planning => text![strong("Planning"), " ", stacks],
        State::Stopped => whole("Not planned: stopped"),
        State::InternalError => whole("Not planned: something of Planwright's own went wrong"),
        State::NothingAffected => whole("No stack is affected"),
        _ if !report.conflicts.is_empty() => whole("Not planned: merge conflict"),
        _ if failed > 0 => text![strong(text!["Plan: ", failed, " of ", stacks, " failed"])],
        State::Blocked if report.has_errors() => whole("Not planned: invalid configuration"),
        _ if report.is_about_settings_only() => {
            text![strong("Settings change"), ", no stack is affected"]
        }
        State::Applied => {
            text![strong(text!["Applied: ", counts(report.summary(), true)]), " in ", stacks]
        }
        // Three zeros would read as a plan without changes.
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

/// So many stacks.
pub fn of_stacks(count: usize) -> Text {
    if count == 1 { "1 stack".into() } else { text![count, " stacks"] }
}

/// The counts that matter, `1 to add, 2 to destroy`; as what has been done if `done`.
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

/// The engine's three numbers always, the others when there are any.
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

/// Where the change stands, and what comes next.
pub fn state_line(report: &Report) -> Marked {
    let mark = match report.state {
        State::Planning | State::Queued | State::Applying => Mark::Busy,
        State::NothingAffected | State::Approved | State::Applied => Mark::Good,
        State::SettingsActive if report.verdict.as_ref().is_some_and(|root| root.met) => Mark::Good,
        State::AwaitingConfirmation if report.digest.is_none() => Mark::Bad,
        State::AwaitingApproval | State::AwaitingConfirmation => Mark::Waiting,
        State::Stopped | State::Superseded | State::Closed => Mark::Moot,
        State::InternalError
        | State::Blocked
        | State::Failed
        | State::Partial
        | State::SettingsActive => Mark::Bad,
    };
    let text = match report.state {
        State::Planning
        | State::Stopped
        | State::InternalError
        | State::NothingAffected
        | State::AwaitingApproval
        | State::Approved
        | State::Blocked => before_merge(report),
        _ => after_merge(report),
    };
    Marked { mark, text }
}

fn before_merge(report: &Report) -> Text {
    let (head, plan) = (&report.head, code("/infra plan"));
    match report.state {
        State::Planning => text![head, " is being planned; the result will stand here."],
        State::Stopped => text!["Planning ", head, " was stopped; ", plan, " plans it."],
        State::InternalError => text![
            head,
            " could not be planned, through no fault of its own. ",
            plan,
            " tries again."
        ],
        State::NothingAffected => "There is nothing to apply.".into(),
        State::AwaitingApproval if is_outdated(report) => text![
            "The plan is out of date. ",
            plan,
            " makes a new one, which is to be approved then."
        ],
        State::AwaitingApproval if report.is_about_settings_only() => {
            "Waiting for approval. Approve the pull request after reading what changes.".into()
        }
        State::AwaitingApproval => {
            "Waiting for approval. Approve the pull request after reading the plan.".into()
        }
        State::Approved if report.is_about_settings_only() => {
            "Every requirement is met. Merging puts it in force; nothing is applied for it.".into()
        }
        State::Approved => "Every requirement is met. Merging applies this plan.".into(),
        _ if report.has_errors() => {
            "Mend what is listed below and push; it is planned again.".into()
        }
        _ => "Blocked by what is listed below.".into(),
    }
}

fn after_merge(report: &Report) -> Text {
    let (not_applied, apply) = (strong("not applied"), code("/infra apply"));
    match report.state {
        State::Queued => "Merged. It waits for its turn to be applied.".into(),
        State::Applying => "Merged. It is being applied.".into(),
        State::Applied => "Applied and verified: a second plan is empty.".into(),
        State::AwaitingConfirmation => match &report.digest {
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
        State::Failed => text![
            "The apply failed and is not tried again by itself. When the cause is mended, comment ",
            apply,
            "."
        ],
        State::Partial => text![
            "Only a part was applied, and it is not tried again by itself. When the cause is \
             mended, comment ",
            apply,
            "."
        ],
        State::Superseded => {
            "Not applied: a newer change of the same stacks was applied before.".into()
        }
        State::SettingsActive if report.verdict.as_ref().is_some_and(|root| root.met) => {
            "Merged and in force. There was nothing to apply.".into()
        }
        State::SettingsActive => text![
            "Merged and in force, ",
            strong("although not every requirement was met"),
            ". If it was not meant, take it back by another pull request."
        ],
        _ => "Closed without a merge: nothing is applied, no lock is held.".into(),
    }
}

/// Whether the plan is not of what holds now, so that approving it is of no use.
fn is_outdated(report: &Report) -> bool {
    let root = report.verdict.iter().flat_map(|root| &root.children);
    root.into_iter()
        .any(|requirement| requirement.what == RequirementKind::Fresh && !requirement.met)
}

/// What keeps everything from being planned.
fn problems(report: &Report) -> Doc {
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

fn cautions(report: &Report) -> Doc {
    if !is_ahead(report) {
        return Doc::default();
    }
    let mut going: Vec<(&StackReport, &ResourceChange)> = report
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
    let item = |stack: &StackReport, change: &ResourceChange| {
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

/// Whether somebody still decides on it.
fn is_ahead(report: &Report) -> bool {
    matches!(
        report.state,
        State::AwaitingApproval | State::Approved | State::Blocked | State::AwaitingConfirmation
    )
}

fn table(report: &Report) -> Doc {
    if report.stacks.is_empty() {
        return Doc::default();
    }
    let has_progress = report.stacks.iter().any(|stack| stack.progress.is_some());
    let mut head: Vec<Text> = ["Stack", "Plan", "Risk", "Drift"].map(Text::from).into();
    head.extend(has_progress.then(|| "Apply".into()));
    let row = |stack: &StackReport| {
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

fn risk_cell(stack: &StackReport) -> Text {
    match stack.risk() {
        None => "–".into(),
        Some(risk @ (Risk::DataLoss | Risk::PublicExposure)) => text![strong(words(risk))],
        Some(risk) => text![words(risk)],
    }
}

fn drift_cell(drift: &DriftReport) -> Text {
    match drift {
        DriftReport::NeverApplied => "–".into(),
        DriftReport::Unknown(_) => "not checked".into(),
        DriftReport::Checked(plan) => match Drift::of(plan).len() {
            0 => "none".into(),
            n => text![strong(n)],
        },
    }
}

/// How applying a stack goes.
pub fn progress_words(progress: &Progress) -> Marked {
    let (mark, text) = match progress {
        Progress::Queued { position, behind } => {
            let behind = behind.map(|number| text![", behind ", number]);
            (Mark::Busy, text!["place ", words(position), " in the queue", behind])
        }
        Progress::Applying => (Mark::Busy, "applying".into()),
        Progress::Applied { .. } => (Mark::Good, "applied, verified".into()),
        Progress::Differs { .. } => (Mark::Waiting, "differs from what was approved".into()),
        Progress::Failed { .. } => (Mark::Bad, "failed".into()),
        Progress::NotStarted { because_of } => {
            (Mark::Moot, text!["not started: ", because_of, " failed"])
        }
        Progress::Superseded { by } => (Mark::Moot, text!["superseded by ", by]),
    };
    Marked { mark, text }
}

fn requirements(report: &Report) -> Doc {
    let Some(root) = report.verdict.as_ref() else { return Doc::default() };
    let head = |when: &'static str| Block::Heading(text!["Before it ", when]);
    if report.state == State::SettingsActive && !root.met {
        return vec![head("was merged"), requirement_list(root)].into();
    }
    if !is_ahead(report) {
        return Doc::default();
    }
    let when = if report.is_about_settings_only() { "is merged" } else { "is applied" };
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
        if !told.contains(&part(principal.why)) {
            told.push(part(principal.why));
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

/// Whether it is a bot, under any of its names, or GitHub's own hand in commits made on its pages:
/// neither approves anyway.
fn is_nobody(principals: &[Principal], principal: &Principal) -> bool {
    let mut names = principals.iter().filter(|other| other.user == principal.user);
    names.any(|other| other.login.as_str().ends_with("[bot]") || other.login.as_str() == "web-flow")
}

fn warnings(report: &Report) -> Doc {
    let told = report.warnings.iter().take(MOST_NAMES).map(|warning| match warning {
        Warning::SelfApproval => Item::new(text![
            "Whoever shaped a change may approve it here: ",
            code("approvals.self"),
            " is on in ",
            code("planwright.yaml"),
            "."
        ]),
        Warning::PolicyChanged(changes) => Item {
            below: changes.iter().map(setting_change).map(Item::new).collect(),
            ..Item::new(text![
                code("planwright.yaml"),
                " has changed since this was planned, and it is judged by what holds now:"
            ])
        },
        Warning::Other(text) => Item::new(foreign(text, 300)),
    });
    let told: Vec<Item> = told.collect();
    if told.is_empty() {
        return Doc::default();
    }
    Block::Callout(Callout::Warning, vec![Block::List(told)]).into()
}
