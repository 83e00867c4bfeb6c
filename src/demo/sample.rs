//! The repository of the demo: a few locked stacks that need no cloud, and the issue forms.
//!
//! Made by the same commands that people use, in a temporary directory.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, anyhow};
use walkdir::WalkDir;

use crate::checkout::{Checkout, Error, forms::forms, lock::lock};

const FILES: [(&str, &str); 6] = [
    (
        "README.md",
        "# infra

What Acme runs, as stacks of locked packages. Nobody writes Terraform here: change a value below
`stacks/` in a pull request, or ask in an issue.

| stack | what it greets |
| --- | --- |
| `welcome/staging`, `welcome/production` | one stack in two environments |
| `newsletter` | everybody who reads it |
",
    ),
    (
        "planwright.yaml",
        "# What Planwright may do in this repository; read at the base commit.
apiVersion: planwright.dev/v1
kind: Repository
packages:
  - hello
backend:
  type: local
approvals:
  required: 1
  self: false
engine:
  version: \">=1.9, <2\"
",
    ),
    (
        "stacks/welcome/stack.yaml",
        "apiVersion: planwright.dev/v1
kind: Stack
package: hello
version: \"^0.1\"
params:
  greeting: Welcome
",
    ),
    (
        "stacks/welcome/staging.yaml",
        "apiVersion: planwright.dev/v1
kind: Environment
params:
  audience: [testers]
",
    ),
    (
        "stacks/welcome/production.yaml",
        "apiVersion: planwright.dev/v1
kind: Environment
params:
  audience: [customers, partners]
",
    ),
    (
        "stacks/newsletter/stack.yaml",
        "apiVersion: planwright.dev/v1
kind: Stack
package: hello
version: \"^0.1\"
params:
  greeting: Good news
  audience: [readers]
",
    ),
];

/// Returns every file of the repository with its text.
pub fn files() -> Result<Vec<(String, String)>> {
    let dir = tempfile::tempdir().context("making a directory for the sample repository")?;
    let root = dir.path();
    for (path, text) in FILES {
        let full = root.join(path);
        fs::create_dir_all(full.parent().unwrap_or(root))?;
        fs::write(full, text)?;
    }
    let checkout = Checkout::find(root).map_err(sample_error)?;
    lock(&checkout, &[]).map_err(sample_error)?;
    forms(&checkout).map_err(sample_error)?;
    read(root).context("reading the sample repository")
}

fn read(root: &Path) -> Result<Vec<(String, String)>> {
    let mut files = vec![];
    for entry in WalkDir::new(root).sort_by_file_name() {
        let entry = entry?;
        if entry.file_type().is_file() {
            let path = entry.path().strip_prefix(root)?.to_string_lossy().into_owned();
            files.push((path, fs::read_to_string(entry.path())?));
        }
    }
    Ok(files)
}

fn sample_error(error: Error) -> anyhow::Error {
    match error {
        Error::Findings(findings) => {
            let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
            anyhow!("the demo's own stacks: {}", lines.join("; "))
        }
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_has_two_environments_their_locks_and_a_form() {
        let paths: Vec<String> = files().unwrap().into_iter().map(|(path, _)| path).collect();
        insta::assert_snapshot!(paths.join("\n"), @r"
        .github/ISSUE_TEMPLATE/planwright-hello.yml
        README.md
        planwright.yaml
        stacks/newsletter/stack.lock.json
        stacks/newsletter/stack.yaml
        stacks/welcome/production.lock.json
        stacks/welcome/production.yaml
        stacks/welcome/stack.yaml
        stacks/welcome/staging.lock.json
        stacks/welcome/staging.yaml
        ");
    }
}
