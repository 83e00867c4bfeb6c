//! `planwright validate`: finds everything that is wrong with the stacks, without an engine.

use std::collections::BTreeMap;

use jiff::civil::Date;

use planwright_core::{
    finding::{Finding, Severity},
    names::StackId,
};
use planwright_package::{
    Prepared, credentials, lock::shared_state, overrides::expired, repository, stack::Stack,
};

use super::{Checkout, Error};

pub struct Validated {
    pub stacks: Vec<StackId>,
    /// Errors and warnings, in the order of files and lines.
    pub findings: Vec<Finding>,
}

impl Validated {
    pub fn is_ok(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity != Severity::Error)
    }
}

/// Checks the named stacks; without names, all stacks and the files beside them. Overrides whose
/// last day is before `today` have expired.
pub fn validate(checkout: &Checkout, names: &[String], today: Date) -> Result<Validated, Error> {
    let stacks = checkout.selected(names)?;
    let mut findings = shared_state(&checkout.files, &BTreeMap::new())?;
    if names.is_empty() {
        findings.extend(repository::stacks(&checkout.files)?.1);
    }
    for id in &stacks {
        // Also checked for a stack that is not locked or valid yet, because it should be noticed
        // before a commit.
        if let Ok(stack) = Stack::read(&checkout.files, id) {
            findings.extend(credentials::findings(&stack));
        }
        match Prepared::load(&checkout.files, &checkout.trusted(), id) {
            Ok(prepared) => {
                findings.extend(expired(&prepared.stack.overrides, today));
                findings.extend(prepared.code_risks());
            }
            Err(more) => findings.extend(more),
        }
    }
    findings.sort_by(|a, b| (&a.place, &a.code, &a.message).cmp(&(&b.place, &b.code, &b.message)));
    // Environments share `stack.yaml`, and a mistake there is one mistake.
    findings.dedup();
    Ok(Validated { stacks, findings })
}
