//! `planwright destroy`.

use std::process::ExitCode;

use super::{
    Output,
    apply::{Consent, carry_out},
    engine::{EngineArguments, drive},
};
use crate::checkout::{Checkout, Error, plan::plan_destroy};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Stacks to destroy, also those whose files are gone.
    #[arg(required = true)]
    stacks: Vec<String>,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    engine: EngineArguments,
}

pub fn run(
    arguments: &Arguments,
    checkout: &Checkout,
    output: &mut Output,
) -> Result<ExitCode, Error> {
    // No command shows a plan to destroy without going on to do it.
    let next = "run it in a terminal to see what it would destroy, or give `--auto-approve`";
    arguments.consent.can_be_given(output, next)?;
    drive(&arguments.engine, checkout, async |session| {
        let plans = plan_destroy(session, &arguments.stacks).await?;
        carry_out(session, plans, &arguments.consent, output).await
    })
}
