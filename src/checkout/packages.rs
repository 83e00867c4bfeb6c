//! `planwright package`: lists the packages that stacks may use, and shows one in full.
//!
//! Also works outside a repository, with the built-in packages only.

use std::path::Path;

use planwright_core::finding::Location;
use planwright_package::{
    Checked,
    files::Files,
    loaded_package::Package,
    search,
    source::{self, Source},
    suggest::nearest,
};

use super::{Checkout, Error, WorkingDir};

/// A package by the name that stacks use, and its content or what is wrong with it.
pub struct Listed {
    pub source: Source,
    pub package: Checked<Package>,
    /// Whether `planwright.yaml` allows stacks to use it; true if there is no such file.
    pub is_allowed: bool,
}

/// Returns the built-in packages, then those of the repository that contains `start`.
pub fn list(start: &Path) -> Result<Vec<Listed>, Error> {
    let sources = Sources::open(start)?;
    let listed = |source: Source| Listed {
        package: sources.read(&source),
        is_allowed: sources.checkout.as_ref().is_none_or(|c| c.config.allows(&source.to_string())),
        source,
    };
    Ok(sources.all()?.into_iter().map(listed).collect())
}

/// Returns the package with this name or folder.
pub fn show(start: &Path, name: &str) -> Result<Package, Error> {
    let sources = Sources::open(start)?;
    let bare = name.trim_end_matches('/');
    let bare = bare.strip_prefix("./").unwrap_or(bare);
    let known = || -> Result<Vec<String>, Error> {
        Ok(sources.all()?.iter().map(ToString::to_string).collect())
    };
    match Source::parse(bare) {
        Some(source) if sources.has(&source)? => Ok(sources.read(&source)?),
        _ => Err(Error::Usage(unknown(name, bare, &known()?))),
    }
}

fn unknown(name: &str, bare: &str, known: &[String]) -> String {
    let (suggestion, all) = (nearest(bare, known.iter().map(String::as_str)), known.join(", "));
    match suggestion {
        Some(suggestion) => {
            format!(
                "there is no package `{name}`; did you mean `{suggestion}`? The packages are {all}"
            )
        }
        None => format!("there is no package `{name}`; the packages are {all}"),
    }
}

/// Where packages are looked for.
struct Sources {
    checkout: Option<Checkout>,
    files: WorkingDir,
}

impl Sources {
    fn open(start: &Path) -> Result<Self, Error> {
        let checkout = match Checkout::find(start) {
            Ok(checkout) => Some(checkout),
            Err(Error::Findings(all)) if all.iter().all(|one| one.code == "missing_config") => None,
            Err(error) => return Err(error),
        };
        let root = checkout.as_ref().map_or(start, |checkout| &checkout.root);
        Ok(Self { files: WorkingDir::new(root), checkout })
    }

    fn read(&self, source: &Source) -> Checked<Package> {
        // Callers only read packages that exist, so this position is never shown.
        let place = Location { file: source.to_string(), line: 1, column: 1 };
        source.package(&self.files, &place)
    }

    fn has(&self, source: &Source) -> Result<bool, Error> {
        Ok(match source {
            Source::BuiltIn(name) => source::names().any(|known| known == name),
            Source::Path(folder) => !self.files.paths(folder).map_err(Vec::from)?.is_empty(),
        })
    }

    fn all(&self) -> Result<Vec<Source>, Error> {
        let built_in = source::names().map(|name| Source::BuiltIn(name.to_owned()));
        let mut sources: Vec<Source> = built_in.collect();
        if let Some(checkout) = &self.checkout {
            sources.extend(search::folders(&self.files, &checkout.config.packages)?);
        }
        Ok(sources)
    }
}
