//! `planwright resolve`.

use std::process::ExitCode;

use serde_json::{Value, json};

use planwright_package::Prepared;

use super::Output;
use crate::checkout::{
    Checkout, Error,
    resolve::{Explanation, why},
};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Stacks to resolve.
    stacks: Vec<String>,
    /// Explain the values at or below this JSON pointer, e.g. `/params/region`.
    #[arg(long, value_name = "POINTER")]
    why: Option<String>,
}

pub fn run(
    arguments: &Arguments,
    checkout: &Checkout,
    output: &mut Output,
) -> Result<ExitCode, Error> {
    let all = checkout.prepared_all(&arguments.stacks)?;
    let mut json = Vec::new();
    let mut text = Vec::new();
    for prepared in &all {
        let (one, lines) = match &arguments.why {
            Some(pointer) => explained(prepared, &why(prepared, pointer)?),
            None => resolved(prepared),
        };
        json.push(one);
        text.push(lines);
    }
    output.print(&json!({ "stacks": json }), &text.join("\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn resolved(prepared: &Prepared) -> (Value, String) {
    let resolved = &prepared.resolved;
    let document = resolved.document();
    let provenance = resolved.provenance();
    let mut text = format!("{}: {} {}\n", resolved.stack, resolved.package, resolved.version);
    for (pointer, origin) in &provenance {
        let value = document.pointer(pointer).cloned().unwrap_or_default();
        text += &format!("  {pointer} = {value}  ({}, {})\n", origin.from.as_str(), origin.place);
    }
    for (source, types) in &resolved.types {
        text += &format!("  types of {source}: {types}\n");
    }
    let json = json!({ "stack": resolved.stack, "document": document, "provenance": provenance });
    (json, text)
}

fn explained(prepared: &Prepared, all: &[Explanation]) -> (Value, String) {
    let stack = &prepared.resolved.stack;
    let mut text = format!("{stack}\n");
    for why in all {
        text += &format!("{} = {}\n", why.pointer, why.value);
        for (i, given) in why.given.iter().enumerate() {
            let word = if i == 0 { "from" } else { "over" };
            text += &format!("  {word} {} {}, {}", given.from.as_str(), given.value, given.place);
            if let Some(reason) = &given.reason {
                text += &format!(": {reason}");
            }
            text.push('\n');
        }
        if let Some(param) = why.param.as_ref().filter(|param| **param != why.pointer) {
            text += &format!("  through {param}\n");
        }
    }
    (json!({ "stack": stack, "values": all }), text)
}
