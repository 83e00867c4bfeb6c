//! The pages under `docs/` against the code, so that neither goes on without the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use serde_json::Value;

use crate::cli::Repository;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).unwrap()
}

/// The fenced blocks whose first line says `word="value"`, by that value.
fn blocks(page: &str, word: &str) -> BTreeMap<String, String> {
    let mut blocks = BTreeMap::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let text: String = lines
            .by_ref()
            .take_while(|line| *line != "```")
            .map(|line| format!("{line}\n"))
            .collect();
        let value =
            info.split_once(&format!(" {word}=\"")).map(|(_, rest)| rest.trim_end_matches('"'));
        if let Some(value) = value {
            assert!(blocks.insert(value.to_owned(), text).is_none(), "{value} stands there twice");
        }
    }
    blocks
}

#[test]
fn the_files_of_the_page_are_a_repository_that_is_valid() {
    let page = page("files.md");
    let repository = Repository::empty();
    let (locks, files): (Vec<_>, Vec<_>) =
        blocks(&page, "title").into_iter().partition(|(path, _)| path.ends_with(".lock.json"));
    for (path, text) in &files {
        repository.write(path, text);
    }
    repository.done(&["lock"]);
    for (path, text) in &locks {
        assert_eq!(repository.read(path), *text, "docs/files.md should have this as {path}");
    }
    assert_eq!(repository.done(&["validate"]), "3 stacks checked: all is well\n");
    let kinds = ["planwright.yaml", "/stack.yaml", "/prod.yaml", "/package.yaml", "/variant.yaml"];
    for kind in kinds {
        assert!(files.iter().any(|(path, _)| path.ends_with(kind)), "no example of {kind}");
    }
    assert_eq!(locks.len(), 1);
}

#[test]
fn what_the_page_quotes_stands_in_the_file() {
    let quoted = blocks(&page("files.md"), "from");
    assert!(!quoted.is_empty());
    for (path, text) in quoted {
        assert!(fs::read_to_string(root().join(&path)).unwrap().contains(&text), "{path}: {text}");
    }
}

/// The names of all properties in a schema of ours.
fn fields(schema: &Value, found: &mut BTreeSet<String>) {
    let Some(object) = schema.as_object() else { return };
    for (name, property) in
        object.get("properties").and_then(Value::as_object).into_iter().flatten()
    {
        found.insert(name.clone());
        fields(property, found);
    }
    for below in ["items", "additionalProperties"] {
        object.get(below).into_iter().for_each(|below| fields(below, found));
    }
}

#[test]
fn every_field_of_every_file_is_on_the_page() {
    let page = page("files.md");
    for entry in fs::read_dir(root().join("src/package/schemas")).unwrap() {
        let file = entry.unwrap().path();
        let mut names = BTreeSet::new();
        fields(&serde_json::from_slice(&fs::read(&file).unwrap()).unwrap(), &mut names);
        assert!(names.contains("kind"), "{}", file.display());
        for name in names {
            let is_there = [format!("{name}:"), format!("\"{name}\":"), format!("`{name}")];
            let is_there = is_there.iter().any(|text| page.contains(text));
            assert!(is_there, "docs/files.md says nothing of `{name}` of {}", file.display());
        }
    }
}
