//! Where packages come from: compiled into the binary, or a folder of the repository.
//!
//! The only part of this crate with files of its own. A folder is read through the [`Files`] that
//! the caller trusts for package code; for a pull request that is the base commit.

use std::{collections::BTreeMap, fmt, sync::LazyLock};

use include_dir::{Dir, include_dir};

use planwright_core::finding::{Finding, Location};

use super::{Checked, content, files::Files};

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../packages");

/// The location of a package. Its text form is written in `stack.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A package compiled into the binary, by name.
    BuiltIn(String),
    /// A folder, relative to the root of the repository.
    Path(String),
}

impl Source {
    /// Parses a name without `/`, or the path of a folder; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let is_step = |step: &str| {
            !matches!(step, "" | "." | "..")
                && step.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        if !text.split('/').all(is_step) {
            return None;
        }
        Some(if text.contains('/') { Self::Path(text.into()) } else { Self::BuiltIn(text.into()) })
    }

    /// Returns the prefix of the package's file paths in positions of findings.
    pub fn origin(&self) -> String {
        match self {
            Self::BuiltIn(name) => format!("builtin:{name}"),
            Self::Path(path) => path.clone(),
        }
    }

    /// Returns its form in a lock file.
    pub fn locked(&self) -> String {
        match self {
            Self::BuiltIn(_) => "builtin".into(),
            Self::Path(path) => format!("path:{path}"),
        }
    }

    /// Returns the files of the package, by path relative to its folder; `place` is where it was
    /// requested.
    pub(crate) fn tree(
        &self,
        files: &dyn Files,
        place: &Location,
    ) -> Checked<BTreeMap<String, Vec<u8>>> {
        let tree = match self {
            Self::BuiltIn(name) => match built_in().get(name) {
                Some(tree) => tree.clone(),
                None => return Err(vec![self.unknown(place)]),
            },
            Self::Path(path) => content::tree(files, path)?,
        };
        if tree.is_empty() { Err(vec![self.unknown(place)]) } else { Ok(tree) }
    }

    fn unknown(&self, place: &Location) -> Finding {
        let mut finding = Finding::error(
            "unknown_package",
            place.clone(),
            format!("there is no package `{self}`"),
        );
        if let Self::BuiltIn(name) = self {
            finding.allowed = built_in().keys().cloned().collect();
            let names = finding.allowed.iter().map(String::as_str);
            finding.did_you_mean = super::suggest::nearest(name, names).map(str::to_owned);
        }
        finding.fix = Some(match &finding.did_you_mean {
            Some(suggestion) => format!("write `package: {suggestion}`"),
            None => {
                "name a built-in package, or a folder of this repository with a package.yaml".into()
            }
        });
        finding.pointer = Some("/package".into());
        finding
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(text) | Self::Path(text) => f.write_str(text),
        }
    }
}

/// Returns the names of the packages that come with the binary.
pub fn names() -> impl Iterator<Item = &'static str> {
    built_in().keys().map(String::as_str)
}

/// Returns the files of each built-in package.
pub fn built_in() -> &'static BTreeMap<String, BTreeMap<String, Vec<u8>>> {
    static FILES: LazyLock<BTreeMap<String, BTreeMap<String, Vec<u8>>>> = LazyLock::new(|| {
        let mut all = BTreeMap::new();
        let mut folders: Vec<&Dir<'_>> = vec![&BUILT_IN];
        while let Some(folder) = folders.pop() {
            folders.extend(folder.dirs());
            for file in folder.files() {
                let path = file.path().to_string_lossy();
                if let Some((package, rest)) = path.split_once('/') {
                    let files: &mut BTreeMap<_, _> = all.entry(package.to_owned()).or_default();
                    files.insert(rest.to_owned(), file.contents().to_vec());
                }
            }
        }
        all
    });
    &FILES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_name_or_a_folder_within_the_repository() {
        assert_eq!(Source::parse("hello"), Some(Source::BuiltIn("hello".into())));
        assert_eq!(Source::parse("packages/mine"), Some(Source::Path("packages/mine".into())));
        for text in ["", "/", "../x", "a/../b", "./a", "a//b", "/etc", "a b", "a/${b}", "git://x/y"]
        {
            assert_eq!(Source::parse(text), None, "{text}");
        }
    }
}
