//! Plans, drift and outputs as text for a terminal: the facts of the comment, in lines.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use crate::checkout::plan::StackPlan;
use planwright_core::drift::{Drift, OutputDrift};
use planwright_core::escape;
use planwright_core::names::StackId;
use planwright_core::plan::{Action, Plan, ResourceChange, Value};
use planwright_core::risk;
use planwright_engine::Output;
use planwright_view::{Labels, change_lines, counts, difference_text, drift_lines, value_text};

/// A plan: counts, the riskiest change first, and the digest.
pub fn plan_text(stack: &StackId, planned: &StackPlan) -> String {
    let (plan, protected) = (planned.plan(), planned.protected());
    let binary = &planned.work.binary;
    let mut text =
        format!("{stack}: {} ({} {})\n", outline(plan), binary.kind.name(), binary.version);
    text += &changes(plan, &protected);
    for warning in planned.warnings() {
        text += &format!("  warning: {}\n", inline(&warning.to_string()));
    }
    text + &format!("  digest {}\n", plan.digest().short())
}

/// What happens, in a few words.
fn outline(plan: &Plan) -> String {
    match counts(plan.summary(), false) {
        _ if plan.is_empty() => "no changes".into(),
        none if none.is_empty() => "only outputs change".into(),
        counts => counts,
    }
}

/// The changes of a plan, the riskiest first.
pub fn changes(plan: &Plan, protected: &BTreeSet<String>) -> String {
    let resources = risk::riskiest_first(&plan.resources).into_iter().flat_map(|change| {
        let is_protected = protected.contains(&change.address);
        change_lines(change, Labels { reverts: None, is_protected })
    });
    let outputs = plan.outputs.iter();
    let outputs = outputs.map(|(name, it)| output_line(name, it.action, &it.before, &it.after));
    indented(resources.chain(outputs))
}

/// What has drifted, without attributes that a plan leaves unknown: they follow from the rest, and
/// nobody has applied "known after apply".
pub struct Drifted<'a> {
    resources: Vec<ResourceChange>,
    outputs: BTreeMap<&'a str, OutputDrift<'a>>,
}

impl<'a> Drifted<'a> {
    pub fn of(plan: &'a Plan) -> Self {
        let Drift { resources, outputs } = Drift::of(plan);
        Self { resources: resources.into_iter().map(known).collect(), outputs }
    }

    fn len(&self) -> usize {
        self.resources.len() + self.outputs.len()
    }

    /// As it was applied → as it is.
    pub fn text(&self, stack: &StackId) -> String {
        let count = match self.len() {
            0 => return format!("{stack}: no drift\n"),
            1 => "1 drifted".to_owned(),
            count => format!("{} drifted", escape::grouped(count)),
        };
        let resources = risk::riskiest_first(&self.resources).into_iter().flat_map(drift_lines);
        let outputs = self
            .outputs
            .iter()
            .map(|(name, it)| output_line(name, Action::Update, it.applied, it.found));
        format!("{stack}: {count}, as applied → as found\n{}", indented(resources.chain(outputs)))
    }

    /// The same as JSON; the `action` of a resource is the one that takes its drift back.
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

/// A change without the attributes that only follow from others.
fn known(change: &ResourceChange) -> ResourceChange {
    let mut change = change.clone();
    if change.differences.iter().any(|difference| !difference.after.is_unknown()) {
        change.differences.retain(|difference| !difference.after.is_unknown());
    }
    change
}

fn output_line(name: &str, action: Action, old: &Value, new: &Value) -> String {
    let symbol = match action {
        Action::Create => '+',
        Action::Delete => '-',
        _ => '!',
    };
    format!("{symbol} output {}: {}", inline(name), difference_text(old, new))
}

/// Outputs as the engine writes them; sensitive ones only by name, unless they are asked for.
pub fn outputs_text(outputs: &BTreeMap<String, Output>, shows_sensitive: bool) -> String {
    let line = |(name, output): (&String, &Output)| {
        let value = match output.sensitive && !shows_sensitive {
            true => value_text(&Value::Sensitive(String::new())),
            false => escape::visible(&output.value.to_string()),
        };
        format!("  {} = {value}\n", inline(name))
    };
    outputs.iter().map(line).collect()
}

/// The same as JSON; a sensitive output that is not asked for has no `value`.
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

/// What went wrong with a stack, line by line.
pub fn failure_text(stack: &StackId, message: &str) -> String {
    let mut lines = message.lines().map(|line| escape::visible(line.trim_end()));
    let first = lines.next().unwrap_or_default();
    let rest: String = lines.map(|line| format!("  {line}\n")).collect();
    format!("error: {stack}: {first}\n{rest}")
}

/// Lines below their stack; the `!` that colours a change in a comment is the engine's `~` here.
fn indented(lines: impl Iterator<Item = String>) -> String {
    let line = |line: String| match line.strip_prefix('!') {
        Some(rest) => format!("  ~{rest}\n"),
        None => format!("  {line}\n"),
    };
    lines.map(line).collect()
}

/// Text from outside on one line.
pub fn inline(text: &str) -> String {
    escape::visible(text)
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
        let (drifted, stack) = (Drifted::of(&plan), StackId::parse("web").unwrap());
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
        insta::assert_snapshot!(outputs_text(&outputs, false), @r#"
          password = (sensitive)
          url = "https://example.org/\u001b[31m"
        "#);
        assert!(!outputs_json(&outputs, false).to_string().contains("hunter"));
        assert!(outputs_text(&outputs, true).contains("hunter2222"));
        assert_eq!(outputs_json(&outputs, true)["password"]["value"], "hunter2222");
    }

    #[test]
    fn a_failure_cannot_write_to_the_terminal_by_itself() {
        let stack = StackId::parse("web").unwrap();
        let text = failure_text(&stack, "no\n\u{1b}]0;title\u{7}\u{202e}");
        assert_eq!(text, "error: web: no\n  ⟨U+001B⟩]0;title⟨U+0007⟩⟨U+202E⟩\n");
    }
}
