//! One stack on the page of a run: steps, every change in full, drift, the engine's output.

use jiff::Timestamp;

use planwright_core::{
    change::{DriftCheck, PlanOutcome, StackChange, StackProgress},
    drift::{Drift, Reverts, reverts_drift},
    escape::visible,
    finding::Finding,
    names::StackId,
    plan::{Action, Difference, Plan, ResourceChange, Value},
    risk,
};
use planwright_store::{RunStep, Stage, StepState};
use planwright_view as view;
use planwright_view::{
    Html, Labels, code, facts, forces_replacement, html_line, plain, text, whole_value_text, words,
};

use super::text::took;

pub struct StackView {
    pub name: StackId,
    pub outline: String,
    pub risk: Option<String>,
    pub progress: Option<String>,
    pub is_bad: bool,
    pub steps: Vec<StepView>,
    /// Messages from the engine or from Planwright about the stack.
    pub notes: Vec<Html>,
    pub message: Option<String>,
    pub sections: Vec<Section>,
    pub log: Option<String>,
}

pub struct StepView {
    pub name: &'static str,
    pub word: &'static str,
    pub class: &'static str,
    pub mark: &'static str,
    pub took: Option<String>,
}

/// Changes under a heading.
pub struct Section {
    pub title: &'static str,
    /// The labels of the old and the new side.
    pub sides: [&'static str; 2],
    pub changes: Vec<ChangeView>,
}

pub struct ChangeView {
    pub class: &'static str,
    pub sign: &'static str,
    pub name: String,
    pub facts: String,
    pub rows: Vec<Row>,
    pub is_open: bool,
}

pub struct Row {
    pub path: String,
    /// `None` if there was no value before.
    pub before: Option<String>,
    pub after: String,
    pub remark: &'static str,
}

/// A change with more rows than this is collapsed.
const MOST_OPEN: usize = 30;
/// Shorter waits are not shown.
const UNSEEN_MILLIS: i128 = 300;

impl StackView {
    /// Returns the view of a stack without results.
    pub fn pending(name: &StackId) -> Self {
        Self {
            name: name.clone(),
            outline: "being planned".into(),
            risk: None,
            progress: None,
            is_bad: false,
            steps: Vec::new(),
            notes: Vec::new(),
            message: None,
            sections: Vec::new(),
            log: None,
        }
    }

    pub fn from_change(stack: &StackChange) -> Self {
        let mut view = Self {
            outline: plain(&view::outline(stack)),
            risk: stack.risk().map(|risk| risk.to_string()).filter(|risk| risk != "other"),
            progress: stack
                .progress
                .as_ref()
                .map(|progress| plain(&view::progress_words(progress).text)),
            is_bad: stack.has_errors()
                || matches!(stack.progress, Some(StackProgress::Failed { .. })),
            ..Self::pending(&stack.stack)
        };
        view.plan(stack);
        let caution = |it: &Finding| html_line(&text![code(&it.place), ": ", words(&it.message)]);
        view.notes.extend(stack.cautions.iter().map(caution));
        if let Some(StackProgress::Failed { message }) = &stack.progress {
            view.message = Some(block(message));
        }
        if let Some(StackProgress::Applied { outputs }) = &stack.progress {
            let value =
                |(name, value): (&String, &Value)| plain_change(name, whole_value_text(value));
            view.section("Outputs", ["", ""], outputs.iter().map(value).collect());
        }
        view.drift(&stack.drift);
        view
    }

    fn plan(&mut self, stack: &StackChange) {
        match &stack.plan {
            PlanOutcome::Pending => {}
            PlanOutcome::Planned(plan) => {
                if let Some(StackProgress::Differs { now }) = &stack.progress {
                    self.section("What would happen now", SIDES, changes(stack, now));
                    self.section("What was approved", SIDES, changes(stack, plan));
                } else {
                    self.section("Plan", SIDES, changes(stack, plan));
                }
                let refreshed = plan.refreshed.iter().map(|change| {
                    let change = ResourceChange { action: Action::Update, ..change.clone() };
                    ChangeView { is_open: false, ..changed(&change, Labels::default()) }
                });
                self.section("Values that were refreshed", SIDES, refreshed.collect());
            }
            PlanOutcome::Invalid(findings) => {
                let all: Vec<String> = findings.iter().map(|it| block(&it.to_string())).collect();
                self.message = Some(all.join("\n\n"));
            }
            PlanOutcome::EngineFailed(message) => {
                self.message = Some(block(message));
            }
            PlanOutcome::NotPlanned(why) => {
                self.notes = vec![html_line(&view::not_planned(&stack.stack, why))];
            }
        }
    }

    fn drift(&mut self, drift: &DriftCheck) {
        match drift {
            DriftCheck::NeverApplied => {}
            DriftCheck::Unknown(why) => {
                self.notes.push(html_line(&text!["Drift was not checked: ", words(why)]));
            }
            DriftCheck::Checked(plan) => {
                let drift = Drift::in_plan(plan);
                let resources = drift.resources.iter().map(|change| drifted(change));
                let outputs = drift.outputs.iter().map(|(name, it)| ChangeView {
                    facts: view::drift_word(Action::Update).into(),
                    ..output(name, Action::Update, it.applied, it.found)
                });
                let all = resources.chain(outputs).collect();
                self.section("Drift since the last apply", ["as it was applied", "as it is"], all);
            }
        }
    }

    fn section(&mut self, title: &'static str, sides: [&'static str; 2], changes: Vec<ChangeView>) {
        if !changes.is_empty() {
            self.sections.push(Section { title, sides, changes });
        }
    }
}

const SIDES: [&str; 2] = ["now", "afterwards"];

/// Returns a multi-line text with invisible characters made visible.
fn block(text: &str) -> String {
    text.lines().map(visible).collect::<Vec<_>>().join("\n")
}

fn changes(stack: &StackChange, plan: &Plan) -> Vec<ChangeView> {
    let drift = match &stack.drift {
        DriftCheck::Checked(drift) => Some(drift),
        _ => None,
    };
    let reverts = drift.map(|drift| reverts_drift(plan, drift)).unwrap_or_default();
    let resources = risk::riskiest_first(&plan.resources).into_iter().map(|change| {
        let key = (change.address.as_str(), change.deposed.as_deref());
        let is_protected = stack.protected.contains(&change.address);
        changed(change, Labels { reverts: reverts.get(&key), is_protected })
    });
    let outputs =
        plan.outputs.iter().map(|(name, it)| output(name, it.action, &it.before, &it.after));
    resources.chain(outputs).collect()
}

fn changed(change: &ResourceChange, labels: Labels) -> ChangeView {
    let remark = |difference: &Difference| match labels.reverts {
        _ if forces_replacement(change, difference) => "forces replacement",
        Some(Reverts::Attributes(paths)) if paths.contains(&difference.path) => "reverts drift",
        _ => "",
    };
    let rows: Vec<Row> = change
        .differences
        .iter()
        .map(|it| Row { remark: remark(it), ..row(it, &it.before, &it.after) })
        .collect();
    let (class, sign) = class_and_sign(change.action);
    ChangeView {
        class,
        sign,
        name: visible(&change.address),
        facts: facts(change, labels).join("; "),
        is_open: rows.len() <= MOST_OPEN && change.action != Action::Delete,
        rows,
    }
}

/// Returns drift in the order applied → found, the reverse of the plan that reverts it.
fn drifted(change: &ResourceChange) -> ChangeView {
    let rows: Vec<Row> =
        change.differences.iter().map(|it| row(it, &it.after, &it.before)).collect();
    ChangeView {
        class: "warn",
        sign: "!",
        name: visible(&change.address),
        facts: view::drift_word(change.action).into(),
        is_open: rows.len() <= MOST_OPEN && change.action == Action::Update,
        rows,
    }
}

fn output(name: &str, action: Action, old: &Value, new: &Value) -> ChangeView {
    let (class, sign) = class_and_sign(action);
    let row = Row { path: "value".into(), before: before(old), after: after(old, new), remark: "" };
    ChangeView {
        class,
        sign,
        name: format!("output {}", visible(name)),
        facts: action.to_string(),
        rows: vec![row],
        is_open: true,
    }
}

fn plain_change(name: &str, value: String) -> ChangeView {
    let row = Row { path: "value".into(), before: None, after: value, remark: "" };
    ChangeView {
        class: "same",
        sign: "=",
        name: visible(name),
        facts: String::new(),
        rows: vec![row],
        is_open: true,
    }
}

fn row(difference: &Difference, old: &Value, new: &Value) -> Row {
    let path = visible(&difference.path.to_string());
    Row {
        path: if path.is_empty() { "(whole)".into() } else { path },
        before: before(old),
        after: after(old, new),
        remark: "",
    }
}

fn before(value: &Value) -> Option<String> {
    (*value != Value::Absent).then(|| whole_value_text(value))
}

fn after(old: &Value, new: &Value) -> String {
    match (old, new) {
        (Value::Sensitive(old), Value::Sensitive(new)) if old != new => {
            "(sensitive, changed)".into()
        }
        (_, new) => whole_value_text(new),
    }
}

fn class_and_sign(action: Action) -> (&'static str, &'static str) {
    match action {
        Action::Create => ("add", "+"),
        Action::Delete => ("del", "−"),
        Action::Update => ("warn", "~"),
        Action::NoOp | Action::Read | Action::Forget => ("same", "·"),
        _ => ("del", "±"),
    }
}

/// Returns the steps to show; if `is_over`, none of them counts as running.
pub fn steps<'a>(
    steps: impl Iterator<Item = &'a RunStep>,
    is_over: bool,
    now: Timestamp,
) -> Vec<StepView> {
    let is_seen = |step: &&RunStep| {
        let time = step.ended_at.unwrap_or(now).duration_since(step.began_at);
        step.stage != Stage::Wait || time.as_millis() >= UNSEEN_MILLIS
    };
    let view = |step: &RunStep| {
        let (word, class, mark) = match step.state {
            StepState::Done => ("done", "open", "✓"),
            StepState::Failed => ("failed", "refused", "✗"),
            StepState::Running if !is_over => ("in progress", "running", ""),
            StepState::Stopped | StepState::Running => ("stopped", "draft", "–"),
        };
        let end = step.ended_at.or((!is_over).then_some(now));
        let took = end.map(|end| took(end.duration_since(step.began_at)));
        StepView { name: name(step.stage), word, class, mark, took }
    };
    steps.filter(is_seen).map(view).collect()
}

fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Fetch => "Fetch",
        Stage::Merge => "Merge",
        Stage::Validate => "Validate",
        Stage::Wait => "Wait for the engine",
        Stage::Init => "Init",
        Stage::Plan => "Plan",
        Stage::Reuse => "Plan, known already",
        Stage::Drift => "Drift",
        Stage::Lock => "Locks",
        Stage::PlanAgain => "Plan again",
        Stage::Apply => "Apply",
        Stage::Verify => "Verify",
    }
}
