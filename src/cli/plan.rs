//! `planwright plan`.

use std::process::ExitCode;

use serde_json::{Value, json};

use planwright_core::{escape, names::StackId, plan::PlanSummary, risk};
use planwright_view as view;

use super::{
    Output, detailed,
    engine::{EngineArguments, drive},
    output::REFUSED,
    terminal::{failure, plan_text},
};
use crate::checkout::{
    Checkout, Error,
    plan::{StackPlan, plan},
};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Stacks to plan.
    stacks: Vec<String>,
    /// Exit with 2 when there are changes, and with 1 for every mistake.
    #[arg(long)]
    detailed_exitcode: bool,
    #[command(flatten)]
    engine: EngineArguments,
}

/// The plan of each stack, or why it has none.
pub type Plans = Vec<(StackId, Result<StackPlan, String>)>;

pub fn run(
    arguments: &Arguments,
    checkout: &Checkout,
    output: &mut Output,
) -> Result<ExitCode, Error> {
    let is_detailed = arguments.detailed_exitcode;
    let plans =
        drive(&arguments.engine, checkout, async |session| plan(session, &arguments.stacks).await);
    let plans = plans.map_err(|error| detailed(error, is_detailed))?;
    print(&plans, output)?;
    let has_changes = plans.iter().flat_map(|(_, plan)| plan).any(|plan| !plan.plan().is_empty());
    Ok(match is_detailed && has_changes {
        _ if has_failed(&plans) => ExitCode::from(REFUSED),
        true => ExitCode::from(2),
        false => ExitCode::SUCCESS,
    })
}

pub fn has_failed(plans: &Plans) -> bool {
    plans.iter().any(|(_, plan)| plan.is_err())
}

/// Prints all plans and, if there are several, their sum.
pub fn print(plans: &Plans, output: &mut Output) -> Result<(), Error> {
    let (mut texts, mut failures) = (Vec::new(), String::new());
    for (stack, plan) in plans {
        match plan {
            Ok(plan) => texts.push(plan_text(stack, plan)),
            Err(message) => failures += &view::terminal(&failure(stack, message, Vec::new())),
        }
    }
    let mut text = texts.join("\n");
    if plans.is_empty() {
        text = "there is no stack to plan".into();
    } else if plans.len() > 1 {
        text += &format!("\n{}", sum(plans));
    }
    output.print(&json!({ "stacks": documents(plans) }), &text)?;
    output.failures(&failures);
    Ok(())
}

fn sum(plans: &Plans) -> String {
    let mut summary = PlanSummary::default();
    let mut failed = 0;
    for (_, plan) in plans {
        match plan {
            Ok(plan) => summary += plan.plan().summary(),
            Err(_) => failed += 1,
        }
    }
    let counts: String = match view::counts(summary, false) {
        none if none.is_empty() => "nothing to do".into(),
        counts => view::plain(&counts),
    };
    let failed = if failed == 0 { String::new() } else { format!("; {failed} failed") };
    format!("Plan: {counts} in {} stacks{failed}", escape::grouped(plans.len()))
}

pub fn documents(plans: &Plans) -> Vec<Value> {
    plans.iter().map(|(stack, plan)| document(stack, plan.as_ref())).collect()
}

fn document(stack: &StackId, plan: Result<&StackPlan, &String>) -> Value {
    let planned = match plan {
        Ok(planned) => planned,
        Err(error) => return json!({ "stack": stack, "error": error }),
    };
    let binary = &planned.work.binary;
    json!({
        "stack": stack,
        "engine": { "name": binary.kind.name(), "version": binary.version },
        "digest": planned.plan().digest(),
        "summary": planned.plan().summary(),
        "risk": risk::worst(planned.plan()),
        "protected": planned.protected(),
        "warnings": planned.warnings(),
        "plan": planned.plan(),
    })
}
