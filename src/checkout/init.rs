//! `planwright init`: creates a repository of stacks, with a first stack that needs no cloud.

use std::{fs, io, path::Path};

use anyhow::Context as _;
use serde::Serialize;

use planwright_core::repo_config::FILE;
use planwright_package::{repository::STACKS, source};

use super::{Checkout, Error, forms::forms, lock};

const STACK: &str = "apiVersion: planwright.dev/v1
kind: Stack
package: hello
version: \"^0.1\"
params:
  greeting: Hello
  audience: [world]
";

/// Directories that the engine and the command line create beside the stacks.
const IGNORED: [&str; 2] = [".terraform/", ".planwright/"];

/// Paths that were written, and stack folders that already existed.
#[derive(Debug, Default, Serialize)]
pub struct Initialized {
    pub written: Vec<String>,
    pub kept: Vec<String>,
}

/// Writes the files that do not exist yet.
///
/// Fails if there is already a `planwright.yaml`.
pub fn init(root: &Path) -> Result<Initialized, Error> {
    if root.join(FILE).exists() {
        let message =
            format!("{FILE} is here already; `planwright validate` checks this repository");
        return Err(Error::Usage(message));
    }
    let mut written = Vec::new();
    write(root, FILE, &config(), &mut written)?;
    let kept = kept(root)?;
    let is_first = kept.is_empty();
    if is_first {
        write(root, "stacks/hello/stack.yaml", STACK, &mut written)?;
    }
    let path = root.join(".gitignore");
    let before = if path.exists() {
        fs::read_to_string(&path).context(".gitignore cannot be read")?
    } else {
        String::new()
    };
    let missing: Vec<&str> = IGNORED
        .into_iter()
        .filter(|entry| !before.lines().any(|line| line.trim() == *entry))
        .collect();
    if !missing.is_empty() {
        let gap = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
        let text = format!("{before}{gap}{}\n", missing.join("\n"));
        write(root, ".gitignore", &text, &mut written)?;
    }
    if is_first {
        let locked = lock::lock(&Checkout::find(root)?, &["hello".into()])?;
        written.extend(locked.into_iter().map(|locked| locked.path));
    }
    let forms = forms(&Checkout::find(root)?)?.into_iter();
    written.extend(forms.filter(|form| form.outcome == "written").map(|form| form.path));
    Ok(Initialized { written, kept })
}

/// Returns what is in the stacks folder, or the folder itself if it is empty.
fn kept(root: &Path) -> Result<Vec<String>, Error> {
    let folder = root.join(STACKS);
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.with_context(|| format!("{STACKS}/ cannot be read"))?;
    let path = |entry: fs::DirEntry| format!("{STACKS}/{}", entry.file_name().to_string_lossy());
    let mut kept: Vec<String> = entries.into_iter().map(path).collect();
    kept.sort();
    Ok(if kept.is_empty() { vec![format!("{STACKS}/")] } else { kept })
}

fn config() -> String {
    let packages: String = source::names().map(|name| format!("  - {name}\n")).collect();
    format!(
        "# What Planwright may do in this repository. For a pull request it is read at the base commit.
apiVersion: planwright.dev/v1
kind: Repository
packages:
{packages}  - packages/*
backend:
  type: local
approvals:
  required: 1
  self: false
engine:
  version: \">=1.9, <2\"
"
    )
}

fn write(root: &Path, path: &str, text: &str, written: &mut Vec<String>) -> Result<(), Error> {
    let full = root.join(path);
    if let Some(folder) = full.parent() {
        fs::create_dir_all(folder).with_context(|| format!("{path} cannot be written"))?;
    }
    fs::write(&full, text).with_context(|| format!("{path} cannot be written"))?;
    written.push(path.into());
    Ok(())
}
