//! Drift: what a plan of a stack's last applied tree would do.
//!
//! Reality moved away although nobody changed the configuration. The engine's own list of what it
//! found different (`resource_drift`, our [`Plan::refreshed`]) is not that, and is not read here.
//! When the last applied tree is planned, and where it is kept, is `flow`'s business.

use std::collections::{BTreeMap, BTreeSet};

use super::plan::{Action, OutputChange, Path, Plan, ResourceChange};

/// The changes that would bring the world back to the last applied tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drift<'a> {
    pub resources: Vec<&'a ResourceChange>,
    pub outputs: BTreeMap<&'a str, &'a OutputChange>,
}

/// How much of a change of the pull request would happen without it, because it reverts drift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reverts {
    Whole,
    /// Only these attributes; the others are what the pull request asks for.
    Attributes(BTreeSet<Path>),
}

/// A resource, or one of its deposed objects.
pub type Key<'a> = (&'a str, Option<&'a str>);

impl<'a> Drift<'a> {
    /// The drift that a plan of the last applied tree shows.
    ///
    /// A pure move or import is a no-op of the world, so it is no drift.
    pub fn of(plan: &'a Plan) -> Self {
        let resources = plan.resources.iter().filter(|change| change.action != Action::NoOp);
        let outputs = plan.outputs.iter().filter(|(_, change)| change.action != Action::NoOp);
        Self {
            resources: resources.collect(),
            outputs: outputs.map(|(name, change)| (name.as_str(), change)).collect(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.outputs.is_empty()
    }

    /// How many resources and outputs have drifted.
    pub fn len(&self) -> usize {
        self.resources.len() + self.outputs.len()
    }
}

/// Which changes of `change` (the pull request's plan) also stand in `drift` (the plan of the last
/// applied tree).
pub fn reverts_drift<'a>(change: &'a Plan, drift: &Plan) -> BTreeMap<Key<'a>, Reverts> {
    let drifted: BTreeMap<Key, &ResourceChange> =
        Drift::of(drift).resources.into_iter().map(|change| (key(change), change)).collect();
    change
        .resources
        .iter()
        .filter_map(|change| {
            // The last applied tree knows a moved resource by its old name.
            let old = change.previous_address.as_deref().unwrap_or(&change.address);
            let drifted = drifted.get(&(old, change.deposed.as_deref()))?;
            Some((key(change), reverted(change, drifted)?))
        })
        .collect()
}

fn key(change: &ResourceChange) -> Key<'_> {
    (&change.address, change.deposed.as_deref())
}

fn reverted(change: &ResourceChange, drifted: &ResourceChange) -> Option<Reverts> {
    if change.action != drifted.action {
        return None;
    }
    let shared: BTreeSet<Path> = change
        .differences
        .iter()
        .filter(|difference| drifted.differences.contains(difference))
        .map(|difference| difference.path.clone())
        .collect();
    if shared.len() == change.differences.len() {
        return Some(Reverts::Whole);
    }
    (!shared.is_empty()).then_some(Reverts::Attributes(shared))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::plan::{Difference, Step, Value};

    fn difference(name: &str, after: &str) -> Difference {
        Difference {
            path: Path(vec![Step::Key(name.into())]),
            before: Value::Known("old".into()),
            after: Value::Known(after.into()),
        }
    }

    fn change(address: &str, differences: Vec<Difference>) -> ResourceChange {
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
            differences,
        }
    }

    fn plan(resources: Vec<ResourceChange>) -> Plan {
        Plan { resources, ..Plan::default() }
    }

    #[test]
    fn moves_imports_and_refreshed_values_are_no_drift() {
        let moved = ResourceChange {
            action: Action::NoOp,
            previous_address: Some("b".into()),
            ..change("a", vec![])
        };
        let quiet = Plan { refreshed: vec![change("c", vec![])], ..plan(vec![moved]) };
        assert!(Drift::of(&quiet).is_empty());
        assert_eq!(Drift::of(&plan(vec![change("a", vec![])])).len(), 1);
    }

    #[test]
    fn a_changed_output_is_drift() {
        let mut drifted = Plan::default();
        let output = |action| OutputChange { action, before: Value::Absent, after: Value::Unknown };
        drifted.outputs.insert("url".into(), output(Action::NoOp));
        assert!(Drift::of(&drifted).is_empty());
        drifted.outputs.insert("url".into(), output(Action::Update));
        assert!(!Drift::of(&drifted).is_empty());
    }

    #[test]
    fn what_stands_in_both_plans_reverts_drift() {
        let drift = plan(vec![change("a", vec![difference("x", "1")])]);
        let whole = plan(vec![change("a", vec![difference("x", "1")])]);
        assert_eq!(reverts_drift(&whole, &drift)[&("a", None)], Reverts::Whole);

        let both = plan(vec![change("a", vec![difference("x", "1"), difference("y", "1")])]);
        let attributes = [Path(vec![Step::Key("x".into())])].into();
        assert_eq!(reverts_drift(&both, &drift)[&("a", None)], Reverts::Attributes(attributes));
    }

    #[test]
    fn another_value_action_or_resource_reverts_nothing() {
        let drift = plan(vec![change("a", vec![difference("x", "1")])]);
        let deleted =
            ResourceChange { action: Action::Delete, ..change("a", vec![difference("x", "1")]) };
        let deposed =
            ResourceChange { deposed: Some("d".into()), ..change("a", vec![difference("x", "1")]) };
        for other in [
            change("a", vec![difference("x", "2")]),
            change("b", vec![difference("x", "1")]),
            deleted,
            deposed,
        ] {
            assert!(reverts_drift(&plan(vec![other.clone()]), &drift).is_empty(), "{other:?}");
        }
    }

    #[test]
    fn a_moved_resource_is_known_by_its_old_address() {
        let drift = plan(vec![change("a", vec![difference("x", "1")])]);
        let moved = ResourceChange {
            previous_address: Some("a".into()),
            ..change("b", vec![difference("x", "1")])
        };
        assert_eq!(reverts_drift(&plan(vec![moved]), &drift)[&("b", None)], Reverts::Whole);
    }
}
