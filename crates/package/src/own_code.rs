//! The repository's own code: packages in its folders, each known by the digest of its content.
//!
//! The lock of a stack has to match its package, providers and engine range included, so the digest
//! of a package covers all that a stack of it runs beside the engine.

use std::collections::BTreeMap;

use planwright_core::{
    digest::Digest,
    finding::{Finding, Location},
};

use super::{
    content,
    files::{Files as _, MemoryFiles},
    loaded_package::Package,
    modules,
    source::Source,
};

/// Code of the repository that a stack runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCode {
    /// The folder of the package.
    pub folder: String,
    /// Its content digest.
    pub digest: Digest,
}

impl Package {
    /// Returns the package as code of the repository; `None` if it came with the binary.
    pub fn own_code(&self) -> Option<OwnCode> {
        match &self.source {
            Source::BuiltIn(_) => None,
            Source::Path(folder) => {
                Some(OwnCode { folder: folder.clone(), digest: self.digest.clone() })
            }
        }
    }
}

/// Returns the content digest of each package in a tree, by folder. A folder that cannot be read as
/// one is left out: no stack can use it, either.
pub fn digests(files: &MemoryFiles) -> BTreeMap<String, Digest> {
    let paths = files.paths("").unwrap_or_default();
    let folders = paths.iter().filter_map(|path| path.strip_suffix("/package.yaml"));
    folders.filter_map(|folder| Some((folder.to_owned(), digest(files, folder)?))).collect()
}

/// Returns a warning for each thing that a package does beside the resources that a plan shows, in
/// any of its variants. Nothing is returned of a package that cannot be read.
pub fn risks(files: &MemoryFiles, folder: &str) -> Vec<Finding> {
    let place = Location { file: format!("{folder}/package.yaml"), line: 1, column: 1 };
    let package = Source::Path(folder.to_owned()).package(files, &place);
    package.map_or_else(|_| Vec::new(), |package| modules::risks(&package, &["modules".into()]))
}

/// Returns the content digest of the folder of a package; `None` if it cannot be read as one.
pub fn digest(files: &MemoryFiles, folder: &str) -> Option<Digest> {
    let tree = content::tree(files, folder).ok().filter(|tree| !tree.is_empty())?;
    Some(content::digest(&tree))
}
