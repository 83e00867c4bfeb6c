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

/// Data sources that are computed from their arguments and the settings of their provider alone.
const COMPUTED: [&str; 4] =
    ["aws_caller_identity", "aws_iam_policy_document", "aws_partition", "aws_region"];

/// How many differences are named.
const MOST_PLACES: usize = 5;

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
    let places: BTreeSet<String> =
        only_in(first, second).union(&only_in(second, first)).cloned().collect();
    let shown: Vec<String> =
        places.iter().take(MOST_PLACES).map(|place| format!("`{place}`")).collect();
    let more = if places.len() > MOST_PLACES { " and more" } else { "" };
    let message = format!(
        "the plan does not repeat, so after the merge it may have to be confirmed: a data source reads \
         what changes by itself. Planned twice, it differs in {}{more}",
        shown.join(", ")
    );
    let mut finding = warning(stack, message);
    finding.fix = Some("give the value as a param instead of reading it for each plan".into());
    Some(finding)
}

/// Returns a warning if the second plan failed, so that nobody knows whether the first repeats.
pub fn failed(stack: &StackId, message: &str) -> Finding {
    let first = message.lines().next().unwrap_or_default();
    warning(
        stack,
        format!("it is not known whether the plan repeats: a second one failed: {first}"),
    )
}

fn warning(stack: &StackId, message: String) -> Finding {
    let place = Location { file: lock_file(stack), line: 1, column: 1 };
    let finding = Finding::error("moving_plan", place, message);
    Finding { severity: Severity::Warning, ..finding }
}
