//! Reads the engines' plan JSON (`show -json`) into `core::plan`.
//!
//! The only file that knows that JSON:
//! <https://developer.hashicorp.com/terraform/internals/json-format>, major version 1. Anything
//! missing, unfinished or unknown is an error, because a plan that was only partly understood must
//! not be approved.

use std::collections::{BTreeMap, BTreeSet};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny},
};
use serde_json::Value as Json;

use planwright_core::{
    canonical::canonical,
    plan::{Action, OutputChange, Path, Plan, ResourceChange, Step},
};

use super::{
    error::Error,
    json_diff::{Masks, Side, differences, whole},
    secrets::Secrets,
};

#[derive(Deserialize)]
struct Document {
    format_version: String,
    errored: bool,
    /// Present in Terraform's JSON, absent in OpenTofu's.
    complete: Option<bool>,
    /// Present in every plan, even an empty one, so a document without it is not a plan.
    #[serde(rename = "planned_values")]
    _planned_values: IgnoredAny,
    /// The engines leave out this field and the next two if they are empty.
    #[serde(default)]
    resource_changes: Vec<RawResource>,
    #[serde(default)]
    output_changes: BTreeMap<String, RawChange>,
    #[serde(default)]
    resource_drift: Vec<RawResource>,
    /// Changes that the engine defers to another plan, and actions, which are side effects outside
    /// of changes. A person could not see either in the plan, so they are errors.
    #[serde(default)]
    deferred_changes: Vec<IgnoredAny>,
    #[serde(default)]
    action_invocations: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
struct RawResource {
    address: String,
    mode: Mode,
    r#type: String,
    provider_name: String,
    previous_address: Option<String>,
    deposed: Option<String>,
    action_reason: Option<String>,
    change: RawChange,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Managed,
    Data,
    /// Exists only during one run and has no state.
    Ephemeral,
}

#[derive(Deserialize)]
struct RawChange {
    #[serde(deserialize_with = "action")]
    actions: Action,
    before: Json,
    /// Left out if all of it is unknown.
    #[serde(default, deserialize_with = "present")]
    after: Option<Json>,
    before_sensitive: Json,
    after_sensitive: Json,
    after_unknown: Json,
    #[serde(default)]
    replace_paths: Vec<Vec<Json>>,
    importing: Option<Json>,
}

/// Reads the output of `show -json`.
pub(super) fn read(json: &[u8], key: &[u8], secrets: &Secrets) -> Result<Plan, Error> {
    let broken = |why: &dyn std::fmt::Display| Error::unreadable("the engine's plan JSON", why);
    let document: Document = serde_json::from_slice(json).map_err(|why| broken(&why))?;
    if let Some(why) = document.flaw() {
        return Err(broken(&why));
    }
    let masks = &Masks { key, secrets, marked: document.marked() };
    let mut plan = Plan::default();
    for raw in document.resource_changes.iter().filter(|raw| raw.mode == Mode::Managed) {
        let change = raw.read(masks).map_err(|why| broken(&why))?;
        let is_pure_no_op = change.action == Action::NoOp
            && change.previous_address.is_none()
            && change.importing.is_none();
        if is_pure_no_op {
            plan.unchanged += 1;
        } else {
            plan.resources.push(change);
        }
    }
    for raw in document.resource_drift.iter().filter(|raw| raw.mode == Mode::Managed) {
        plan.refreshed.push(raw.read(masks).map_err(|why| broken(&why))?);
    }
    for changes in [&mut plan.resources, &mut plan.refreshed] {
        changes.sort_by(|a, b| (&a.address, &a.deposed).cmp(&(&b.address, &b.deposed)));
    }
    for (name, raw) in document.output_changes {
        if raw.actions != Action::NoOp {
            let change = raw.output(&name, masks).map_err(|why| broken(&why))?;
            plan.outputs.insert(name, change);
        }
    }
    Ok(plan)
}

impl Document {
    /// Returns why the document cannot be used as a plan, if it cannot.
    fn flaw(&self) -> Option<String> {
        let major = self.format_version.split('.').next().unwrap_or_default();
        let flaws = [
            (major != "1", format!("format {}, but only 1.x is known", self.format_version)),
            (self.errored, "the engine says that planning failed".into()),
            (self.complete == Some(false), "the plan is not complete".into()),
            (!self.deferred_changes.is_empty(), "the plan puts off changes to a later one".into()),
            (
                !self.action_invocations.is_empty(),
                "the plan runs actions, which are not known".into(),
            ),
        ];
        flaws.into_iter().find_map(|(holds, why)| holds.then_some(why))
    }
}

impl Document {
    /// Returns all texts that are marked as sensitive somewhere.
    fn marked(&self) -> BTreeSet<String> {
        let resources = self.resource_changes.iter().chain(&self.resource_drift);
        let changes = resources.map(|raw| &raw.change).chain(self.output_changes.values());
        let mut texts = BTreeSet::new();
        for change in changes {
            Side::new(Some(&change.before), &change.before_sensitive, &Json::Null)
                .marked(&mut texts);
            Side::new(change.after.as_ref(), &change.after_sensitive, &Json::Null)
                .marked(&mut texts);
        }
        texts
    }
}

impl RawResource {
    fn read(&self, masks: &Masks<'_>) -> Result<ResourceChange, String> {
        let change = &self.change;
        let (before, after) = change.sides().map_err(|why| format!("{}: {why}", self.address))?;
        Ok(ResourceChange {
            address: self.address.clone(),
            resource_type: self.r#type.clone(),
            provider: self.provider_name.clone(),
            // In `resource_drift` it is also present for resources that have not moved.
            previous_address: self.previous_address.clone().filter(|old| *old != self.address),
            deposed: self.deposed.clone(),
            importing: change.importing.as_ref().map(imported),
            action: change.actions,
            action_reason: self.action_reason.clone(),
            replace_paths: change.replace_paths.iter().map(|steps| path(steps)).collect(),
            differences: differences(&self.address, before, after, masks),
        })
    }
}

impl RawChange {
    fn sides(&self) -> Result<(Side<'_>, Side<'_>), String> {
        if self.after.is_none() && self.after_unknown != Json::Bool(true) {
            return Err("`after` is missing, and not unknown".into());
        }
        let before = Side::new(Some(&self.before), &self.before_sensitive, &Json::Null);
        let after = Side::new(self.after.as_ref(), &self.after_sensitive, &self.after_unknown);
        Ok((before, after))
    }

    fn output(&self, name: &str, masks: &Masks<'_>) -> Result<OutputChange, String> {
        let (before, after) = self.sides().map_err(|why| format!("the output {name}: {why}"))?;
        let (before, after) = whole(&format!("output.{name}"), before, after, masks);
        Ok(OutputChange { action: self.actions, before, after })
    }
}

/// Returns the id that is imported, or the identity if the provider uses no id.
fn imported(importing: &Json) -> String {
    match (importing.get("id"), importing.get("identity")) {
        (Some(Json::String(id)), _) => id.clone(),
        (_, Some(identity)) => canonical(identity),
        _ => canonical(importing),
    }
}

/// Reads a path. A step into a set is the element itself.
fn path(steps: &[Json]) -> Path {
    let step = |step: &Json| match (step, step.as_u64()) {
        (Json::String(key), _) => Step::Key(key.clone()),
        (_, Some(index)) => Step::Index(index),
        (other, None) => Step::Key(canonical(other)),
    };
    Path(steps.iter().map(step).collect())
}

fn action<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Action, D::Error> {
    let words = Vec::<String>::deserialize(deserializer)?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Ok(match words.as_slice() {
        ["no-op"] => Action::NoOp,
        ["create"] => Action::Create,
        ["read"] => Action::Read,
        ["update"] => Action::Update,
        ["delete"] => Action::Delete,
        ["delete", "create"] => Action::DeleteThenCreate,
        ["create", "delete"] => Action::CreateThenDelete,
        ["forget"] => Action::Forget,
        ["create", "forget"] => Action::CreateThenForget,
        other => return Err(D::Error::custom(format!("the actions {other:?} are not known"))),
    })
}

/// Reads null as a value; only a missing field is `None`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use planwright_core::plan::Value;

    fn plan_of(document: &Json) -> Result<Plan, Error> {
        read(document.to_string().as_bytes(), b"key", &Secrets::default())
    }

    /// Returns a document whose only content is an update of one attribute.
    fn document() -> Json {
        json!({
            "format_version": "1.2",
            "errored": false,
            "planned_values": {},
            "resource_changes": [{
                "address": "a.b", "mode": "managed", "type": "a", "name": "b",
                "provider_name": "registry.terraform.io/x/a",
                "change": {
                    "actions": ["update"],
                    "before": {"x": 1}, "after": {"x": 2}, "after_unknown": {},
                    "before_sensitive": {}, "after_sensitive": {},
                },
            }],
        })
    }

    /// Returns that document with one JSON pointer set or, for null, removed.
    fn with(pointer: &str, value: Json) -> Json {
        let mut document = document();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = document.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value {
            Json::Null => parent.remove(name),
            value => parent.insert(name.to_owned(), value),
        };
        document
    }

    fn change_of(document: &Json) -> ResourceChange {
        plan_of(document).unwrap().resources.remove(0)
    }

    #[test]
    fn an_update_names_the_attribute_and_both_values() {
        let change = change_of(&document());
        assert_eq!((change.address.as_str(), change.action), ("a.b", Action::Update));
        let [difference] = change.differences.as_slice() else { panic!("{change:?}") };
        assert_eq!(difference.path.to_string(), "x");
        assert_eq!(difference.before, Value::Known(json!(1)));
        assert_eq!(difference.after, Value::Known(json!(2)));
    }

    #[test]
    fn each_thing_that_is_missing_unfinished_or_unknown_is_an_error() {
        let change = "/resource_changes/0/change";
        for (pointer, value) in [
            ("/format_version".to_owned(), json!("2.0")),
            ("/format_version".to_owned(), Json::Null),
            ("/errored".to_owned(), json!(true)),
            ("/errored".to_owned(), Json::Null),
            ("/complete".to_owned(), json!(false)),
            ("/planned_values".to_owned(), Json::Null),
            ("/deferred_changes".to_owned(), json!([{}])),
            ("/action_invocations".to_owned(), json!([{}])),
            ("/resource_changes/0/mode".to_owned(), json!("quantum")),
            ("/resource_changes/0/provider_name".to_owned(), Json::Null),
            (format!("{change}/actions"), json!(["explode"])),
            (format!("{change}/actions"), json!([])),
            (format!("{change}/actions"), json!(["create", "delete", "create"])),
            (format!("{change}/before"), Json::Null),
            (format!("{change}/after"), Json::Null),
            (format!("{change}/after_unknown"), Json::Null),
            (format!("{change}/before_sensitive"), Json::Null),
            (format!("{change}/after_sensitive"), Json::Null),
        ] {
            let refused = plan_of(&with(&pointer, value.clone()));
            assert!(matches!(refused, Err(Error::Unreadable { .. })), "{pointer} = {value}");
        }
    }

    #[test]
    fn each_action_is_its_own() {
        for (words, action) in [
            (json!(["create"]), Action::Create),
            (json!(["delete"]), Action::Delete),
            (json!(["delete", "create"]), Action::DeleteThenCreate),
            (json!(["create", "delete"]), Action::CreateThenDelete),
            (json!(["forget"]), Action::Forget),
            (json!(["create", "forget"]), Action::CreateThenForget),
        ] {
            let change = change_of(&with("/resource_changes/0/change/actions", words));
            assert_eq!(change.action, action);
        }
    }

    #[test]
    fn a_no_op_only_counts_unless_it_moves_or_imports() {
        let still = with("/resource_changes/0/change/actions", json!(["no-op"]));
        let plan = plan_of(&still).unwrap();
        assert_eq!((plan.resources.len(), plan.unchanged), (0, 1));

        let mut moved = still.clone();
        moved["resource_changes"][0]["previous_address"] = json!("a.old");
        assert_eq!(change_of(&moved).previous_address.as_deref(), Some("a.old"));

        let mut imported = still;
        imported["resource_changes"][0]["change"]["importing"] = json!({"id": "i-1"});
        assert_eq!(change_of(&imported).importing.as_deref(), Some("i-1"));
        let identity = json!({"identity": {"arn": "x"}});
        imported["resource_changes"][0]["change"]["importing"] = identity;
        assert_eq!(change_of(&imported).importing.as_deref(), Some(r#"{"arn":"x"}"#));
    }

    #[test]
    fn why_a_resource_is_replaced_is_kept() {
        let mut replaced = with("/resource_changes/0/action_reason", json!("replace_by_triggers"));
        replaced["resource_changes"][0]["deposed"] = json!("00ab");
        let paths = json!([["rule", 0, "id"], ["set", {"b": 1, "a": 2}]]);
        replaced["resource_changes"][0]["change"]["replace_paths"] = paths;
        let change = change_of(&replaced);
        assert_eq!(change.deposed.as_deref(), Some("00ab"));
        assert_eq!(change.action_reason.as_deref(), Some("replace_by_triggers"));
        let paths: Vec<String> = change.replace_paths.iter().map(Path::to_string).collect();
        assert_eq!(paths, ["rule[0].id", r#"set["{\"a\":2,\"b\":1}"]"#]);
    }

    /// Terraform forgets the mark in the output of `terraform_data`.
    #[test]
    fn a_sensitive_text_is_masked_where_the_engine_forgot_to() {
        let mut copied =
            with("/resource_changes/0/change/before_sensitive", json!({"secret": true}));
        let change = &mut copied["resource_changes"][0]["change"];
        change["before"] =
            json!({"secret": "hunter2222", "copy": "hunter2222", "in": "a hunter2222"});
        change["after"] = json!({"secret": "hunter2222", "copy": "x", "in": "x"});
        let change = change_of(&copied);
        assert_eq!(change.differences.len(), 2);
        assert!(!format!("{change:?}").contains("hunter2222"), "{change:?}");
    }

    #[test]
    fn data_sources_are_left_out() {
        assert!(plan_of(&with("/resource_changes/0/mode", json!("data"))).unwrap().is_empty());
    }

    #[test]
    fn what_the_refresh_found_stands_apart() {
        let drift = document()["resource_changes"].clone();
        let mut document = with("/resource_drift", drift);
        document["resource_changes"] = json!([]);
        let plan = plan_of(&document).unwrap();
        assert!(plan.is_empty());
        assert_eq!(plan.refreshed[0].differences[0].path.to_string(), "x");
    }

    #[test]
    fn outputs_are_known_unknown_sensitive_or_no_change() {
        let output = |words: Json, sensitive: bool, unknown: bool| {
            let mut output = json!({
                "actions": words, "before": null, "after_unknown": unknown,
                "before_sensitive": sensitive, "after_sensitive": sensitive,
            });
            if !unknown {
                output["after"] = json!("v");
            }
            output
        };
        let create = || json!(["create"]);
        let document = with(
            "/output_changes",
            json!({
                "known": output(create(), false, false),
                "secret": output(create(), true, false),
                "later": output(create(), false, true),
                "secret_later": output(create(), true, true),
                "same": output(json!(["no-op"]), false, false),
            }),
        );
        let outputs = plan_of(&document).unwrap().outputs;
        assert_eq!(outputs.len(), 4);
        assert_eq!(outputs["known"].before, Value::Absent);
        assert_eq!(outputs["known"].after, Value::Known(json!("v")));
        assert!(matches!(outputs["secret"].after, Value::Sensitive(_)));
        assert_eq!(outputs["later"].after, Value::Unknown);
        assert_eq!(outputs["secret_later"].after, Value::SensitiveUnknown);
    }
}
