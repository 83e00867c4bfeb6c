//! The module files of a package, parsed as the engine parses them.
//!
//! A JSON file is converted to the blocks that it would have in HCL, so that callers handle one
//! form. Only the repository's own packages are checked: built-in packages are tested before a
//! release. What a module means is left to the engine, but for what `module_code` refuses.

use hcl_edit::{
    Ident, Span,
    expr::{Expression, ObjectKey},
    structure::{Attribute, Block, Body},
    template::{StringTemplate, Template},
};
use serde_json::Value;

use planwright_core::{
    finding::{Finding, Location},
    strict_json::{Limits, parse},
};

use super::{loaded_package::Package, module_code, module_risk, source::Source};

/// Returns a finding for each module file that is not valid HCL or JSON, or has what no module may
/// contain.
pub(crate) fn findings(package: &Package) -> Vec<Finding> {
    if matches!(package.source, Source::BuiltIn(_)) {
        return Vec::new();
    }
    let modules = package.files.iter().filter(|(path, _)| path.starts_with("modules/"));
    modules
        .flat_map(|(path, bytes)| {
            let file = ModuleFile { origin: &package.origin, path, bytes };
            match bodies(&file.name(), bytes) {
                None => module_code::findings_in_template(&file),
                Some(Ok(bodies)) => {
                    let unclear = unclear_template(&file);
                    unclear.into_iter().chain(module_code::findings(&file, &bodies)).collect()
                }
                Some(Err(finding)) => vec![finding],
            }
        })
        .collect()
}

/// Returns a warning for each thing that the package's own module files in one of `folders` do
/// beside the resources that a plan shows.
pub(crate) fn risks(package: &Package, folders: &[String]) -> Vec<Finding> {
    if matches!(package.source, Source::BuiltIn(_)) {
        return Vec::new();
    }
    let is_in = |path: &str, folder: &String| {
        path.strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/'))
    };
    let modules = package.files.iter().filter(|(path, _)| folders.iter().any(|it| is_in(path, it)));
    modules
        .filter_map(|(path, bytes)| {
            let file = ModuleFile { origin: &package.origin, path, bytes };
            match bodies(&file.name(), bytes) {
                None => Some(module_risk::findings_in_template(&file)),
                Some(bodies) => Some(module_risk::findings(&file, &bodies.ok()?)),
            }
        })
        .flatten()
        .collect()
}

/// A module file of a package.
#[derive(Clone, Copy)]
pub(super) struct ModuleFile<'a> {
    /// The name of the package, or its folder in the repository.
    pub origin: &'a str,
    /// The path in the package, `modules/SLOT/VARIANT/…`.
    pub path: &'a str,
    pub bytes: &'a [u8],
}

impl ModuleFile<'_> {
    /// Returns the path in the repository.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.origin, self.path)
    }

    /// Returns the place of an element. Those of a JSON file are not known, so it is the first.
    pub(super) fn place(&self, element: &dyn Span) -> Location {
        let span = element.span().filter(|_| !self.path.ends_with(".json"));
        let start = span.map_or(0, |span| span.start);
        let before = &self.bytes[..start.min(self.bytes.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Location { file: self.name(), line: number(line), column: number(column) }
    }
}

/// Returns a file as the template that `templatefile` could make of it; `None` if it is none.
pub(super) fn template(file: &ModuleFile<'_>) -> Option<Template> {
    let text = std::str::from_utf8(file.bytes).ok().filter(|text| has_template(text))?;
    text.parse().ok()
}

/// Parses a module file; `None` for other files. A JSON list yields several bodies.
pub(super) fn bodies(file: &str, bytes: &[u8]) -> Option<Result<Vec<Body>, Finding>> {
    let (code, read) = if is_of(file, ["tf", "tofu"]) {
        ("invalid_hcl", hcl(bytes))
    } else if is_of(file, ["tf.json", "tofu.json"]) {
        ("invalid_json", json(bytes))
    } else {
        return None;
    };
    Some(read.map_err(|((line, column), why)| {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).max(1);
        let place = Location { file: file.into(), line: number(line), column: number(column) };
        Finding::error(code, place, format!("the engine could not read this: {why}"))
    }))
}

fn is_of(path: &str, ends: [&str; 2]) -> bool {
    ends.iter().any(|end| path.strip_suffix(end).is_some_and(|rest| rest.ends_with('.')))
}

/// Line, column, and what is wrong there.
type Flaw = ((usize, usize), String);

fn hcl(bytes: &[u8]) -> Result<Vec<Body>, Flaw> {
    let text = std::str::from_utf8(bytes).map_err(|why| ((1, 1), format!("not UTF-8: {why}")))?;
    let body = hcl_edit::parser::parse_body(text).map_err(|error| {
        let at = error.location();
        ((at.line(), at.column()), error.message().to_owned())
    })?;
    Ok(vec![body])
}

fn json(bytes: &[u8]) -> Result<Vec<Body>, Flaw> {
    // HCL reads a repeated name as several blocks, so a check of the last would not see what runs.
    let limits = Limits { depth: 127, exact_numbers: false };
    let value = parse(bytes, limits).map_err(|error| {
        let text = error.to_string();
        let end = text.find(" at line ").unwrap_or(text.len());
        ((error.line(), error.column()), text[..end].to_owned())
    })?;
    Ok(each(&value).map(|value| body(None, value)).collect())
}

/// Returns the items of a list, or the value itself: JSON syntax treats them alike.
fn each(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).iter()
}

/// Returns how many labels a block has; `None` for an attribute, or for a block that no caller
/// reads.
fn labels(around: Option<&str>, name: &str) -> Option<usize> {
    match (around, name) {
        (None, "terraform" | "import" | "moved" | "removed")
        | (Some("terraform"), "required_providers")
        | (Some("resource"), "lifecycle") => Some(0),
        (None, "check" | "module") => Some(1),
        (None, "resource" | "data" | "ephemeral" | "list" | "action") | (Some("check"), "data") => {
            Some(2)
        }
        _ => None,
    }
}

fn body(around: Option<&str>, value: &Value) -> Body {
    let mut body = Body::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        // A key that is no identifier, such as `//`, is a comment.
        let Ok(ident) = Ident::try_new(name.as_str()) else { continue };
        match labels(around, name) {
            Some(labels) => {
                for block in blocks(&Block::new(ident), labels, value) {
                    body.push(block);
                }
            }
            None => body.push(Attribute::new(ident, expression(value))),
        }
    }
    body
}

/// Returns the blocks below a name, with the labels collected so far.
fn blocks(so_far: &Block, labels: usize, value: &Value) -> Vec<Block> {
    let mut all = Vec::new();
    for value in each(value) {
        if labels == 0 {
            let mut block = so_far.clone();
            block.body = body(Some(so_far.ident.as_str()), value);
            all.push(block);
            continue;
        }
        for (label, value) in value.as_object().into_iter().flatten() {
            let mut block = so_far.clone();
            block.labels.push(label.as_str().into());
            all.extend(blocks(&block, labels - 1, value));
        }
    }
    all
}

/// Converts JSON to an expression. The engine evaluates every JSON string as a template.
fn expression(value: &Value) -> Expression {
    match value {
        Value::String(text) => string(text),
        Value::Array(items) => items.iter().map(expression).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (ObjectKey::Expression(string(name)), expression(value)))
            .collect(),
        Value::Bool(value) => Expression::from(*value),
        Value::Null | Value::Number(_) => Expression::null(),
    }
}

/// Returns a finding for a string of a JSON file that an engine may evaluate and that cannot be read
/// here: nobody would see what it does.
fn unclear_template(file: &ModuleFile<'_>) -> Option<Finding> {
    let is_json = file.path.ends_with(".json");
    let value: Value = serde_json::from_slice(file.bytes).ok().filter(|_| is_json)?;
    let text: String = unreadable_template(&value)?.chars().take(80).collect();
    let place = Location { file: file.name(), line: 1, column: 1 };
    let message = format!("it is not clear what `{text}` evaluates");
    let mut finding = Finding::error("ambiguous_text", place, message);
    finding.fix = Some("write this file in HCL".into());
    Some(finding)
}

/// Returns a string that the engine would evaluate, and that cannot be read as a template here.
fn unreadable_template(value: &Value) -> Option<&str> {
    let is_unreadable = |text: &&str| has_template(text) && text.parse::<Template>().is_err();
    match value {
        Value::String(text) => Some(text.as_str()).filter(is_unreadable),
        Value::Array(items) => items.iter().find_map(unreadable_template),
        Value::Object(members) => members.iter().find_map(|(name, value)| {
            Some(name.as_str()).filter(is_unreadable).or_else(|| unreadable_template(value))
        }),
        Value::Bool(_) | Value::Null | Value::Number(_) => None,
    }
}

fn has_template(text: &str) -> bool {
    text.contains("${") || text.contains("%{")
}

fn string(text: &str) -> Expression {
    match text.parse::<Template>() {
        Ok(template) if has_template(text) => StringTemplate::from(template).into(),
        _ => text.into(),
    }
}
