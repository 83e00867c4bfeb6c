//! Plans, drift and outputs for a terminal: the same facts as in the comment.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use planwright_core::{
    drift::{Drift, OutputDrift},
    names::StackId,
    plan::{Action, Plan, ResourceChange, Value},
    risk,
};
use planwright_engine::Output;
use planwright_view::{
    Block, DiffLine, Doc, Labels, Text, change_lines, counts, difference_text, drift_lines,
    output_line, terminal, text, value_text, words,
};

use crate::checkout::plan::StackPlan;

/// Returns a plan as text: counts, changes with the riskiest first, and the digest.
pub fn plan_text(stack: &StackId, planned: &StackPlan) -> String {
    let plan = planned.plan();
    let binary = &planned.work.binary;
    let engine = text![" (", words(binary.kind.name()), " ", words(&binary.version), ")"];
    let mut body = vec![changes(plan, &planned.protected())];
    body.extend(
        planned.warnings().iter().map(|it| Block::Paragraph(text!["warning: ", words(it)])),
    );
    body.push(Block::Paragraph(text!["digest ", words(plan.digest().short())]));
    terminal(&about(stack, text![outline(plan), engine], body))
}

/// Returns a document with a line about a stack, and `body` below it.
pub fn about(stack: &StackId, line: impl Into<Text>, body: Vec<Block>) -> Doc {
    let line = line.into();
    let colon = if line.is_empty() { ":" } else { ": " };
    let summary = text![words(stack), colon, line];
    Block::Details { summary, is_open: true, body: body.into() }.into()
}

/// Returns a summary of a plan in a few words.
fn outline(plan: &Plan) -> Text {
    match counts(plan.summary(), false) {
        _ if plan.is_empty() => "no changes".into(),
        none if none.is_empty() => "only outputs change".into(),
        counts => counts,
    }
}

/// Returns the changes of a plan, the riskiest first.
pub fn changes(plan: &Plan, protected: &BTreeSet<String>) -> Block {
    let resources = risk::riskiest_first(&plan.resources).into_iter().flat_map(|change| {
        let is_protected = protected.contains(&change.address);
        change_lines(change, Labels { reverts: None, is_protected })
    });
    let outputs = plan
        .outputs
        .iter()
        .map(|(name, it)| output_line(name, it.action, &difference_text(&it.before, &it.after)));
    Block::Diff(resources.chain(outputs).collect())
}

/// Drift without attributes whose planned value is unknown: they follow from the others, and "known
/// after apply" was never an applied value.
pub struct Drifted<'a> {
    resources: Vec<ResourceChange>,
    outputs: BTreeMap<&'a str, OutputDrift<'a>>,
}

impl<'a> Drifted<'a> {
    pub fn in_plan(plan: &'a Plan) -> Self {
        let Drift { resources, outputs } = Drift::in_plan(plan);
        Self { resources: resources.into_iter().map(known).collect(), outputs }
    }

    fn len(&self) -> usize {
        self.resources.len() + self.outputs.len()
    }

    /// Returns the drift as text, in the order applied → found.
    pub fn text(&self, stack: &StackId) -> String {
        let count = match self.len() {
            0 => return terminal(&about(stack, "no drift", Vec::new())),
            count => text![count, " drifted, as applied → as found"],
        };
        let resources = risk::riskiest_first(&self.resources).into_iter().flat_map(drift_lines);
        let outputs = self.outputs.iter().map(|(name, it)| {
            output_line(name, Action::Update, &difference_text(it.applied, it.found))
        });
        let lines: Vec<DiffLine> = resources.chain(outputs).collect();
        terminal(&about(stack, count, vec![Block::Diff(lines)]))
    }

    /// Returns the drift as JSON; the `action` of a resource is the one that reverts its drift.
    pub fn json(&self, stack: &StackId) -> Json {
        let resources = self.resources.iter().map(|change| {
            let mut json = json!(change);
            json["differences"] = change
                .differences
                .iter()
                .map(|one| json!({ "path": one.path, "applied": one.after, "found": one.before }))
                .collect();
            json
        });
        let outputs = self.outputs.iter().map(|(name, output)| {
            ((*name).to_owned(), json!({ "applied": output.applied, "found": output.found }))
        });
        json!({
            "stack": stack,
            "applied": true,
            "drifted": self.len(),
            "resources": resources.collect::<Vec<_>>(),
            "outputs": outputs.collect::<serde_json::Map<_, _>>(),
        })
    }
}

/// Returns a change without attributes that only follow from others.
fn known(change: &ResourceChange) -> ResourceChange {
    let mut change = change.clone();
    if change.differences.iter().any(|difference| !difference.after.is_unknown()) {
        change.differences.retain(|difference| !difference.after.is_unknown());
    }
    change
}

/// Returns outputs in the engine's notation; sensitive ones without value, unless requested.
pub fn outputs(outputs: &BTreeMap<String, Output>, shows_sensitive: bool) -> Block {
    let line = |(name, output): (&String, &Output)| {
        let value = match output.sensitive && !shows_sensitive {
            true => value_text(&Value::Sensitive(String::new())),
            false => output.value.to_string(),
        };
        format!("{name} = {value}")
    };
    Block::Code(outputs.iter().map(line).collect())
}

/// Returns outputs as JSON; sensitive ones without `value`, unless requested.
pub fn outputs_json(outputs: &BTreeMap<String, Output>, shows_sensitive: bool) -> Json {
    let one = |(name, output): (&String, &Output)| {
        let json = match output.sensitive && !shows_sensitive {
            true => json!({ "sensitive": true }),
            false => json!({ "sensitive": output.sensitive, "value": output.value }),
        };
        (name.clone(), json)
    };
    outputs.iter().map(one).collect::<serde_json::Map<_, _>>().into()
}

/// Returns an error about a stack, line by line, followed by `body`.
pub fn failure(stack: &StackId, message: &str, body: Vec<Block>) -> Doc {
    let mut lines = message.lines().map(str::trim_end);
    let first = lines.next().unwrap_or_default();
    let summary = text!["error: ", words(stack), ": ", words(first)];
    let mut all = vec![Block::Code(lines.map(str::to_owned).collect())];
    all.extend(body);
    Block::Details { summary, is_open: true, body: all.into() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use planwright_core::plan::OutputChange;

    #[test]
    fn drift_is_the_same_in_text_and_json_and_leaves_out_what_is_not_known() {
        let value = |text: &str| Value::Known(text.into());
        let output = |after| OutputChange { action: Action::Update, before: value("Hello"), after };
        let plan = Plan {
            outputs: [
                ("follows".to_owned(), output(Value::Unknown)),
                ("message".to_owned(), output(value("Boo"))),
            ]
            .into(),
            ..Plan::default()
        };
        let (drifted, stack) = (Drifted::in_plan(&plan), StackId::parse("web").unwrap());
        let text = drifted.text(&stack);
        insta::assert_snapshot!(text, @r#"
        web: 1 drifted, as applied → as found
          ~ output message: "Hello" → "Boo"
        "#);
        let json = drifted.json(&stack);
        assert_eq!(json["drifted"], 1);
        let message = json!({ "applied": value("Hello"), "found": value("Boo") });
        assert_eq!(json["outputs"], json!({ "message": message }));
    }

    #[test]
    fn a_sensitive_output_is_shown_only_to_who_asks_for_it() {
        let output = |value: &str, sensitive| Output { value: value.into(), sensitive };
        let outputs: BTreeMap<String, Output> = [
            ("password".to_owned(), output("hunter2222", true)),
            ("url".to_owned(), output("https://example.org/\u{1b}[31m", false)),
        ]
        .into();
        let text = |shows| {
            let stack = StackId::parse("web").unwrap();
            terminal(&about(&stack, "", vec![super::outputs(&outputs, shows)]))
        };
        let hidden = text(false);
        insta::assert_snapshot!(hidden.split_once('\n').unwrap().1, @r#"
          password = (sensitive)
          url = "https://example.org/\u001b[31m"
        "#);
        assert!(!outputs_json(&outputs, false).to_string().contains("hunter"));
        assert!(text(true).contains("hunter2222"));
        assert_eq!(outputs_json(&outputs, true)["password"]["value"], "hunter2222");
    }

    #[test]
    fn a_failure_cannot_write_to_the_terminal_by_itself() {
        let stack = StackId::parse("web").unwrap();
        let text = terminal(&failure(&stack, "no\n\u{1b}]0;title\u{7}\u{202e}", Vec::new()));
        assert_eq!(text, "error: web: no\n  ⟨U+001B⟩]0;title⟨U+0007⟩⟨U+202E⟩\n");
    }
}
