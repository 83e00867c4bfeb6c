//! `planwright package list` and `show`.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::domain::finding::Place;
use crate::flow::checkout::{Error, WorkingDir};
use crate::package::source::{self, Source};
use crate::package::unpacked::Package;

use super::Output;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// The packages that come with Planwright.
    List,
    /// What a package is for, and its params.
    Show {
        /// A built-in package, or the folder of one.
        package: String,
    },
}

pub fn run(command: &Command, root: &Path, output: &mut Output) -> Result<ExitCode, Error> {
    let files = WorkingDir::new(root);
    let read = |text: &str| -> Result<Package, Error> {
        let source = Source::parse(text).ok_or_else(|| {
            Error::Usage(format!("`{text}` is neither a package's name nor a folder"))
        })?;
        let place = Place { file: "command line".into(), line: 1, column: 1 };
        Ok(source.package(&files, &place)?)
    };
    match command {
        Command::List => {
            let mut json = Vec::new();
            let mut text = String::new();
            for name in source::names() {
                let manifest = read(name)?.manifest;
                text += &format!("{name} {}  {}\n", manifest.version, manifest.summary);
                json.push(json!({ "name": name, "version": manifest.version, "summary": manifest.summary }));
            }
            output.print(&json!({ "packages": json }), &text)?;
        }
        Command::Show { package } => {
            let package = read(package)?;
            output.print(&document(&package), &shown(&package))?;
        }
    }
    Ok(ExitCode::SUCCESS)
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

fn shown(package: &Package) -> String {
    let readme = package.files.get("README.md").map(|bytes| String::from_utf8_lossy(bytes));
    let about = format!(
        "{} {} ({})",
        package.manifest.name,
        package.manifest.version,
        package.digest.short()
    );
    format!("{about}\n{}\n\n{}", package.manifest.summary, readme.unwrap_or_default())
}
