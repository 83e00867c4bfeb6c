//! `planwright drift`.

use std::process::ExitCode;

use serde_json::{Value, json};

use planwright_core::{change::DriftCheck, drift::Drift, names::StackId};
use planwright_view::terminal;

use super::{
    Output, detailed,
    engine::{EngineArguments, drive},
    output::REFUSED,
    terminal::{Drifted, about, failure},
};
use crate::checkout::{Checkout, Error, drift::drift};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Stacks to check, also those whose files are gone.
    stacks: Vec<String>,
    /// Exit with 2 when something has drifted, and with 1 for every mistake.
    #[arg(long)]
    detailed_exitcode: bool,
    #[command(flatten)]
    engine: EngineArguments,
}

pub fn run(
    arguments: &Arguments,
    checkout: &Checkout,
    output: &mut Output,
) -> Result<ExitCode, Error> {
    let is_detailed = arguments.detailed_exitcode;
    let reports =
        drive(&arguments.engine, checkout, async |session| drift(session, &arguments.stacks).await);
    let reports = reports.map_err(|error| detailed(error, is_detailed))?;
    let is_unknown = |report: &DriftCheck| matches!(report, DriftCheck::Unknown(_));
    let (failed, known): (Vec<_>, Vec<_>) =
        reports.iter().partition(|(_, report)| is_unknown(report));
    let texts = |reports: Vec<&(StackId, DriftCheck)>| -> String {
        reports.into_iter().map(|(stack, report)| drift_text(stack, report)).collect()
    };
    let documents: Vec<Value> =
        reports.iter().map(|(stack, report)| document(stack, report)).collect();
    let text = if reports.is_empty() { "there is no stack to check".into() } else { texts(known) };
    output.print(&json!({ "stacks": documents }), &text)?;
    output.failures(&texts(failed));
    let has_drifted = |report: &DriftCheck| matches!(report, DriftCheck::Checked(plan) if !Drift::in_plan(plan).is_empty());
    Ok(if reports.iter().any(|(_, report)| is_unknown(report)) {
        ExitCode::from(REFUSED)
    } else if is_detailed && reports.iter().any(|(_, report)| has_drifted(report)) {
        ExitCode::from(2)
    } else {
        ExitCode::SUCCESS
    })
}

fn drift_text(stack: &StackId, report: &DriftCheck) -> String {
    match report {
        DriftCheck::NeverApplied => terminal(&about(stack, "never applied", Vec::new())),
        DriftCheck::Unknown(message) => terminal(&failure(stack, message, Vec::new())),
        DriftCheck::Checked(plan) => Drifted::in_plan(plan).text(stack),
    }
}

fn document(stack: &StackId, report: &DriftCheck) -> Value {
    match report {
        DriftCheck::NeverApplied => json!({ "stack": stack, "applied": false }),
        DriftCheck::Unknown(message) => json!({ "stack": stack, "error": message }),
        DriftCheck::Checked(plan) => Drifted::in_plan(plan).json(stack),
    }
}
