//! Drift: what a plan of a stack's last applied tree would change.
//!
//! It shows what changed in reality without a change of the configuration. That is not the list of
//! differences that the engine itself reports (`resource_drift`, [`Plan::refreshed`] here): the
//! latter only helps to find out which side of an output is real. `jobs` decide when the last
//! applied tree is planned.

use std::collections::{BTreeMap, BTreeSet};

use super::plan::{Action, Path, Plan, ResourceChange, Value};

/// The changes that would restore what the last applied tree asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drift<'a> {
    pub resources: Vec<&'a ResourceChange>,
    pub outputs: BTreeMap<&'a str, OutputDrift<'a>>,
}

/// The value of an output when it was applied, and its value now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputDrift<'a> {
    pub applied: &'a Value,
    pub found: &'a Value,
}

/// How much of a resource's change in a pull request only reverts drift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reverts {
    Whole,
    /// Only these attributes; the pull request asks for the others.
    Attributes(BTreeSet<Path>),
}

/// The address of a resource, with the key of a deposed object if it is one.
pub type Key<'a> = (&'a str, Option<&'a str>);

impl<'a> Drift<'a> {
    /// Returns the drift that a plan of the last applied tree shows.
    ///
    /// A mere move or import changes nothing in reality, so it is no drift. An output that is known
    /// only after an apply is none either, because nothing says that its value differs.
    pub fn in_plan(plan: &'a Plan) -> Self {
        let resources: Vec<_> = plan.acted_on().collect();
        let is_recorded = is_recorded(plan, &resources);
        let outputs = plan
            .outputs
            .iter()
            .filter(|(_, change)| change.action != Action::NoOp && !change.after.is_unknown());
        let outputs = outputs.map(|(name, change)| {
            let (applied, found) = match is_recorded {
                false => (&change.before, &change.after),
                true => (&change.after, &change.before),
            };
            (name.as_str(), OutputDrift { applied, found })
        });
        Self { outputs: outputs.collect(), resources }
    }

    pub fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.outputs.is_empty()
    }

    /// Returns the number of resources and outputs that have drifted.
    pub fn len(&self) -> usize {
        self.resources.len() + self.outputs.len()
    }
}

/// Returns whether the state already contains the drifted values, because somebody else wrote it.
///
/// The engine reads resources from reality, but outputs only from the state, as they were last
/// written. After an apply by the bot, the state has the applied values, and the plan has those
/// found now. After somebody else's apply or refresh, the state has the values found, and the plan
/// has the applied ones. That is the case if the engine finds none of the drifted resources
/// different from the state, or if the state has an output that the last applied tree does not.
fn is_recorded(plan: &Plan, drifted: &[&ResourceChange]) -> bool {
    let refreshed: BTreeSet<Key> = plan.refreshed.iter().map(key).collect();
    let is_refreshed = drifted.iter().any(|change| refreshed.contains(&key(change)));
    let is_foreign = plan.outputs.values().any(|change| change.action == Action::Delete);
    is_foreign || (!drifted.is_empty() && !is_refreshed)
}

/// Returns which resource changes of `change`, the plan of the pull request, are also in `drift`,
/// the plan of the last applied tree.
pub fn reverts_drift<'a>(change: &'a Plan, drift: &Plan) -> BTreeMap<Key<'a>, Reverts> {
    let drifted: BTreeMap<Key, &ResourceChange> =
        Drift::in_plan(drift).resources.into_iter().map(|change| (key(change), change)).collect();
    change
        .resources
        .iter()
        .filter_map(|change| {
            // The last applied tree has a moved resource under its old address.
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
    use crate::plan::{Difference, OutputChange, Step};

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
        assert!(Drift::in_plan(&quiet).is_empty());
        assert_eq!(Drift::in_plan(&plan(vec![change("a", vec![])])).len(), 1);
    }

    /// Returns a plan that also changes the output `url` from 1 to 2.
    fn with_output(action: Action, plan: Plan) -> Plan {
        let (before, after) = (Value::Known(1.into()), Value::Known(2.into()));
        let outputs = [("url".to_owned(), OutputChange { action, before, after })];
        Plan { outputs: outputs.into(), ..plan }
    }

    /// Returns the applied and the found value of the output `url`.
    fn sides(plan: &Plan) -> (Value, Value) {
        let OutputDrift { applied, found } = Drift::in_plan(plan).outputs["url"];
        (applied.clone(), found.clone())
    }

    #[test]
    fn a_changed_output_is_drift_and_one_that_nobody_knows_is_not() {
        assert!(Drift::in_plan(&with_output(Action::NoOp, Plan::default())).is_empty());
        let mut drifted = with_output(Action::Update, Plan::default());
        assert_eq!(Drift::in_plan(&drifted).len(), 1);
        for after in [Value::Unknown, Value::SensitiveUnknown] {
            drifted.outputs.get_mut("url").unwrap().after = after;
            assert!(Drift::in_plan(&drifted).is_empty());
            assert!(!drifted.has_converged(), "an apply would still do something");
        }
    }

    #[test]
    fn an_output_is_applied_as_the_state_records_it_and_found_as_the_plan_reads_it() {
        let (one, two) = (Value::Known(1.into()), Value::Known(2.into()));
        let alone = with_output(Action::Update, Plan::default());
        assert_eq!(sides(&alone), (one.clone(), two.clone()));
        // `b` follows from `a`, which the engine found different.
        let drifted = plan(vec![change("a", vec![]), change("b", vec![])]);
        let drifted = Plan { refreshed: vec![change("a", vec![])], ..drifted };
        assert_eq!(sides(&with_output(Action::Update, drifted)), (one, two));
    }

    #[test]
    fn an_output_in_a_state_that_others_wrote_is_found_there() {
        let (one, two) = (Value::Known(1.into()), Value::Known(2.into()));
        let written = plan(vec![change("a", vec![])]);
        assert_eq!(
            sides(&with_output(Action::Update, written.clone())),
            (two.clone(), one.clone())
        );
        let elsewhere = Plan { refreshed: vec![change("b", vec![])], ..written };
        assert_eq!(sides(&with_output(Action::Update, elsewhere)), (two.clone(), one.clone()));
        assert_eq!(sides(&with_output(Action::Delete, Plan::default())), (two, one));
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
