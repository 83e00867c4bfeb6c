//! What a reviewer reads in five seconds: one line, the dangers, a table, what is missing.

use planwright_core::{
    approval::Principal,
    drift::Drift,
    escape::{self, grouped},
    plan::{PlanSummary, ResourceChange},
    risk::{self, Risk},
    verdict::RequirementKind,
};

use super::{
    change::caution,
    requirement::{part, requirement_list, short},
    settings::{change_list, settings_section},
    stack::{finding_list, outline},
};
use planwright_core::change::{DriftReport, Progress, Report, StackReport, State, Warning};

const MOST_CAUTIONS: usize = 10;
const MOST_ROWS: usize = 60;
const MOST_NAMES: usize = 10;

/// The blocks above the details, the most important first; each stands alone.
pub fn summary(report: &Report) -> Vec<String> {
    vec![
        format!("{}  \n{}", headline(report), state_line(report)),
        problems(report),
        report.settings.as_ref().map_or_else(String::new, settings_section),
        cautions(report),
        table(report),
        requirements(report),
        warnings(report),
    ]
}

/// `**Plan: 5 to add, 0 to change, 0 to destroy** in 1 stack`.
pub fn headline(report: &Report) -> String {
    let stacks = match report.stacks.len() {
        1 => "1 stack".to_owned(),
        n => format!("{} stacks", grouped(n)),
    };
    let failed = report.stacks.iter().filter(|stack| stack.has_errors()).count();
    let withheld = report.stacks.iter().filter(|stack| stack.is_withheld()).count();
    match report.state {
        State::Planning if report.stacks.is_empty() => "**Planning**".into(),
        State::Planning => format!("**Planning** {stacks}"),
        State::Stopped => "**Not planned: stopped**".into(),
        State::InternalError => "**Not planned: something of Planwright's own went wrong**".into(),
        State::NothingAffected => "**No stack is affected**".into(),
        _ if !report.conflicts.is_empty() => "**Not planned: merge conflict**".into(),
        _ if failed > 0 => format!("**Plan: {} of {stacks} failed**", grouped(failed)),
        State::Blocked if report.has_errors() => "**Not planned: invalid configuration**".into(),
        _ if report.is_about_settings_only() => "**Settings change**, no stack is affected".into(),
        State::Applied => format!("**Applied: {}** in {stacks}", counts(report.summary(), true)),
        // Three zeros would read as a plan without changes.
        _ if withheld > 0 && withheld == report.stacks.len() => {
            format!("**Not planned:** {stacks}")
        }
        _ if withheld > 0 => format!(
            "**Plan: {}** in {stacks}, {} of them not planned",
            all_counts(report.summary()),
            grouped(withheld)
        ),
        _ => format!("**Plan: {}** in {stacks}", all_counts(report.summary())),
    }
}

/// The counts that matter, `1 to add, 2 to destroy`; as what has been done if `done`.
pub fn counts(summary: PlanSummary, done: bool) -> String {
    let words = [
        (summary.create, "to add", "added"),
        (summary.update, "to change", "changed"),
        (summary.replace, "to replace", "replaced"),
        (summary.delete, "to destroy", "destroyed"),
        (summary.import, "to import", "imported"),
        (summary.moved, "to move", "moved"),
        (summary.forget, "to forget", "forgotten"),
    ];
    let told: Vec<String> = words
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, ahead, past)| {
            format!("{} {}", grouped(count), if done { past } else { ahead })
        })
        .collect();
    if told.is_empty() && done { "nothing changed".into() } else { told.join(", ") }
}

/// The engine's three numbers always, the others when there are any.
fn all_counts(summary: PlanSummary) -> String {
    let mut text = format!(
        "{} to add, {} to change, {} to destroy",
        grouped(summary.create),
        grouped(summary.update),
        grouped(summary.delete)
    );
    let rest = PlanSummary { create: 0, update: 0, delete: 0, ..summary };
    let rest = counts(rest, false);
    if !rest.is_empty() {
        text.push_str(&format!(", {rest}"));
    }
    text
}

/// Where the change stands, and what comes next.
pub fn state_line(report: &Report) -> String {
    let head = short(&report.head);
    let digest = report.digest.as_ref().map_or("DIGEST", |digest| digest.short());
    match report.state {
        State::Planning => format!("⏳ `{head}` is being planned; the result will stand here."),
        State::Stopped => format!("➖ Planning `{head}` was stopped; `/infra plan` plans it."),
        State::InternalError => format!(
            "❌ `{head}` could not be planned, through no fault of its own. `/infra plan` tries again."
        ),
        State::NothingAffected => "✅ There is nothing to apply.".into(),
        State::AwaitingApproval if is_outdated(report) => {
            "✋ The plan is out of date. `/infra plan` makes a new one, which is to be approved then."
                .into()
        }
        State::AwaitingApproval if report.is_about_settings_only() => {
            "✋ Waiting for approval. Approve the pull request after reading what changes.".into()
        }
        State::AwaitingApproval => {
            "✋ Waiting for approval. Approve the pull request after reading the plan.".into()
        }
        State::Approved if report.is_about_settings_only() => {
            "✅ Every requirement is met. Merging puts it in force; nothing is applied for it.".into()
        }
        State::Approved => "✅ Every requirement is met. Merging applies this plan.".into(),
        State::Blocked if report.has_errors() => {
            "❌ Mend what is listed below and push; it is planned again.".into()
        }
        State::Blocked => "❌ Blocked by what is listed below.".into(),
        State::Queued => "⏳ Merged. It waits for its turn to be applied.".into(),
        State::Applying => "⏳ Merged. It is being applied.".into(),
        State::Applied => "✅ Applied and verified: a second plan is empty.".into(),
        State::AwaitingConfirmation if report.digest.is_none() => {
            "❌ Merged, but **not applied**: what is listed below cannot be. Mend it in another pull \
             request."
                .into()
        }
        State::AwaitingConfirmation => format!(
            "✋ Merged, but **not applied**: what would happen now was not approved. To have it \
             applied as shown below, someone who may approve comments `/infra apply --plan {digest}`."
        ),
        State::Failed => "❌ The apply failed and is not tried again by itself. When the cause is \
                          mended, comment `/infra apply`."
            .into(),
        State::Partial => {
            "❌ Only a part was applied, and it is not tried again by itself. When the \
                           cause is mended, comment `/infra apply`."
                .into()
        }
        State::Superseded => {
            "➖ Not applied: a newer change of the same stacks was applied before.".into()
        }
        State::SettingsActive if report.verdict.as_ref().is_some_and(|root| root.met) => {
            "✅ Merged and in force. There was nothing to apply.".into()
        }
        State::SettingsActive => "❌ Merged and in force, **although not every requirement was met**. If it \
                           was not meant, take it back by another pull request."
            .into(),
        State::Closed => "➖ Closed without a merge: nothing is applied, no lock is held.".into(),
    }
}

/// Whether the plan is not of what holds now, so that approving it is of no use.
fn is_outdated(report: &Report) -> bool {
    let root = report.verdict.iter().flat_map(|root| &root.children);
    root.into_iter()
        .any(|requirement| requirement.what == RequirementKind::Fresh && !requirement.met)
}

/// What keeps everything from being planned.
fn problems(report: &Report) -> String {
    let mut blocks = Vec::new();
    if !report.conflicts.is_empty() {
        let files = report.conflicts.iter().take(MOST_NAMES);
        let files: Vec<String> = files
            .map(|file| format!("- {}", escape::code(&escape::shortened(file, 200))))
            .collect();
        let more = more(report.conflicts.len(), MOST_NAMES);
        blocks.push(format!(
            "The head cannot be merged into the base. Merge the base into this branch and resolve:\n\n{}{more}",
            files.join("\n")
        ));
    }
    if !report.findings.is_empty() {
        blocks.push(finding_list(&report.findings));
    }
    blocks.join("\n\n")
}

fn cautions(report: &Report) -> String {
    if !matches!(
        report.state,
        State::AwaitingApproval | State::Approved | State::Blocked | State::AwaitingConfirmation
    ) {
        return String::new();
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
        return String::new();
    }
    going.sort_by_cached_key(|(stack, change)| (risk::order(change), &stack.stack));
    let items = going.iter().take(MOST_CAUTIONS).map(|(stack, change)| {
        let is_protected = stack.protected.contains(&change.address);
        format!("> - {} (`{}`)", caution(change, is_protected), stack.stack)
    });
    let items: Vec<String> = items.collect();
    let head = match going.len() {
        1 => "1 resource is deleted or replaced".to_owned(),
        n => format!("{} resources are deleted or replaced", grouped(n)),
    };
    let more = more(going.len(), MOST_CAUTIONS).replace('\n', "\n> ");
    format!("> [!CAUTION]\n> **{head}**\n>\n{}{more}", items.join("\n"))
}

fn table(report: &Report) -> String {
    if report.stacks.is_empty() {
        return String::new();
    }
    let has_progress = report.stacks.iter().any(|stack| stack.progress.is_some());
    let mut rows =
        vec!["| Stack | Plan | Risk | Drift |".to_owned(), "| --- | --- | --- | --- |".into()];
    if has_progress {
        rows[0].push_str(" Apply |");
        rows[1].push_str(" --- |");
    }
    for stack in report.riskiest_first().into_iter().take(MOST_ROWS) {
        let mut row = format!(
            "| `{}` | {} | {} | {} |",
            stack.stack,
            outline(stack),
            risk_cell(stack),
            drift_cell(&stack.drift)
        );
        if has_progress {
            row.push_str(&format!(
                " {} |",
                stack.progress.as_ref().map_or("–".into(), progress_words)
            ));
        }
        rows.push(row);
    }
    let table = rows.join("\n");
    match report.stacks.len().checked_sub(MOST_ROWS).filter(|more| *more > 0) {
        None => table,
        Some(more) => {
            format!("{table}\n\n… and {} more stacks, none of them riskier.", grouped(more))
        }
    }
}

fn risk_cell(stack: &StackReport) -> String {
    match stack.risk() {
        None => "–".into(),
        Some(risk @ (Risk::DataLoss | Risk::PublicExposure)) => format!("**{risk}**"),
        Some(risk) => risk.to_string(),
    }
}

fn drift_cell(drift: &DriftReport) -> String {
    match drift {
        DriftReport::NeverApplied => "–".into(),
        DriftReport::Unknown(_) => "not checked".into(),
        DriftReport::Checked(plan) => match Drift::of(plan).len() {
            0 => "none".into(),
            n => format!("**{}**", grouped(n)),
        },
    }
}

/// How applying a stack goes, with a sign before it.
pub fn progress_words(progress: &Progress) -> String {
    match progress {
        Progress::Queued { position, behind: None } => format!("⏳ place {position} in the queue"),
        Progress::Queued { position, behind: Some(pr) } => {
            format!("⏳ place {position} in the queue, behind #{pr}")
        }
        Progress::Applying => "⏳ applying".into(),
        Progress::Applied { .. } => "✅ applied, verified".into(),
        Progress::Differs { .. } => "✋ differs from what was approved".into(),
        Progress::Failed { .. } => "❌ failed".into(),
        Progress::NotStarted { because_of } => format!("➖ not started: `{because_of}` failed"),
        Progress::Superseded { by } => format!("➖ superseded by `{}`", short(by)),
    }
}

fn requirements(report: &Report) -> String {
    let is_ahead = matches!(
        report.state,
        State::AwaitingApproval | State::Approved | State::Blocked | State::AwaitingConfirmation
    );
    let Some(root) = report.verdict.as_ref() else { return String::new() };
    if report.state == State::SettingsActive && !root.met {
        return format!("**Before it was merged**\n\n{}", requirement_list(root));
    }
    if !is_ahead {
        return String::new();
    }
    let when = if report.is_about_settings_only() { "merged" } else { "applied" };
    format!(
        "**Before it is {when}**\n\n{}\n\n{}",
        requirement_list(root),
        who_may_approve(&report.principals, report.warnings.contains(&Warning::SelfApproval))
    )
}

fn who_may_approve(principals: &[Principal], is_self_allowed: bool) -> String {
    if principals.is_empty() || is_self_allowed {
        return "Anyone with write access may approve.".into();
    }
    let mut parts = std::collections::BTreeMap::<_, Vec<&str>>::new();
    for principal in principals.iter().filter(|principal| !is_nobody(principals, principal)) {
        let told = parts.entry(&principal.login).or_default();
        if !told.contains(&part(principal.why)) {
            told.push(part(principal.why));
        }
    }
    if parts.is_empty() {
        return "Anyone with write access may approve who had no part in the change.".into();
    }
    let names: Vec<String> = parts
        .iter()
        .take(MOST_NAMES)
        .map(|(login, parts)| format!("`{login}` ({})", parts.join(", ")))
        .collect();
    let more = match parts.len().checked_sub(MOST_NAMES).filter(|more| *more > 0) {
        None => String::new(),
        Some(more) => format!(" and {} more", grouped(more)),
    };
    format!(
        "Anyone with write access may approve who had no part in the change; not {}{more}.",
        names.join(", ")
    )
}

/// Whether it is a bot, under any of its names, or GitHub's own hand in commits made on its pages:
/// neither approves anyway.
fn is_nobody(principals: &[Principal], principal: &Principal) -> bool {
    let mut names = principals.iter().filter(|other| other.user == principal.user);
    names.any(|other| other.login.as_str().ends_with("[bot]") || other.login.as_str() == "web-flow")
}

fn warnings(report: &Report) -> String {
    let told = report.warnings.iter().take(MOST_NAMES).map(|warning| match warning {
        Warning::SelfApproval => {
            "> - Whoever shaped a change may approve it here: `approvals.self` \
                                  is on in `planwright.yaml`."
                .to_owned()
        }
        Warning::PolicyChanged(changes) => {
            let list = change_list(changes).replace('\n', "\n>   ");
            format!(
                "> - `planwright.yaml` has changed since this was planned, and it is judged by what \
                 holds now:\n>   {list}"
            )
        }
        Warning::Other(text) => format!("> - {}", escape::prose(&escape::shortened(text, 300))),
    });
    let told: Vec<String> = told.collect();
    if told.is_empty() { String::new() } else { format!("> [!WARNING]\n{}", told.join("\n")) }
}

fn more(count: usize, shown: usize) -> String {
    match count.checked_sub(shown).filter(|more| *more > 0) {
        None => String::new(),
        Some(more) => format!("\n- … and {} more", grouped(more)),
    }
}
