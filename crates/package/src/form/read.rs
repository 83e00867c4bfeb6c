//! Reads what a person entered into a form, from the text of the issue.
//!
//! GitHub writes each field as a heading with its value below. The text is divided only at the
//! headings of the form, each once and in order; such a heading inside a value is an error.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use planwright_core::{
    change_set::{ChangeSet, Edit, ParamPath},
    escape,
    finding::{Finding, Location},
    names::StackId,
};

use super::{Field, Form, PACKAGE, STACK};
use crate::{Checked, literal::literal, yaml::Node};

/// The file name in positions of findings; lines count within the text of the issue.
pub const ISSUE: &str = "issue";

/// Returns the package that the text of an issue names, if it was written with a Planwright form.
pub fn package_of(text: &str) -> Option<String> {
    let text = text.replace("\r\n", "\n");
    let mut lines = text.lines().map(str::trim_end).skip_while(|line| line.is_empty());
    if lines.next()? != heading(PACKAGE) {
        return None;
    }
    lines.find(|line| !line.is_empty()).map(str::to_owned)
}

impl Form {
    /// Returns the change that a filled-in form requests.
    ///
    /// Fails with one finding for each field that is invalid by itself. Whether the values fit the
    /// package is checked when the change is validated.
    pub fn read(&self, text: &str) -> Checked<ChangeSet> {
        let text = text.replace("\r\n", "\n");
        let values = self.values(&text)?;
        let mut findings = Vec::new();
        let (line, name) = values.get(STACK).cloned().unwrap_or((1, String::new()));
        let stack = StackId::parse(&name);
        if let Err(error) = &stack {
            findings.push(finding("form_field", line, format!("`{STACK}`: {error}")));
        }
        let mut params = BTreeMap::new();
        for field in &self.fields {
            let Some((line, text)) = values.get(&field.path.to_string()) else { continue };
            match field.value(text) {
                Ok(value) => {
                    params.insert(field.path.clone(), value);
                }
                Err(why) => {
                    findings.push(finding("form_field", *line, format!("`{}`: {why}", field.path)));
                }
            }
        }
        match stack {
            Ok(stack) if findings.is_empty() => Ok(ChangeSet(vec![Edit::AddStack {
                stack,
                package: self.package.clone(),
                version: None,
                params,
            }])),
            _ => Err(findings),
        }
    }

    /// Returns the form's label for a JSON pointer into the params.
    pub fn label(&self, pointer: &str) -> Option<String> {
        let steps = crate::yaml::steps(pointer.strip_prefix("/params")?);
        ParamPath::from_steps(steps).ok().map(|path| path.to_string())
    }

    /// Returns the text of each field that has one, with the line of its heading.
    fn values(&self, text: &str) -> Checked<BTreeMap<String, (u32, String)>> {
        let labels: Vec<String> = [PACKAGE, STACK]
            .map(str::to_owned)
            .into_iter()
            .chain(self.fields.iter().map(|field| field.path.to_string()))
            .collect();
        let mut values: BTreeMap<String, (u32, String)> = BTreeMap::new();
        let (mut findings, mut last) = (Vec::new(), None::<usize>);
        for (line, number) in text.lines().zip(1_u32..) {
            let place = labels.iter().position(|label| line.trim_end() == heading(label));
            match place {
                Some(place) if last.is_none_or(|last| place > last) => {
                    last = Some(place);
                    values.insert(labels[place].clone(), (number, String::new()));
                }
                Some(place) => {
                    let message = format!(
                        "the heading `{}` stands here again, within `{}`; a value cannot hold it",
                        labels[place],
                        last.map_or("", |last| &labels[last])
                    );
                    findings.push(finding("form_heading", number, message));
                }
                None => {
                    let current = last.and_then(|last| values.get_mut(&labels[last]));
                    if let Some((_, value)) = current {
                        value.push_str(line);
                        value.push('\n');
                    }
                }
            }
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        for (_, value) in values.values_mut() {
            *value = value.trim().to_owned();
        }
        values.retain(|_, (_, value)| !is_no_answer(value));
        Ok(values)
    }
}

impl Field {
    fn value(&self, text: &str) -> Result<Value, String> {
        if let Some(c) = text.chars().find(|c| escape::is_hidden(*c) && !matches!(c, '\n' | '\t')) {
            return Err(format!("it holds the hidden character U+{:04X}", u32::from(c)));
        }
        if self.takes("array") {
            return Ok(list(text));
        }
        if self.takes("object") {
            return mapping(text);
        }
        Ok(literal(text, Some(&self.schema)))
    }
}

/// Reads a list: JSON, or one string per line.
fn list(text: &str) -> Value {
    if let Ok(list @ Value::Array(_)) = serde_json::from_str(text) {
        return list;
    }
    let items = text.lines().map(|line| line.trim().trim_start_matches("- ").trim());
    items.filter(|item| !item.is_empty()).map(Value::from).collect()
}

/// Reads a mapping: YAML, and therefore JSON too. Numbers and booleans become strings.
fn mapping(text: &str) -> Result<Value, String> {
    match Node::parse(ISSUE, text.as_bytes()).map(|node| node.value()) {
        Ok(Value::Object(map)) => {
            let texts = map.into_iter().map(|(key, value)| (key, as_text(value)));
            Ok(Value::Object(texts.collect::<Map<_, _>>()))
        }
        Ok(_) => Err("it is no mapping; write one `key: value` on each line".into()),
        Err(findings) => Err(findings.first().map_or(String::new(), |f| f.message.clone())),
    }
}

/// Returns a number or boolean as a string: a person who enters `cost: 12` for a map of strings
/// does not mean a number.
fn as_text(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::String(number.to_string()),
        Value::Bool(bool) => Value::String(bool.to_string()),
        other => other,
    }
}

fn heading(label: &str) -> String {
    format!("### {label}")
}

/// Returns whether this is what GitHub writes for an empty field.
fn is_no_answer(value: &str) -> bool {
    matches!(value, "" | "_No response_" | "None")
}

fn finding(code: &'static str, line: u32, message: String) -> Finding {
    Finding::error(code, Location { file: ISSUE.into(), line, column: 1 }, message)
}
