//! `planwright validate`.

use std::process::ExitCode;

use jiff::Zoned;
use serde_json::json;

use super::{
    Output,
    output::{REFUSED, findings_text},
};
use crate::checkout::{Checkout, Error, validate::validate};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Stacks to check.
    stacks: Vec<String>,
}

pub fn run(
    arguments: &Arguments,
    checkout: &Checkout,
    output: &mut Output,
) -> Result<ExitCode, Error> {
    #[expect(clippy::disallowed_methods, reason = "the rim: from here on time is an argument")]
    let today = Zoned::now().date();
    let validated = validate(checkout, &arguments.stacks, today)?;
    let json = json!({ "stacks": validated.stacks, "findings": validated.findings });
    let checked = match validated.stacks.len() {
        1 => "1 stack".into(),
        count => format!("{count} stacks"),
    };
    let text = if validated.findings.is_empty() && validated.stacks.is_empty() {
        "there is no stack here; stacks are stacks/NAME/stack.yaml".into()
    } else if validated.findings.is_empty() {
        format!("{checked} checked: all is well")
    } else {
        format!("{} in {checked}", findings_text(&validated.findings))
    };
    output.print(&json, &text)?;
    Ok(if validated.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) })
}
