//! Checks params in two phases: the package's schema, then the flat schema of each selected
//! variant.
//!
//! Two flat schemas give one finding per mistake; one schema with branches would give several.

use std::collections::BTreeMap;

use serde_json::Value;

use planwright_core::finding::Finding;

use super::{
    Checked,
    document::finding_at,
    loaded_package::Package,
    schema_error::Member,
    stack::Stack,
    variant::Variant,
    yaml::{Entry, Kind, Node, escaped},
};

/// Params that a package accepts, with defaults filled in, and the variant of each slot.
pub(crate) struct Params {
    pub node: Node,
    pub variants: BTreeMap<String, String>,
}

impl Params {
    /// Returns the params of a stack for a package, or everything that is wrong with them.
    pub(crate) fn check(stack: &Stack, package: &Package) -> Checked<Self> {
        let Some(given) = stack.params() else { return Err(Vec::new()) };
        let mut findings = refused(&given, "/params");
        push(&mut findings, secrets(package.params.value(), &given, "/params"));
        let mut node = package.params.with_defaults(&given);
        push(&mut findings, package.params.findings(&node, "/params", Member::Param));
        let mut variants = BTreeMap::new();
        for (slot, about) in &package.manifest.slots {
            let chosen = match about.selector() {
                None => about.variants.first().cloned(),
                Some(path) => match select(package, slot, &path, &mut node) {
                    Ok(name) => name,
                    Err(more) => {
                        push(&mut findings, more);
                        None
                    }
                },
            };
            if let Some(name) = chosen {
                variants.insert(slot.clone(), name);
            }
        }
        findings.sort_by(|a, b| a.place.cmp(&b.place));
        if findings.is_empty() { Ok(Self { node, variants }) } else { Err(findings) }
    }
}

/// Runs the second phase for one slot. Returns the name of its variant; `None` if the first phase
/// has already reported why there is none.
fn select(
    package: &Package,
    slot: &str,
    path: &[String],
    node: &mut Node,
) -> Checked<Option<String>> {
    let pointer = |steps: &[String]| -> String {
        steps.iter().map(|step| format!("/{}", escaped(step))).collect()
    };
    let (around, last) = (pointer(&path[..path.len() - 1]), &path[path.len() - 1]);
    let name = match node.at(&pointer(path)).map(|node| &node.kind) {
        Some(Kind::String(name)) => name.clone(),
        _ => return Ok(None),
    };
    let Some(Variant { params: Some(schema), .. }) = package.variant(slot, &name) else {
        return Ok(None);
    };
    let key = node.place_of(&around).clone();
    let Some(object) = node.at_mut(&around) else { return Ok(None) };
    let Kind::Map(map) = &mut object.kind else { return Ok(None) };
    let Some(selector) = map.remove(last) else { return Ok(None) };
    let own = Node { place: key, kind: std::mem::replace(&mut object.kind, Kind::Null) };
    let prefix = format!("/params{around}");
    let mut findings = secrets(schema.value(), &own, &prefix);
    let mut filled = schema.with_defaults(&own);
    push(&mut findings, schema.findings(&filled, &prefix, Member::Param));
    for finding in findings.iter_mut().filter(|finding| finding.code == "unknown_param") {
        explain_other_variant(package, slot, last, &name, finding);
    }
    if let Kind::Map(map) = &mut filled.kind {
        map.insert(last.clone(), selector);
    }
    if let Some(object) = node.at_mut(&around) {
        object.kind = filled.kind;
    }
    if findings.is_empty() { Ok(Some(name)) } else { Err(findings) }
}

/// Rewords a finding about a param that another variant of the slot has: it is no typo.
fn explain_other_variant(
    package: &Package,
    slot: &str,
    select: &str,
    chosen: &str,
    finding: &mut Finding,
) {
    let name = finding.pointer.as_deref().and_then(|p| p.rsplit('/').next()).unwrap_or_default();
    let owner = package.variants.iter().find(|((of, other), variant)| {
        let schema = variant.params.as_ref();
        of == slot
            && other != chosen
            && schema.is_some_and(|s| s.properties().iter().any(|p| p == name))
    });
    if let Some(((_, owner), _)) = owner {
        finding.message =
            format!("`{name}` belongs to `{select}: {owner}`, and `{chosen}` is chosen");
        finding.fix = Some(format!("write `{select}: {owner}`, or remove `{name}`"));
        finding.did_you_mean = None;
    }
}

/// Returns findings for values with a meaning in later versions, which must not be taken as plain
/// values now.
fn refused(node: &Node, pointer: &str) -> Vec<Finding> {
    let told = |code, message: &str, fix: &str| {
        let mut finding = Finding::error(code, node.place.clone(), message);
        finding.pointer = Some(pointer.to_owned());
        finding.fix = Some(fix.to_owned());
        vec![finding]
    };
    match &node.kind {
        Kind::Map(map) if map.contains_key("$secret") => told(
            "secret_refused",
            "references to secrets cannot be used yet",
            "give the credential to the provider in the server's environment instead",
        ),
        Kind::String(text) if is_stack_output(text) => told(
            "stack_output_refused",
            "outputs of other stacks cannot be used yet",
            "write the value itself",
        ),
        Kind::Map(map) => map
            .iter()
            .flat_map(|(key, entry)| refused(&entry.node, &format!("{pointer}/{}", escaped(key))))
            .collect(),
        Kind::List(list) => list
            .iter()
            .enumerate()
            .flat_map(|(i, node)| refused(node, &format!("{pointer}/{i}")))
            .collect(),
        _ => Vec::new(),
    }
}

/// Returns whether the text is exactly `${stacks.<id>.outputs.<name>}`; a text that only contains
/// it is plain.
fn is_stack_output(text: &str) -> bool {
    let inner = text.strip_prefix("${stacks.").and_then(|rest| rest.strip_suffix('}'));
    inner.is_some_and(|inner| inner.contains(".outputs.") && !inner.contains(['{', '}', ' ']))
}

/// Returns findings for values of params that the schema declares secret.
fn secrets(schema: &Value, node: &Node, pointer: &str) -> Vec<Finding> {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for (name, property) in properties {
        let Some(Entry { node: value, .. }) = node.entry(name) else { continue };
        let below = format!("{pointer}/{}", escaped(name));
        if property.get("x-secret") == Some(&Value::Bool(true)) {
            let at = format!("/{}", escaped(name));
            let message = format!("the param `{name}` is a secret, and secrets cannot be used yet");
            let mut finding = finding_at(node, &at, "secret_refused", message);
            finding.pointer = Some(below);
            finding.fix = Some(format!("remove `{name}`; never commit a secret"));
            findings.push(finding);
        } else {
            findings.extend(secrets(property, value, &below));
        }
    }
    findings
}

/// Adds the findings whose pointer, or a part below it, has no finding yet.
fn push(findings: &mut Vec<Finding>, more: Vec<Finding>) {
    for finding in more {
        let is_told = findings.iter().any(|other| match (&other.pointer, &finding.pointer) {
            (Some(one), Some(other)) => other == one || other.starts_with(&format!("{one}/")),
            _ => false,
        });
        if !is_told {
            findings.push(finding);
        }
    }
}
