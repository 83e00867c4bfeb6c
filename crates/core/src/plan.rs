//! The plan of one stack: what the engine would change.
//!
//! `engine` parses the engine's JSON into these types, and nothing here depends on that JSON.
//! Sensitive values are kept only as an HMAC, so that a change of a secret can be seen but not the
//! secret.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::{canonical::canonical, digest::Digest};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The managed resources that change, are moved or are imported, sorted by address and deposed
    /// key.
    pub resources: Vec<ResourceChange>,
    /// The outputs that change, by name.
    pub outputs: BTreeMap<String, OutputChange>,
    /// What the engine found different in reality (`resource_drift`). It is shown folded away, and
    /// is neither drift in the sense of `drift` nor part of the digest.
    pub refreshed: Vec<ResourceChange>,
    /// The number of managed resources that do not change.
    pub unchanged: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceChange {
    /// The absolute address, such as `module.site.aws_s3_bucket.this[0]`.
    pub address: String,
    pub resource_type: String,
    /// The fully qualified name, such as `registry.terraform.io/hashicorp/aws`.
    pub provider: String,
    pub previous_address: Option<String>,
    pub deposed: Option<String>,
    /// The id of the object that is imported.
    pub importing: Option<String>,
    pub action: Action,
    /// The reason in the engine's JSON, such as `replace_because_cannot_update`.
    pub action_reason: Option<String>,
    /// The attributes that force a replacement.
    pub replace_paths: Vec<Path>,
    /// The attributes that differ, sorted by path.
    pub differences: Vec<Difference>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputChange {
    pub action: Action,
    pub before: Value,
    pub after: Value,
}

/// What happens to a resource or output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    NoOp,
    Create,
    Read,
    Update,
    Delete,
    /// The old object is deleted first, so there is a time without one.
    DeleteThenCreate,
    CreateThenDelete,
    /// The object is removed from the state and continues to exist.
    Forget,
    CreateThenForget,
}

impl Action {
    /// Returns whether the existing object is destroyed.
    pub fn is_destructive(self) -> bool {
        matches!(self, Self::Delete | Self::DeleteThenCreate | Self::CreateThenDelete)
    }

    pub fn is_replace(self) -> bool {
        matches!(self, Self::DeleteThenCreate | Self::CreateThenDelete | Self::CreateThenForget)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoOp => "no change",
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::DeleteThenCreate => "replace (delete, then create)",
            Self::CreateThenDelete => "replace (create, then delete)",
            Self::Forget => "forget",
            Self::CreateThenForget => "replace (create, then forget)",
        })
    }
}

/// One attribute that differs. Maps and objects are split into their leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    pub path: Path,
    pub before: Value,
    pub after: Value,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// There is no such attribute on this side.
    Absent,
    Known(serde_json::Value),
    /// It is known only after an apply.
    Unknown,
    /// The HMAC-SHA256 in hex, by the key that all roles share.
    Sensitive(String),
    /// Sensitive, and known only after an apply.
    SensitiveUnknown,
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Known(text.into())
    }
}

impl Value {
    /// Returns whether it is known only after an apply.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown | Self::SensitiveUnknown)
    }
}

/// The path of an attribute, such as `tags["Name"]` or `rule[0].id`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Path(pub Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Step {
    Index(u64),
    Key(String),
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            let is_word = |key: &str| {
                !key.is_empty()
                    && !key.starts_with(|c: char| c.is_ascii_digit())
                    && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
            };
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) if i == 0 => f.write_str(key)?,
                Step::Key(key) if is_word(key) => write!(f, ".{key}")?,
                Step::Key(key) => write!(f, "[{key:?}]")?,
            }
        }
        Ok(())
    }
}

/// The number of resources that a plan changes, by action. A replacement is not counted as a
/// deletion and a creation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanSummary {
    pub create: usize,
    pub update: usize,
    pub replace: usize,
    pub delete: usize,
    pub import: usize,
    pub moved: usize,
    pub forget: usize,
}

impl std::ops::AddAssign for PlanSummary {
    fn add_assign(&mut self, other: Self) {
        self.create += other.create;
        self.update += other.update;
        self.replace += other.replace;
        self.delete += other.delete;
        self.import += other.import;
        self.moved += other.moved;
        self.forget += other.forget;
    }
}

impl Plan {
    /// Returns whether an apply would do nothing at all.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.outputs.is_empty()
    }

    /// Returns the resources that an apply would act on. A mere move or import is not included.
    pub fn acted_on(&self) -> impl Iterator<Item = &ResourceChange> {
        self.resources.iter().filter(|change| change.action != Action::NoOp)
    }

    /// Returns whether nothing is left to do. A mere move does not count.
    pub fn has_converged(&self) -> bool {
        self.acted_on().next().is_none() && self.outputs.is_empty()
    }

    pub fn summary(&self) -> PlanSummary {
        let mut summary = PlanSummary::default();
        for change in &self.resources {
            match change.action {
                Action::Create => summary.create += 1,
                Action::Update => summary.update += 1,
                Action::Delete => summary.delete += 1,
                Action::Forget => summary.forget += 1,
                Action::NoOp | Action::Read => {}
                _ => summary.replace += 1,
            }
            summary.import += usize::from(change.importing.is_some());
            summary.moved += usize::from(change.previous_address.is_some());
        }
        summary
    }

    /// Returns the digest of the plan, to which an approval is bound.
    ///
    /// It is over the sorted changes of resources and outputs. Times, serial numbers, unchanged
    /// resources and what the engine found different do not affect it.
    pub fn digest(&self) -> Digest {
        let mut resources: Vec<String> = self.resources.iter().map(canonical).collect();
        resources.sort();
        let outputs = self.outputs.iter().map(|output| canonical(&output));
        let parts: Vec<String> =
            resources.into_iter().chain(["outputs".to_owned()]).chain(outputs).collect();
        Digest::of_parts("v1", parts.iter().map(String::as_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(address: &str) -> ResourceChange {
        ResourceChange {
            address: address.into(),
            resource_type: "terraform_data".into(),
            provider: "terraform.io/builtin/terraform".into(),
            previous_address: None,
            deposed: None,
            importing: None,
            action: Action::Update,
            action_reason: None,
            replace_paths: Vec::new(),
            differences: vec![Difference {
                path: Path(vec![Step::Key("input".into())]),
                before: Value::Known("a".into()),
                after: Value::Unknown,
            }],
        }
    }

    fn plan(resources: Vec<ResourceChange>) -> Plan {
        Plan { resources, ..Plan::default() }
    }

    #[test]
    fn order_refreshed_values_and_no_ops_do_not_change_the_digest() {
        let one = plan(vec![change("a"), change("b")]);
        let other = Plan {
            refreshed: vec![change("c")],
            unchanged: 7,
            ..plan(vec![change("b"), change("a")])
        };
        assert_eq!(one.digest(), other.digest());
    }

    #[test]
    fn each_part_of_a_change_changes_the_digest() {
        let base = plan(vec![change("a")]).digest();
        let variations: Vec<fn(&mut ResourceChange)> = vec![
            |c| c.address = "b".into(),
            |c| c.previous_address = Some("z".into()),
            |c| c.deposed = Some("d".into()),
            |c| c.importing = Some("id".into()),
            |c| c.action = Action::DeleteThenCreate,
            |c| c.action_reason = Some("tainted".into()),
            |c| c.replace_paths = vec![Path(vec![Step::Index(0)])],
            |c| c.differences[0].before = Value::Absent,
            |c| c.differences[0].after = Value::Known("b".into()),
            |c| c.differences[0].after = Value::Sensitive("00".into()),
            |c| c.differences[0].path = Path(vec![Step::Key("output".into())]),
        ];
        for (i, vary) in variations.into_iter().enumerate() {
            let mut varied = change("a");
            vary(&mut varied);
            assert_ne!(plan(vec![varied]).digest(), base, "variation {i}");
        }
    }

    #[test]
    fn an_output_counts_too() {
        let mut with_output = plan(vec![change("a")]);
        with_output.outputs.insert(
            "url".into(),
            OutputChange { action: Action::Create, before: Value::Absent, after: Value::Unknown },
        );
        assert_ne!(with_output.digest(), plan(vec![change("a")]).digest());
        assert!(!with_output.is_empty());
    }

    #[test]
    fn a_path_reads_like_the_engines() {
        let steps = ["tags", "a b"].map(|key| Step::Key(key.into()));
        assert_eq!(Path(steps.into()).to_string(), "tags[\"a b\"]");
        let steps = vec![Step::Key("rule".into()), Step::Index(0), Step::Key("id".into())];
        assert_eq!(Path(steps).to_string(), "rule[0].id");
    }
}
