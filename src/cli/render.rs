//! `planwright render`.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use serde_json::{Value, json};

use planwright_core::names::StackId;
use planwright_package::render::Rendered;

use super::Output;
use crate::checkout::{
    Checkout, Error,
    render::{diff, render, write},
};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Stacks to render.
    stacks: Vec<String>,
    /// Write the files to a folder for each stack below this directory.
    #[arg(long, value_name = "DIR", conflicts_with = "diff")]
    out: Option<PathBuf>,
    /// Show what differs from the render of a git revision.
    #[arg(long, value_name = "REV")]
    diff: Option<String>,
}

pub fn run(
    arguments: &Arguments,
    checkout: &Checkout,
    output: &mut Output,
) -> Result<ExitCode, Error> {
    if let Some(revision) = &arguments.diff {
        let changed = diff(checkout, &arguments.stacks, revision)?;
        let text: String = changed.iter().map(|changed| changed.diff.as_str()).collect();
        let text =
            if text.is_empty() { format!("no render differs from {revision}") } else { text };
        output.print(&json!({ "changed": changed }), &text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let renders = render(checkout, &arguments.stacks)?;
    if let Some(out) = &arguments.out {
        write(out, &renders)?;
        let text: String = renders
            .iter()
            .map(|(id, one)| {
                format!(
                    "wrote {} ({} files)\n",
                    out.join(id.to_string()).display(),
                    one.files.len()
                )
            })
            .collect();
        output.print(&document(&renders), &text)?;
    } else {
        output.print(&document(&renders), &listed(&renders))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn document(renders: &BTreeMap<StackId, Rendered>) -> Value {
    let stacks: Vec<Value> = renders
        .iter()
        .map(|(id, rendered)| {
            let files: BTreeMap<&String, String> = rendered
                .files
                .iter()
                .map(|(path, bytes)| (path, String::from_utf8_lossy(bytes).into_owned()))
                .collect();
            json!({
                "stack": id,
                "digest": rendered.digest(),
                "code_digest": rendered.code_digest(),
                "files": files,
            })
        })
        .collect();
    json!({ "stacks": stacks })
}

fn listed(renders: &BTreeMap<StackId, Rendered>) -> String {
    let mut text = String::new();
    for (id, rendered) in renders {
        text += &format!("{id}: {}\n", rendered.digest().short());
        for (path, bytes) in &rendered.files {
            text += &format!("  {path}  {} bytes\n", bytes.len());
        }
    }
    text + "--out DIR writes the files, --diff REV compares them"
}
