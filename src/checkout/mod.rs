//! The commands that work on a checkout, without a server or GitHub.
//!
//! They return values; `cli` prints them. A checkout trusts itself: settings and packages are read
//! from the same tree as the stacks.

mod applied;
pub mod apply;
pub mod drift;
mod environment;
pub mod forms;
pub mod init;
pub mod lock;
pub mod outputs;
pub mod packages;
pub mod plan;
pub mod render;
pub mod resolve;
mod revision;
mod session;
pub mod validate;
mod working_dir;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use planwright_core::{
    finding::{Finding, Location},
    names::StackId,
    repo_config::{FILE, RepoConfig},
};
use planwright_package::{Prepared, Trusted, files::Files, repository, suggest::nearest};

pub use environment::Environment;
pub use revision::Revision;
pub use session::{Log, Person, Session};
pub use working_dir::WorkingDir;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Files are not as they have to be.
    #[error("{} findings", .0.len())]
    Findings(Vec<Finding>),
    /// The command names something that does not exist, or cannot be used here.
    #[error("{0}")]
    Usage(String),
    /// The command would do something that nobody has agreed to.
    #[error("{0}")]
    Refused(String),
    /// The user cancelled it.
    #[error("cancelled")]
    Cancelled,
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}

impl From<Vec<Finding>> for Error {
    fn from(findings: Vec<Finding>) -> Self {
        Self::Findings(findings)
    }
}

/// A directory with a `planwright.yaml`.
pub struct Checkout {
    pub root: PathBuf,
    pub files: WorkingDir,
    pub config: RepoConfig,
}

impl Checkout {
    /// Returns the nearest directory with a `planwright.yaml`, from `start` upwards.
    pub fn find(start: &Path) -> Result<Self, Error> {
        let Some(root) = start.ancestors().find(|folder| folder.join(FILE).is_file()) else {
            return Err(vec![missing_config(start)].into());
        };
        let files = WorkingDir::new(root);
        let config = repository::config(&files)?;
        Ok(Self { root: root.to_owned(), files, config })
    }

    pub fn trusted(&self) -> Trusted<'_> {
        Trusted { config: &self.config, packages: &self.files }
    }

    /// Reads, checks and renders one stack, strictly by its lock.
    pub fn prepared(&self, id: &StackId) -> Result<Prepared, Error> {
        Ok(Prepared::load(&self.files, &self.trusted(), id)?)
    }

    /// Returns each of the named stacks. Fails with the findings of all of them.
    pub fn prepared_all(&self, names: &[String]) -> Result<Vec<Prepared>, Error> {
        let mut all = Vec::new();
        let mut findings = Vec::new();
        for id in self.selected(names)? {
            match Prepared::load(&self.files, &self.trusted(), &id) {
                Ok(prepared) => all.push(prepared),
                Err(more) => findings.extend(more),
            }
        }
        if findings.is_empty() { Ok(all) } else { Err(findings.into()) }
    }

    /// Returns the named stacks, given as `website/prod`, `website` or `stacks/website`; all if
    /// none is named.
    pub fn selected(&self, names: &[String]) -> Result<Vec<StackId>, Error> {
        selected(&self.files, names)
    }
}

fn missing_config(start: &Path) -> Finding {
    let place = Location { file: FILE.into(), line: 1, column: 1 };
    let message = format!("there is no {FILE} in {} or any folder above it", start.display());
    let mut finding = Finding::error("missing_config", place, message);
    let fix = "go to the repository, or run `planwright init` to start one here";
    finding.fix = Some(fix.into());
    finding
}

fn selected(files: &dyn Files, names: &[String]) -> Result<Vec<StackId>, Error> {
    let (all, _) = repository::stacks(files)?;
    named(&all, names)
}

/// Returns those of `all` that are named, in any of the usual notations; all if none is named.
fn named(all: &BTreeSet<StackId>, names: &[String]) -> Result<Vec<StackId>, Error> {
    if names.is_empty() {
        return Ok(all.iter().cloned().collect());
    }
    let mut selected = Vec::new();
    for name in names {
        let bare = bare(name);
        let found: Vec<StackId> =
            all.iter().filter(|id| id.to_string() == bare || id.name() == bare).cloned().collect();
        if found.is_empty() {
            return Err(Error::Usage(unknown(all, name, bare)));
        }
        selected.extend(found.into_iter().filter(|id| !selected.contains(id)).collect::<Vec<_>>());
    }
    Ok(selected)
}

/// Returns `website/prod` or `website` for the name, folder or file of a stack.
fn bare(name: &str) -> &str {
    let bare = name.trim_end_matches('/');
    let bare = bare.strip_prefix("./").unwrap_or(bare);
    let bare = bare.strip_prefix("stacks/").unwrap_or(bare);
    [".lock.json", ".yaml"].into_iter().find_map(|end| bare.strip_suffix(end)).map_or(
        bare,
        |file| {
            // `stack` stands for all environments and is not an environment itself.
            file.strip_suffix("/stack").unwrap_or(file)
        },
    )
}

fn unknown(all: &BTreeSet<StackId>, name: &str, bare: &str) -> String {
    let known: Vec<String> = all.iter().map(ToString::to_string).collect();
    let words = known.iter().map(String::as_str).chain(all.iter().map(StackId::name));
    let (suggestion, known) = (nearest(bare, words), known.join(", "));
    match suggestion {
        Some(suggestion) => {
            format!(
                "there is no stack `{name}`; did you mean `{suggestion}`? The stacks are {known}"
            )
        }
        None if known.is_empty() => format!("there is no stack `{name}`; there is none here"),
        None => format!("there is no stack `{name}`; the stacks are {known}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use planwright_package::files::MemoryFiles;

    #[test]
    fn a_stack_is_named_in_each_way_that_people_write_it() {
        let paths = ["web/stack.yaml", "web/dev.yaml", "web/prod.yaml", "logs/stack.yaml"];
        let files: MemoryFiles = paths.iter().map(|path| (format!("stacks/{path}"), "")).collect();
        for (names, expected) in [
            (vec![], vec!["logs", "web/dev", "web/prod"]),
            (vec!["web/prod"], vec!["web/prod"]),
            (vec!["stacks/web/"], vec!["web/dev", "web/prod"]),
            (vec!["./stacks/web/dev", "web"], vec!["web/dev", "web/prod"]),
            (vec!["logs"], vec!["logs"]),
            (vec!["stacks/web/prod.yaml"], vec!["web/prod"]),
            (vec!["stacks/web/stack.yaml"], vec!["web/dev", "web/prod"]),
            (vec!["./stacks/logs/stack.yaml"], vec!["logs"]),
            (vec!["stacks/web/dev.lock.json"], vec!["web/dev"]),
        ] {
            let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
            let found: Vec<String> =
                selected(&files, &names).unwrap().iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{names:?}");
        }
        let said = selected(&files, &["web/prd".into()]).unwrap_err().to_string();
        assert_eq!(
            said,
            "there is no stack `web/prd`; did you mean `web/prod`? The stacks are logs, web/dev, \
             web/prod"
        );
    }
}
