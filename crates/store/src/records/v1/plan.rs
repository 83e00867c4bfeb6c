//! The plan of a stack.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use planwright_core::plan;

use crate::records::mirror::Mirror;

records! {
    struct Plan for plan::Plan {
        resources: Vec<ResourceChange>,
        outputs: BTreeMap<String, OutputChange>,
        refreshed: Vec<ResourceChange>,
        unchanged: usize,
    }
    struct ResourceChange for plan::ResourceChange {
        address: String,
        resource_type: String,
        provider: String,
        previous_address: Option<String>,
        deposed: Option<String>,
        importing: Option<String>,
        action: Action,
        action_reason: Option<String>,
        replace_paths: Vec<Path>,
        differences: Vec<Difference>,
    }
    struct OutputChange for plan::OutputChange {
        action: Action,
        before: Value,
        after: Value,
    }
    #[serde(rename_all = "kebab-case")]
    enum Action for plan::Action {
        NoOp,
        Create,
        Read,
        Update,
        Delete,
        DeleteThenCreate,
        CreateThenDelete,
        Forget,
        CreateThenForget,
    }
    struct Difference for plan::Difference {
        path: Path,
        before: Value,
        after: Value,
    }
    #[serde(rename_all = "snake_case")]
    enum Value for plan::Value {
        Absent,
        Known(value: Json),
        Unknown,
        Sensitive(hmac: String),
        SensitiveUnknown,
    }
    #[serde(untagged)]
    enum Step for plan::Step { Index(index: u64), Key(key: String) }
}

/// The path of an attribute, stored as a list.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Path(Vec<Step>);

impl Mirror<plan::Path> for Path {
    fn store(value: &plan::Path) -> Self {
        Self(Mirror::store(&value.0))
    }
    fn load(self) -> plan::Path {
        plan::Path(self.0.load())
    }
}
