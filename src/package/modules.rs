//! Whether the engine can read the module files of a package at all.
//!
//! Of the repository's own packages only: those that come with Planwright are tested before they
//! are released. What a module means stays the engine's question.

use crate::domain::finding::{Finding, Place};

use super::source::Source;
use super::unpacked::Package;

/// One finding for each module file that is no HCL, or no JSON where its name says so.
pub fn findings(package: &Package) -> Vec<Finding> {
    if matches!(package.source, Source::BuiltIn(_)) {
        return Vec::new();
    }
    let modules = package.files.iter().filter(|(path, _)| path.starts_with("modules/"));
    modules
        .filter_map(|(path, bytes)| {
            let (code, ((line, column), why)) = if is_of(path, ["tf", "tofu"]) {
                ("invalid_hcl", hcl(bytes).err()?)
            } else if is_of(path, ["tf.json", "tofu.json"]) {
                ("invalid_json", json(bytes).err()?)
            } else {
                return None;
            };
            let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).max(1);
            let file = format!("{}/{path}", package.origin);
            let place = Place { file, line: number(line), column: number(column) };
            Some(Finding::error(code, place, format!("the engine could not read this: {why}")))
        })
        .collect()
}

fn is_of(path: &str, ends: [&str; 2]) -> bool {
    ends.iter().any(|end| path.strip_suffix(end).is_some_and(|rest| rest.ends_with('.')))
}

/// Line and column, and what is wrong there.
type Flaw = ((usize, usize), String);

fn hcl(bytes: &[u8]) -> Result<(), Flaw> {
    let text = std::str::from_utf8(bytes).map_err(|why| ((1, 1), format!("not UTF-8: {why}")))?;
    hcl_edit::parser::parse_body(text).map(drop).map_err(|error| {
        let at = error.location();
        ((at.line(), at.column()), error.message().to_owned())
    })
}

fn json(bytes: &[u8]) -> Result<(), Flaw> {
    serde_json::from_slice(bytes).map(|_: serde::de::IgnoredAny| ()).map_err(|error| {
        let text = error.to_string();
        let end = text.find(" at line ").unwrap_or(text.len());
        ((error.line(), error.column()), text[..end].to_owned())
    })
}
