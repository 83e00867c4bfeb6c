//! The calls that a model may make: a closed set, parsed strictly into one canonical form.
//!
//! What is authorised, carried out and logged is the [`Call`], never the text that it was parsed
//! from. Whether a call is allowed is decided in `gate`.

use std::{collections::BTreeMap, ops::RangeInclusive, sync::OnceLock};

use jsonschema::Validator;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{json::strict, problem::Problem};
use crate::{
    canonical::canonical,
    change_set::{Edit, ParamPath},
    digest::Digest,
    escape,
    names::{InvalidName, StackId},
};

/// The largest size of a call, in bytes, of its name and arguments together.
pub const LARGEST: usize = 32 * 1024;
/// The number of params that one call may set or unset.
pub const MOST_PARAMS: usize = 30;

const QUERY: usize = 200;
const WHY: usize = 280;
const QUESTION: usize = 600;
const CHOICE: usize = 120;
const SUMMARY: usize = 1_500;
const UNMET: usize = 200;
const VALUE: usize = 8 * 1024;

const TOOLS: &str = include_str!("tools.json");

/// A tool as it is described to a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    pub name: String,
    pub description: String,
    /// A JSON Schema in the subset that all model servers accept: no bounds, no optional
    /// properties.
    pub parameters: Value,
}

/// A call as the model's server sent it, not yet parsed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawCall {
    pub name: String,
    /// JSON, unless the model made a mistake.
    pub arguments: String,
}

/// A call that has been parsed. `gate` may still refuse it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "tool", content = "arguments", rename_all = "snake_case")]
pub enum Call {
    SearchPackages { query: String },
    DescribePackage { package: String },
    ListStacks {},
    ReadStack { stack: StackId },
    AddStack { stack: StackId, package: String, set: Params, expected_rev: u64, why: String },
    SetParams { stack: StackId, set: Params, expected_rev: u64, why: String },
    UnsetParams { stack: StackId, paths: Vec<ParamPath>, expected_rev: u64, why: String },
    RemoveStack { stack: StackId, expected_rev: u64, why: String },
    Validate {},
    PlanPreview {},
    AskHuman { question: String, choices: Vec<String> },
    Finish { outcome: Outcome, summary: String, unmet: Vec<String> },
}

/// Values by path. The model writes each value as JSON in a string, so that the schema of a tool
/// does not depend on a package.
pub type Params = BTreeMap<ParamPath, Value>;

/// The outcome that the model names when it finishes a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Propose,
    NoChangeNeeded,
    AnswerOnly,
    CannotDo,
    OutOfScope,
}

/// Returns the tools of every run, in the order in which they are sent to a model.
pub fn tools() -> &'static [Tool] {
    static READ: OnceLock<Vec<Tool>> = OnceLock::new();
    // The file is compiled in, and a test parses it.
    READ.get_or_init(|| serde_json::from_str(TOOLS).unwrap_or_default())
}

/// Returns the digest of the tools. A run records it, so that it never goes on with other tools
/// than those it began with.
pub fn tools_digest() -> Digest {
    Digest::sha256(TOOLS.as_bytes())
}

impl Call {
    /// Parses a call: checks its size, reads strict JSON, finds the tool and validates the
    /// arguments by its schema.
    pub fn read(raw: &RawCall) -> Result<Self, Problem> {
        if raw.name.len() + raw.arguments.len() > LARGEST {
            let message = format!("a call has at most {LARGEST} bytes");
            return Err(Problem::new("too_large", "", message));
        }
        let arguments = if raw.arguments.trim().is_empty() { "{}" } else { &raw.arguments };
        let value = strict(arguments).map_err(|why| {
            Problem::new("not_json", "", format!("the arguments are not strict JSON: {why}"))
        })?;
        let Some((tool, schema)) = schema_of(&raw.name) else {
            return Err(Problem::new("unknown_tool", "", "there is no such tool")
                .allowed(tools().iter().map(|tool| tool.name.as_str()), &raw.name));
        };
        if let Some(error) = schema.iter_errors(&value).next() {
            let message = escape::shortened(&error.to_string(), 200);
            return Err(Problem::new("schema", error.instance_path().as_str(), message));
        }
        Self::from_json(&tool.name, &value)
    }

    fn from_json(tool: &str, value: &Value) -> Result<Self, Problem> {
        let read = Reader { value };
        Ok(match tool {
            "search_packages" => Self::SearchPackages { query: read.text("query", QUERY)? },
            "describe_package" => Self::DescribePackage { package: read.text("package", QUERY)? },
            "list_stacks" => Self::ListStacks {},
            "read_stack" => Self::ReadStack { stack: read.stack()? },
            "add_stack" => Self::AddStack {
                stack: read.stack()?,
                package: read.text("package", QUERY)?,
                set: read.params(0)?,
                expected_rev: read.rev()?,
                why: read.text("why", WHY)?,
            },
            "set_params" => Self::SetParams {
                stack: read.stack()?,
                set: read.params(1)?,
                expected_rev: read.rev()?,
                why: read.text("why", WHY)?,
            },
            "unset_params" => Self::UnsetParams {
                stack: read.stack()?,
                paths: read.paths()?,
                expected_rev: read.rev()?,
                why: read.text("why", WHY)?,
            },
            "remove_stack" => Self::RemoveStack {
                stack: read.stack()?,
                expected_rev: read.rev()?,
                why: read.text("why", WHY)?,
            },
            "validate" => Self::Validate {},
            "plan_preview" => Self::PlanPreview {},
            "ask_human" => Self::AskHuman {
                question: read.text("question", QUESTION)?,
                choices: read.texts("choices", 2..=6, CHOICE)?,
            },
            "finish" => Self::Finish {
                outcome: serde_json::from_value(value["outcome"].clone())
                    .map_err(|e| Problem::new("schema", "/outcome", e.to_string()))?,
                summary: read.text("summary", SUMMARY)?,
                unmet: read.texts("unmet", 0..=10, UNMET)?,
            },
            // Reached only if `tools.json` names a tool that is missing here, which a test rules
            // out.
            _ => return Err(Problem::new("unknown_tool", "", "there is no such tool")),
        })
    }

    /// Returns the canonical JSON, which is what is authorised, carried out and logged.
    pub fn canonical(&self) -> String {
        canonical(self)
    }

    /// Returns the edit that the call asks for and the revision that it expects, if it is an edit.
    pub fn edit(&self) -> Option<(Edit, u64)> {
        match self.clone() {
            Self::AddStack { stack, package, set: params, expected_rev, .. } => {
                Some((Edit::AddStack { stack, package, version: None, params }, expected_rev))
            }
            Self::SetParams { stack, set: params, expected_rev, .. } => {
                Some((Edit::SetParams { stack, params }, expected_rev))
            }
            Self::UnsetParams { stack, paths: params, expected_rev, .. } => {
                Some((Edit::UnsetParams { stack, params }, expected_rev))
            }
            Self::RemoveStack { stack, expected_rev, .. } => {
                Some((Edit::RemoveStack { stack }, expected_rev))
            }
            _ => None,
        }
    }
}

/// Returns all texts in `value` in which something, such as a secret, could be hidden.
///
/// These are each string, the strings in JSON that a string contains, the names of properties, and
/// the strings of each array and object joined together.
pub fn texts(value: &Value) -> Vec<String> {
    let mut texts = Vec::new();
    let mut open = vec![(value.clone(), super::json::DEPTH)];
    while let Some((value, left)) = open.pop() {
        let below: Vec<Value> = match value {
            Value::String(text) => {
                // Values of params are JSON in a string.
                let inner =
                    strict(&text).ok().filter(|_| left > 0 && text.contains(['\"', '[', '{']));
                open.extend(inner.map(|inner| (inner, left - 1)));
                texts.push(text);
                continue;
            }
            Value::Array(all) => all,
            Value::Object(map) => {
                texts.extend(map.keys().cloned());
                map.into_iter().map(|(_, value)| value).collect()
            }
            _ => continue,
        };
        let pieces: Vec<&str> = below.iter().filter_map(Value::as_str).collect();
        texts.push(pieces.concat());
        open.extend(below.into_iter().map(|value| (value, left)));
    }
    texts
}

impl RawCall {
    /// Returns the texts of a call that was not parsed, as [`texts`] does for a value.
    pub fn texts(&self) -> Vec<String> {
        let mut texts = vec![self.name.clone(), self.arguments.clone()];
        if let Ok(value) = strict(&self.arguments) {
            texts.extend(self::texts(&value));
        }
        texts
    }
}

fn schema_of(name: &str) -> Option<&'static (Tool, Validator)> {
    static READ: OnceLock<Vec<(Tool, Validator)>> = OnceLock::new();
    let all = READ.get_or_init(|| {
        let schema =
            |tool: &Tool| Some((tool.clone(), jsonschema::validator_for(&tool.parameters).ok()?));
        tools().iter().filter_map(schema).collect()
    });
    all.iter().find(|(tool, _)| tool.name == name)
}

/// Arguments that fit the schema of their tool, to be read one by one.
struct Reader<'a> {
    value: &'a Value,
}

impl Reader<'_> {
    /// Returns a text with its white space joined to single spaces. Fails if it is empty, longer
    /// than `limit` characters, or has invisible characters.
    fn text(&self, name: &str, limit: usize) -> Result<String, Problem> {
        text(self.value[name].as_str().unwrap_or_default(), &format!("/{name}"), limit)
    }

    fn texts(
        &self,
        name: &str,
        count: RangeInclusive<usize>,
        limit: usize,
    ) -> Result<Vec<String>, Problem> {
        let all = self.value[name].as_array().map_or(&[][..], Vec::as_slice);
        if !count.contains(&all.len()) {
            let (least, most) = count.into_inner();
            let message = format!("there have to be {least} to {most}");
            return Err(Problem::new("count", format!("/{name}"), message));
        }
        let one = |(i, value): (usize, &Value)| {
            text(value.as_str().unwrap_or_default(), &format!("/{name}/{i}"), limit)
        };
        all.iter().enumerate().map(one).collect()
    }

    fn stack(&self) -> Result<StackId, Problem> {
        let name = self.value["stack"].as_str().unwrap_or_default();
        StackId::parse(name).map_err(|e| invalid("/stack", &e))
    }

    fn rev(&self) -> Result<u64, Problem> {
        let message = "it is a whole number, 0 at the beginning";
        let rev = self.value["expected_rev"].as_u64();
        rev.ok_or_else(|| Problem::new("schema", "/expected_rev", message))
    }

    fn params(&self, least: usize) -> Result<Params, Problem> {
        let all = self.value["set"].as_array().map_or(&[][..], Vec::as_slice);
        if !(least..=MOST_PARAMS).contains(&all.len()) {
            let message = format!("there have to be {least} to {MOST_PARAMS}");
            return Err(Problem::new("count", "/set", message));
        }
        let mut params = Params::new();
        for (i, one) in all.iter().enumerate() {
            let at = format!("/set/{i}/path");
            let path = ParamPath::parse(one["path"].as_str().unwrap_or_default());
            let path = path.map_err(|e| invalid(&at, &e))?;
            let value = value(one["value_json"].as_str().unwrap_or_default(), i)?;
            if params.insert(path, value).is_some() {
                return Err(Problem::new("twice", at, "this path is set twice"));
            }
        }
        Ok(params)
    }

    fn paths(&self) -> Result<Vec<ParamPath>, Problem> {
        let all = self.value["paths"].as_array().map_or(&[][..], Vec::as_slice);
        if !(1..=MOST_PARAMS).contains(&all.len()) {
            let message = format!("there have to be 1 to {MOST_PARAMS}");
            return Err(Problem::new("count", "/paths", message));
        }
        let path = |(i, value): (usize, &Value)| {
            let path = ParamPath::parse(value.as_str().unwrap_or_default());
            path.map_err(|e| invalid(&format!("/paths/{i}"), &e))
        };
        all.iter().enumerate().map(path).collect()
    }
}

fn value(json: &str, i: usize) -> Result<Value, Problem> {
    let at = format!("/set/{i}/value_json");
    if json.len() > VALUE {
        return Err(Problem::new("too_large", at, format!("a value has at most {VALUE} bytes")));
    }
    let value = strict(json).map_err(|why| {
        Problem::new("not_json", at.clone(), format!("it is not JSON: {why}")).fix(format!(
            "a text stands in quotes, such as {}",
            Value::from(escape::shortened(json, 40))
        ))
    })?;
    match hidden_in(&value) {
        Some(c) => Err(Problem::new("hidden_character", at, hidden_message(c))),
        None => Ok(value),
    }
}

/// Returns an invisible character in any text of `value`, if there is one. Line ends and tabs are
/// allowed.
fn hidden_in(value: &Value) -> Option<char> {
    let in_text =
        |text: &str| text.chars().find(|c| escape::is_hidden(*c) && !matches!(c, '\n' | '\t'));
    match value {
        Value::String(text) => in_text(text),
        Value::Array(all) => all.iter().find_map(hidden_in),
        Value::Object(map) => {
            map.iter().find_map(|(name, value)| in_text(name).or_else(|| hidden_in(value)))
        }
        _ => None,
    }
}

fn text(text: &str, at: &str, limit: usize) -> Result<String, Problem> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    if text.chars().count() > limit {
        return Err(Problem::new("too_long", at, format!("at most {limit} characters")));
    }
    match text.chars().find(|c| escape::is_hidden(*c)) {
        Some(c) => Err(Problem::new("hidden_character", at, hidden_message(c))),
        None if text.is_empty() => Err(Problem::new("empty", at, "it says nothing")),
        None => Ok(text),
    }
}

fn hidden_message(c: char) -> String {
    format!("the character U+{:04X} is invisible", u32::from(c))
}

fn invalid(at: &str, error: &InvalidName) -> Problem {
    Problem::new("invalid_name", at, error.to_string())
}

#[cfg(test)]
mod tests;
