//! The layers of fakehub: a module imports only from layers below its own, and no file imports
//! another in a circle.

#![allow(clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// From the bottom to the top. Modules of one layer do not know each other.
const LAYERS: [&[&str]; 7] = [
    &["api_error", "http", "git_repo"],
    &["state"],
    &["json"],
    &["actions"],
    &["hub"],
    &["rest", "graphql", "pages", "git_http", "people", "views"],
    &["server", "testing"],
];

/// `api_error` is what everything fails with, also the modules of its own layer.
const SHARED: &str = "api_error";

/// The files that a file imports, by their module paths (`pages::issue`).
type Imports = BTreeMap<String, BTreeSet<String>>;

fn layer(module: &str) -> usize {
    let top = module.split("::").next().unwrap();
    let found = LAYERS.iter().position(|layer| layer.contains(&top));
    found.unwrap_or_else(|| panic!("module `{top}` is in no layer"))
}

/// Returns what breaks the layers: imports upwards, and imports of a neighbour in the same layer.
fn offences(imports: &Imports) -> Vec<String> {
    let top = |module: &str| module.split("::").next().unwrap().to_owned();
    let mut found = vec![];
    for (module, imported) in imports {
        for other in imported {
            let (own, theirs) = (top(module), top(other));
            if own != theirs && theirs != SHARED && layer(other) >= layer(module) {
                found.push(format!("{module} imports {other}"));
            }
        }
    }
    found
}

/// Files that import each other in a circle, if there are any: what is left when files that import
/// none of the others are taken away again and again.
fn circle(imports: &Imports) -> BTreeSet<String> {
    let mut left: BTreeSet<String> = imports.keys().cloned().collect();
    loop {
        let is_free = |module: &&String| !imports[*module].iter().any(|it| left.contains(it));
        let free: BTreeSet<String> = left.iter().filter(is_free).cloned().collect();
        if free.is_empty() {
            return left;
        }
        left.retain(|module| !free.contains(module));
    }
}

/// Returns the paths that begin with `crate::` in `source`, lists in braces taken apart.
fn paths(source: &str) -> Vec<String> {
    let mut found = vec![];
    for (at, _) in source.match_indices("crate::") {
        let rest = &source[at + "crate::".len()..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
        let path = &rest[..end.unwrap_or(rest.len())];
        match path.strip_suffix("::") {
            Some(base) => found.extend(listed(base, &rest[path.len()..])),
            None if path.is_empty() => found.extend(listed("", rest)),
            None => found.push(path.to_owned()),
        }
    }
    found
}

/// Returns the paths of `{a, b::c}` below `base`.
fn listed(base: &str, list: &str) -> Vec<String> {
    let list = list.split(['{', '}']).nth(1).unwrap_or_default();
    let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(|name| format!("{base}::{name}").trim_start_matches("::").to_owned()).collect()
}

fn imports() -> Imports {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![];
    collect(&src, &mut files);
    let sources: BTreeMap<String, String> = files
        .iter()
        .map(|path| (module(&src, path), fs::read_to_string(path).unwrap()))
        .filter(|(module, _)| module != "lib")
        .collect();
    let file_of = |path: &str| {
        let mut path = path;
        loop {
            if sources.contains_key(path) {
                return path.to_owned();
            }
            path = path.rsplit_once("::").map_or("", |(parent, _)| parent);
            assert!(!path.is_empty(), "an import of nothing that is known");
        }
    };
    let imports_of = |module: &String, source: &String| {
        let code: Vec<&str> =
            source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let all = paths(&code.join("\n")).into_iter().map(|path| file_of(&path));
        all.filter(|other| other != module).collect()
    };
    sources.iter().map(|(module, it)| (module.clone(), imports_of(module, it))).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => collect(&path, files),
            false if path.extension().is_some_and(|it| it == "rs") => files.push(path),
            false => {}
        }
    }
}

/// `pages::issue` of `src/pages/issue.rs`, `pages` of `src/pages/mod.rs`.
fn module(src: &Path, file: &Path) -> String {
    let path = file.strip_prefix(src).unwrap().with_extension("");
    let path = path.to_str().unwrap().replace('/', "::");
    path.trim_end_matches("::mod").to_owned()
}

fn examples(edges: &[(&str, &[&str])]) -> Imports {
    let set = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect();
    edges.iter().map(|(module, all)| ((*module).to_owned(), set(all))).collect()
}

#[test]
fn modules_import_from_the_layers_below_only() {
    let found = offences(&imports());
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    let broken = examples(&[
        ("state", &["actions::pulls"]),
        ("rest::pulls", &["graphql::node"]),
        ("pages::issue", &["pages::frame", "hub", "api_error"]),
    ]);
    assert_eq!(
        offences(&broken),
        ["rest::pulls imports graphql::node", "state imports actions::pulls"]
    );
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    assert_eq!(circle(&imports()), BTreeSet::new());
    let broken =
        examples(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"]), ("d", &["a"]), ("e", &[])]);
    assert_eq!(circle(&broken).into_iter().collect::<String>(), "abcd");
}

#[test]
fn imports_are_read_from_paths_and_lists() {
    let source = "use crate::state::{State, data::By};\nuse crate::{rest, pages};\ncrate::a::b()";
    assert_eq!(paths(source), ["state::State", "state::data::By", "rest", "pages", "a::b"]);
}
