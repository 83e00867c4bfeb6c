//! `planwright package list` and `show`.

use std::{path::Path, process::ExitCode};

use serde_json::{Value, json};

use planwright_package::loaded_package::Package;

use super::Output;
use crate::checkout::{
    Error,
    packages::{Listed, list, show},
};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// The packages that come with Planwright, and those of this repository.
    List,
    /// What a package is for, and its params.
    Show {
        /// A built-in package, or the folder of one.
        package: String,
    },
}

pub fn run(command: &Command, start: &Path, output: &mut Output) -> Result<ExitCode, Error> {
    match command {
        Command::List => {
            let all = list(start)?;
            let json: Vec<Value> = all.iter().map(entry).collect();
            let text: String = all.iter().map(line).collect();
            output.print(&json!({ "packages": json }), &text)?;
        }
        Command::Show { package } => {
            let package = show(start, package)?;
            output.print(&document(&package), &package_text(&package))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn line(listed: &Listed) -> String {
    let refused = if listed.is_allowed { "" } else { "  (not allowed by planwright.yaml)" };
    let source = &listed.source;
    match &listed.package {
        Ok(Package { manifest, .. }) => {
            format!("{source} {}  {}{refused}\n", manifest.version, manifest.summary)
        }
        Err(findings) => {
            let why =
                findings.first().map(|finding| format!("{}, {}", finding.message, finding.place));
            format!("{source}  cannot be used: {}{refused}\n", why.unwrap_or_default())
        }
    }
}

fn entry(listed: &Listed) -> Value {
    // The value of `package` in a stack.yaml.
    let mut json = json!({ "package": listed.source.to_string(), "allowed": listed.is_allowed });
    match &listed.package {
        Ok(Package { manifest, .. }) => {
            json["name"] = manifest.name.as_str().into();
            json["version"] = manifest.version.as_str().into();
            json["summary"] = manifest.summary.as_str().into();
        }
        Err(findings) => json["findings"] = json!(findings),
    }
    json
}

fn document(package: &Package) -> Value {
    json!({
        "name": package.manifest.name,
        "version": package.manifest.version,
        "summary": package.manifest.summary,
        "digest": package.digest,
        "params": package.params.value(),
        "slots": package.manifest.slots.iter().map(|(name, slot)| json!({
            "name": name, "implements": slot.implements, "variants": slot.variants,
        })).collect::<Vec<_>>(),
        "outputs": package.manifest.outputs.keys().collect::<Vec<_>>(),
        "protect": package.manifest.protect,
    })
}

fn package_text(package: &Package) -> String {
    let readme = package.files.get("README.md").map(|bytes| String::from_utf8_lossy(bytes));
    let about = format!(
        "{} {} ({})",
        package.manifest.name,
        package.manifest.version,
        package.digest.short()
    );
    format!("{about}\n{}\n\n{}", package.manifest.summary, readme.unwrap_or_default())
}
