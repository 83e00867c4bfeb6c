//! Whether the plan of a stack repeats.
//!
//! After the merge a stack is planned again, and applied if the plan is the approved one. If what it
//! reads changes by itself, that plan may never come again, so it is planned twice before.

use std::collections::BTreeSet;

use planwright_core::{
    finding::{Finding, Location, Severity},
    names::StackId,
    plan::Plan,
};
use planwright_package::repository::lock_file;

use super::Work;

/// Data sources that are computed from their arguments alone.
const COMPUTED: [&str; 1] = ["aws_iam_policy_document"];

/// Returns whether the stack reads what may change while its files and its state stay the same.
pub fn reads_elsewhere(work: &Work) -> bool {
    let mut data_sources = work.work.types.values().flat_map(|types| &types.data_sources);
    data_sources.any(|name| !COMPUTED.contains(&name.as_str()))
        // The state of something else is read without a provider.
        || work.prepared.code_risks().iter().any(|risk| risk.code == "reads_elsewhere")
}

/// Returns a warning if two plans of one tree differ.
pub fn difference(stack: &StackId, first: &Plan, second: &Plan) -> Option<Finding> {
    if first.digest() == second.digest() {
        return None;
    }
    let only_in = |one: &Plan, other: &Plan| -> BTreeSet<String> {
        let resources = one.resources.iter().filter(|change| !other.resources.contains(change));
        let outputs =
            one.outputs.iter().filter(|(name, change)| other.outputs.get(*name) != Some(change));
        let outputs = outputs.map(|(name, _)| format!("output {name}"));
        resources.map(|change| change.address.clone()).chain(outputs).collect()
    };
    let places: Vec<String> = only_in(first, second)
        .union(&only_in(second, first))
        .map(|place| format!("`{place}`"))
        .collect();
    let message = format!(
        "planned twice, the stack has two plans, which differ in {}: a data source reads what changes \
         by itself, so after the merge the plan may again be another one, which has to be confirmed",
        places.join(", ")
    );
    let place = Location { file: lock_file(stack), line: 1, column: 1 };
    let mut finding = Finding::error("moving_plan", place, message);
    finding.fix = Some("give the value as a param instead of reading it for each plan".into());
    Some(Finding { severity: Severity::Warning, ..finding })
}
