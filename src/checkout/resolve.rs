//! `planwright resolve`: every value of a stack, and where it comes from.

use serde::Serialize;
use serde_json::Value;

use planwright_core::finding::Location;
use planwright_package::{Prepared, resolve::Source, stack::From};

use super::Error;

/// One value and every place that sets it, the one that counts first.
#[derive(Debug, Serialize)]
pub struct Explanation {
    pub pointer: String,
    pub value: Value,
    /// The param behind it, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub param: Option<String>,
    pub given: Vec<Given>,
}

#[derive(Debug, Serialize)]
pub struct Given {
    pub from: From,
    #[serde(flatten)]
    pub place: Location,
    pub value: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Explains each leaf at or below a JSON pointer of the resolved document.
pub fn why(prepared: &Prepared, pointer: &str) -> Result<Vec<Explanation>, Error> {
    let resolved = &prepared.resolved;
    let document = resolved.document();
    let below = format!("{}/", pointer.trim_end_matches('/'));
    let found: Vec<Explanation> = resolved
        .provenance()
        .into_iter()
        .filter(|(leaf, _)| leaf == pointer || leaf.starts_with(&below))
        .map(|(leaf, origin)| {
            let value = document.pointer(&leaf).cloned().unwrap_or_default();
            let first = Given { from: origin.from, place: origin.place, value, reason: None };
            explained(prepared, leaf, first)
        })
        .collect();
    if found.is_empty() {
        let message = format!(
            "`{pointer}` names no value of `{}`; `planwright resolve {0}` shows all pointers",
            resolved.stack
        );
        return Err(Error::Usage(message));
    }
    Ok(found)
}

fn explained(prepared: &Prepared, pointer: String, mut first: Given) -> Explanation {
    let binding = prepared
        .resolved
        .bindings()
        .find(|(prefix, _)| pointer == *prefix || pointer.starts_with(&format!("{prefix}/")));
    let value = first.value.clone();
    let param = match &binding {
        None => pointer.strip_prefix("/params").map(str::to_owned),
        Some((prefix, binding)) => {
            let source = match &binding.from {
                Source::Override { reason, replaced } => {
                    first.reason = Some(reason.clone());
                    replaced.as_ref()
                }
                source => source,
            };
            match source {
                Source::Param(param) => Some(format!("{param}{}", &pointer[prefix.len()..])),
                _ => None,
            }
        }
    };
    let mut given = vec![first];
    if let Some(param) = &param {
        given.extend(weaker(prepared, param));
        given.dedup_by(|other, one| other.from == one.from && other.place == one.place);
    }
    Explanation { pointer, value, param: param.map(|param| format!("/params{param}")), given }
}

/// Returns every layer that sets a param, from strongest to weakest.
fn weaker(prepared: &Prepared, param: &str) -> Vec<Given> {
    let layers = prepared.stack.layers.iter().rev();
    let mut all: Vec<Given> = layers
        .filter_map(|layer| {
            let node = layer.params.at(param)?;
            Some(Given {
                from: layer.from,
                place: node.place.clone(),
                value: node.value(),
                reason: None,
            })
        })
        .collect();
    if let Some(mut nothing) = prepared.stack.params() {
        nothing.kind = planwright_package::yaml::Kind::Map(std::collections::BTreeMap::new());
        let defaults = prepared.package.params.with_defaults(&nothing);
        all.extend(defaults.at(param).map(|node| Given {
            from: From::Default,
            place: node.place.clone(),
            value: node.value(),
            reason: None,
        }));
    }
    all
}
