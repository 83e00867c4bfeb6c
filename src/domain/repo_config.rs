//! What `planwright.yaml` says about a repository.
//!
//! Only the values; `package::repository` reads the file and says what is wrong with it. For a pull
//! request it is read at the base commit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The file, at the root of the repository.
pub const FILE: &str = "planwright.yaml";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepoConfig {
    /// Names of built-in packages, and folders of the repository such as `packages/*`.
    pub packages: Vec<String>,
    pub backend: Backend,
    pub approvals: Approvals,
    pub engine: EngineRule,
}

/// Where the engine keeps its state; `config` goes to `init`, never into a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backend {
    #[serde(rename = "type")]
    pub kind: String,
    pub config: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approvals {
    /// How many people have to approve a change.
    pub required: u32,
    /// Whether who asked for a change may approve it.
    #[serde(rename = "self")]
    pub own: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineRule {
    /// A range of versions, met beside the range of the package.
    pub version: String,
}

impl RepoConfig {
    /// Whether stacks may use a package, by its name or folder.
    pub fn allows(&self, package: &str) -> bool {
        self.packages.iter().any(|allowed| match allowed.strip_suffix('*') {
            Some(folder) => package
                .strip_prefix(folder)
                .is_some_and(|rest| !rest.is_empty() && !rest.contains('/')),
            None => allowed == package,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_folder() {
        let config = RepoConfig {
            packages: vec!["hello".into(), "packages/*".into()],
            backend: Backend { kind: "local".into(), config: BTreeMap::new() },
            approvals: Approvals { required: 1, own: false },
            engine: EngineRule { version: "*".into() },
        };
        for (package, allowed) in [
            ("hello", true),
            ("packages/mine", true),
            ("packages/", false),
            ("packages/a/b", false),
            ("other/mine", false),
            ("hell", false),
        ] {
            assert_eq!(config.allows(package), allowed, "{package}");
        }
    }
}
