//! `planwright outputs`.

use std::process::ExitCode;

use serde_json::{Value, json};

use planwright_core::names::StackId;
use planwright_view::terminal;

use super::{
    Output,
    engine::{EngineArguments, drive},
    output::REFUSED,
    terminal::{about, failure, outputs as output_lines, outputs_json},
};
use crate::checkout::{
    Checkout, Error,
    outputs::{Outputs, outputs},
};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Stacks whose outputs are shown.
    stacks: Vec<String>,
    /// Show sensitive outputs in clear, also in JSON.
    #[arg(long)]
    show_sensitive: bool,
    #[command(flatten)]
    engine: EngineArguments,
}

pub fn run(
    arguments: &Arguments,
    checkout: &Checkout,
    output: &mut Output,
) -> Result<ExitCode, Error> {
    let all = drive(&arguments.engine, checkout, async |session| {
        outputs(session, &arguments.stacks).await
    })?;
    let shows = arguments.show_sensitive;
    let (failed, known): (Vec<_>, Vec<_>) = all.iter().partition(|(_, outputs)| outputs.is_err());
    let has_failed = !failed.is_empty();
    let texts = |all: Vec<&(StackId, Result<Outputs, String>)>| -> String {
        all.into_iter().map(|(stack, outputs)| outputs_text(stack, outputs, shows)).collect()
    };
    let documents: Vec<Value> =
        all.iter().map(|(stack, outputs)| document(stack, outputs, shows)).collect();
    let text = if all.is_empty() { "there is no stack".into() } else { texts(known) };
    output.print(&json!({ "stacks": documents }), &text)?;
    output.failures(&texts(failed));
    Ok(if has_failed { ExitCode::from(REFUSED) } else { ExitCode::SUCCESS })
}

fn outputs_text(
    stack: &StackId,
    outputs: &Result<Outputs, String>,
    shows_sensitive: bool,
) -> String {
    match outputs {
        Err(message) => terminal(&failure(stack, message, Vec::new())),
        Ok(None) => terminal(&about(stack, "never applied", Vec::new())),
        Ok(Some(all)) if all.is_empty() => terminal(&about(stack, "no outputs", Vec::new())),
        Ok(Some(all)) => terminal(&about(stack, "", vec![output_lines(all, shows_sensitive)])),
    }
}

fn document(stack: &StackId, outputs: &Result<Outputs, String>, shows_sensitive: bool) -> Value {
    match outputs {
        Err(message) => json!({ "stack": stack, "error": message }),
        Ok(None) => json!({ "stack": stack, "applied": false }),
        Ok(Some(outputs)) => {
            let outputs = outputs_json(outputs, shows_sensitive);
            json!({ "stack": stack, "applied": true, "outputs": outputs })
        }
    }
}
