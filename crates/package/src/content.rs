//! The files of a package and their digest.
//!
//! Every file counts, including README and tests: a lock names exact bytes.

use std::collections::BTreeMap;

use planwright_core::digest::Digest;

use super::files::{Files, FilesError};

/// Returns the files below the folder `under`, by path relative to it.
///
/// Fails if two paths differ only in case, if a path has a control character, or if a file cannot be
/// read.
pub fn tree(files: &dyn Files, under: &str) -> Result<BTreeMap<String, Vec<u8>>, FilesError> {
    let mut tree = BTreeMap::new();
    let mut folded: BTreeMap<String, String> = BTreeMap::new();
    for path in files.paths(under)? {
        // The list of the digest has a line for each file.
        if path.contains(char::is_control) {
            return Err(FilesError::ControlCharacter { path });
        }
        // Folders collide as files do: `a/x` and `A/y` share a folder on case-insensitive file
        // systems.
        for (end, _) in path.match_indices('/').chain([(path.len(), "")]) {
            let part = &path[..end];
            match folded.insert(part.to_lowercase(), part.to_owned()) {
                Some(other) if other != part => {
                    return Err(FilesError::CaseCollision { path: path.clone(), other });
                }
                _ => {}
            }
        }
        let gone = || FilesError::Unreadable { path: path.clone(), why: "it went away".into() };
        let bytes = files.read(&path)?.ok_or_else(gone)?;
        let relative = path.strip_prefix(under).unwrap_or(&path).trim_start_matches('/');
        tree.insert(relative.to_owned(), bytes);
    }
    Ok(tree)
}

/// Returns the content digest: SHA-256 over the sorted list of file digests and paths.
pub fn digest(tree: &BTreeMap<String, Vec<u8>>) -> Digest {
    let list: String =
        tree.iter().map(|(path, bytes)| format!("{}  {path}\n", Digest::sha256(bytes))).collect();
    Digest::sha256(list.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::files::MemoryFiles;
    use super::*;

    fn digest_of(files: &[(&str, &str)]) -> Digest {
        let files: MemoryFiles = files.iter().copied().collect();
        digest(&tree(&files, "p").unwrap())
    }

    #[test]
    fn each_byte_and_each_path_counts_and_nothing_outside_does() {
        let base = digest_of(&[("p/a", "1"), ("p/b", "2")]);
        assert_eq!(digest_of(&[("p/b", "2"), ("p/a", "1"), ("q", "3")]), base);
        for other in [
            vec![("p/a", "1"), ("p/b", "3")],
            vec![("p/a", "1"), ("p/c", "2")],
            vec![("p/a", "1")],
            vec![("p/a", "2"), ("p/b", "1")],
        ] {
            assert_ne!(digest_of(&other), base, "{other:?}");
        }
    }

    #[test]
    fn a_path_that_could_be_two_lines_of_the_digest_is_refused() {
        for path in ["p/README\nsha256:0  modules/evil.tf", "p/a\rb", "p/a\u{85}b", "p/a\0b"] {
            let files: MemoryFiles = [(path, "")].into_iter().collect();
            let refused = matches!(tree(&files, "p"), Err(FilesError::ControlCharacter { .. }));
            assert!(refused, "{path:?}");
        }
    }

    #[test]
    fn paths_that_differ_only_in_case_are_refused() {
        for pair in [["p/a", "p/A"], ["p/d/x", "p/D/y"]] {
            let files: MemoryFiles = pair.map(|path| (path, "")).into_iter().collect();
            assert!(matches!(tree(&files, "p"), Err(FilesError::CaseCollision { .. })), "{pair:?}");
        }
    }
}
