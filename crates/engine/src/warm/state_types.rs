//! The types in each state, recorded with each plan: a schema that lacks one of them cannot be
//! used.
//!
//! There is a file only for a state with types that the modules of its stack no longer use; most
//! states have none. If such a file is lost, one plan starts warm and is repeated cold.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use planwright_core::digest::Digest;

use crate::{Backend, Root};

/// The parts of a plan's JSON that name the types in a state.
#[derive(Deserialize)]
struct PlanJson {
    prior_state: Option<State>,
    #[serde(default)]
    resource_drift: Vec<Typed>,
    #[serde(default)]
    resource_changes: Vec<Typed>,
}

#[derive(Deserialize)]
struct State {
    values: Option<Values>,
}

#[derive(Deserialize)]
struct Values {
    root_module: Option<Module>,
}

#[derive(Deserialize)]
struct Module {
    #[serde(default)]
    resources: Vec<Typed>,
    #[serde(default)]
    child_modules: Vec<Module>,
}

#[derive(Deserialize)]
struct Typed {
    r#type: String,
}

impl Module {
    fn add_to(self, types: &mut BTreeSet<String>) {
        types.extend(self.resources.into_iter().map(|resource| resource.r#type));
        for module in self.child_modules {
            module.add_to(types);
        }
    }
}

/// Returns the types in the state that a plan was made from; empty if the JSON cannot be read.
pub(crate) fn types_in_plan(json: &[u8]) -> BTreeSet<String> {
    let Ok(plan) = serde_json::from_slice::<PlanJson>(json) else { return BTreeSet::new() };
    let changes = plan.resource_drift.into_iter().chain(plan.resource_changes);
    let mut types: BTreeSet<String> = changes.map(|change| change.r#type).collect();
    let root = plan.prior_state.and_then(|state| state.values?.root_module);
    if let Some(root) = root {
        root.add_to(&mut types);
    }
    types
}

/// Returns all types that the modules of a root use.
pub(super) fn types_in_modules(root: &Root<'_>) -> BTreeSet<String> {
    root.types.values().flat_map(|types| types.names().cloned()).collect()
}

/// Records the types of a state, unless its modules use them all.
pub(crate) fn remember(work: &Path, root: &Root<'_>, types: &BTreeSet<String>) {
    let file = file(work, root.backend);
    if types.is_subset(&types_in_modules(root)) {
        // Types that were recorded for another tree of this state do no harm.
        return;
    }
    if types.is_subset(&remembered(work, root.backend)) {
        return;
    }
    let written = file
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(&file, serde_json::to_vec(types).unwrap_or_default()));
    if let Err(why) = written {
        tracing::warn!("the types of a state are not remembered: {}: {why}", file.display());
    }
}

/// Returns the recorded types of a state.
pub(super) fn remembered(work: &Path, backend: &Backend) -> BTreeSet<String> {
    let text = fs::read(file(work, backend)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn file(work: &Path, backend: &Backend) -> PathBuf {
    let parts = backend.config.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
    let parts = std::iter::once(backend.kind.as_bytes()).chain(parts);
    let digest = Digest::of_parts("state-v1", parts);
    work.join(super::FOLDER).join("types").join(digest.as_str().replace(':', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_of_a_state_is_found() {
        let json = serde_json::json!({
            "prior_state": {"values": {"root_module": {
                "resources": [{"type": "aws_s3_bucket", "mode": "managed"}],
                "child_modules": [{"child_modules": [
                    {"resources": [{"type": "aws_sqs_queue"}]},
                ]}],
            }}},
            "resource_drift": [{"type": "aws_iam_role"}],
            "resource_changes": [{"type": "aws_vpc", "change": {}}],
        });
        let types = types_in_plan(json.to_string().as_bytes());
        let expected = ["aws_iam_role", "aws_s3_bucket", "aws_sqs_queue", "aws_vpc"];
        assert_eq!(types, expected.map(str::to_owned).into());
        assert_eq!(types_in_plan(b"{}"), BTreeSet::new());
    }
}
