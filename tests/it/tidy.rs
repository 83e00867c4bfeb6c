//! Rules of the house as tests: who may import whom, what a file looks like, what tables say.
//!
//! The table is the one in `ARCHITECTURE.md`; the test reads it from there, so that it cannot drift.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(under: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = walkdir::WalkDir::new(under)
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    files.sort();
    files
}

/// `src/flow/apply/mod.rs` → `flow::apply`; `src/worker.rs` → `worker`.
fn module_of(path: &Path) -> String {
    let relative = path.strip_prefix(root().join("src")).unwrap().with_extension("");
    let mut parts: Vec<&str> = relative.iter().map(|part| part.to_str().unwrap()).collect();
    if parts.last() == Some(&"mod") {
        parts.pop();
    }
    parts.join("::")
}

/// Rows `| `module` | `import`, `import` |` of the table under "Who may import whom".
fn import_table() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let section = text.split("## Who may import whom").nth(1).expect("the table's heading");
    let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    section
        .lines()
        .take_while(|line| !line.starts_with("## "))
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').collect();
            let modules: Vec<String> = names(cells[1]);
            (modules[0].clone(), names(cells[2]).into_iter().collect())
        })
        .collect()
}

/// The modules of ours that a piece of code names by `crate::…`, with one part more where there is
/// one; a list is one piece, however many lines it has.
fn imports(code: &str) -> Vec<String> {
    let found = code.match_indices("crate::");
    found.flat_map(|(at, found)| paths("", &code[at + found.len()..]).0).collect()
}

/// The paths of a tree of names such as `a::{b, c::d}`, and what follows it.
fn paths<'a>(above: &str, code: &'a str) -> (Vec<String>, &'a str) {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if let Some(mut rest) = code.strip_prefix('{') {
        let mut all = Vec::new();
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            match rest.chars().next() {
                Some(c) if is_part(c) || c == '{' => {
                    let (found, after) = paths(above, rest);
                    all.extend(found);
                    // An alias, if there is one.
                    rest = after.trim_start_matches(|c| c != ',' && c != '}');
                }
                Some('*') => rest = &rest[1..],
                _ => return (all, rest.strip_prefix('}').unwrap_or(rest)),
            }
        }
    }
    let end = code.find(|c| !is_part(c)).unwrap_or(code.len());
    let path =
        if above.is_empty() { code[..end].into() } else { format!("{above}::{}", &code[..end]) };
    match code[end..].strip_prefix("::") {
        Some(below) if path.matches("::").count() < 1 && !below.starts_with('*') => {
            paths(&path, below)
        }
        Some(below) => (vec![path], paths("", below).1),
        None if path.is_empty() => (Vec::new(), &code[end..]),
        None => (vec![path], &code[end..]),
    }
}

fn offences(table: &BTreeMap<String, BTreeSet<String>>, module: &str, source: &str) -> Vec<String> {
    let top = module.split("::").next().unwrap();
    let above = module.match_indices("::").map(|(at, _)| &module[..at]);
    let rows = above.chain([module]).filter_map(|module| table.get(module));
    let Some(allowed) = rows.last() else {
        return vec![format!("{module} has no row in the table of ARCHITECTURE.md")];
    };
    let is_allowed = |import: &str| {
        let import_top = import.split("::").next().unwrap();
        let denied = import.split("::").any(|part| allowed.contains(&format!("!{part}")));
        let everything = allowed.contains("*");
        let is_listed = allowed.contains(import_top) || allowed.contains(import);
        !denied && (import_top == top || everything || is_listed)
    };
    let source = source.split("#[cfg(test)]\nmod").next().unwrap();
    let code: Vec<&str> = source.lines().map(|line| line.split("//").next().unwrap()).collect();
    let code = code.join("\n");
    let mut found: Vec<String> = imports(&code)
        .into_iter()
        .filter(|import| !is_allowed(import))
        .map(|import| format!("{module}: imports `{import}`"))
        .collect();
    if top == "domain" {
        let outside =
            ["tokio", "axum", "octocrab", "sqlx", "git2", "reqwest", "std::fs", "std::net"];
        let used = outside.iter().filter(|outside| code.contains(&format!("{outside}::")));
        found.extend(used.map(|outside| format!("{module}: uses `{outside}`")));
    }
    found
}

#[test]
fn modules_import_downwards_only() {
    let table = import_table();
    let offenders: Vec<String> = rust_files(&root().join("src"))
        .iter()
        .filter(|path| {
            !["lib.rs", "main.rs"].iter().any(|file| path.ends_with(Path::new("src").join(file)))
        })
        .flat_map(|path| offences(&table, &module_of(path), &fs::read_to_string(path).unwrap()))
        .collect();
    assert!(offenders.is_empty(), "\n{}", offenders.join("\n"));
}

#[test]
fn an_import_upwards_is_seen() {
    let table = import_table();
    for (module, source) in [
        ("domain::approval", "use crate::store::Store;"),
        ("domain::plan", "let x = tokio::spawn(async {});"),
        ("github::checks", "use crate::{domain::names, store};"),
        ("localhub::rest", "use crate::domain::names::Sha;"),
        ("http::inbox", "use crate::flow;"),
        ("flow::apply", "use crate::model::Model;"),
        (
            "flow::apply::stack",
            "use crate::{\n    app::App,\n    domain::{agent::run::Run, plan},\n};",
        ),
        ("flow::apply", "use crate::flow::agent;"),
        ("domain::plan", "use crate::{\n    domain::names,\n    store::{self as s},\n};"),
        ("model::transport", "use crate::github::GitHub;"),
        ("unheard_of", ""),
    ] {
        assert_eq!(offences(&table, module, source).len(), 1, "{module}: {source}");
    }
    assert!(offences(&table, "flow::plan", "use crate::{app::App, domain};").is_empty());
}

/// A library that one module speaks to the world with is no other module's.
const OWNED: &[(&str, &[&str])] = &[
    ("git2", &["git", "localhub"]),
    ("sqlx", &["store"]),
    ("reqwest", &["github", "git", "localhub", "model"]),
    ("axum", &["http", "localhub"]),
    ("include_dir", &["package"]),
];

fn borrowed_libraries(module: &str, source: &str) -> Vec<String> {
    let top = module.split("::").next().unwrap();
    let code = source.split("#[cfg(test)]").next().unwrap();
    let uses = |library: &str| {
        code.lines().any(|line| {
            let line = line.split("//").next().unwrap();
            line.contains(&format!("{library}::"))
        })
    };
    OWNED
        .iter()
        .filter(|(library, owners)| !owners.contains(&top) && uses(library))
        .map(|(library, _)| format!("{module} uses `{library}`"))
        .collect()
}

#[test]
fn each_library_of_the_outside_world_has_one_owner() {
    let offenders: Vec<String> = rust_files(&root().join("src"))
        .iter()
        .flat_map(|path| borrowed_libraries(&module_of(path), &fs::read_to_string(path).unwrap()))
        .collect();
    assert!(offenders.is_empty(), "\n{}", offenders.join("\n"));
    assert_eq!(borrowed_libraries("flow::plan", "use git2::Repository;").len(), 1);
}

#[test]
fn the_readme_has_the_commands_of_the_code() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let table = planwright::domain::command::commands_table();
    assert!(readme.contains(&table), "README.md should have this table:\n\n{table}");
}

/// The words after `name:` in a list of the manifest.
fn manifest_list(manifest: &str, name: &str) -> BTreeSet<String> {
    manifest
        .lines()
        .skip_while(|line| *line != format!("{name}:"))
        .skip(1)
        .take_while(|line| line.starts_with(' '))
        .filter(|line| !line.trim().starts_with('#'))
        .map(|line| line.trim().trim_start_matches("- ").to_owned())
        .collect()
}

/// What no token is minted with, and the App needs all the same; the manifest says why.
const BESIDE_TOKENS: [(&str, &str); 2] = [("merge_queues", "read"), ("statuses", "write")];

/// GitHub sends these without being asked: to every App, and to one that may write checks.
const UNASKED: [&str; 4] =
    ["check_run", "check_suite", "installation", "installation_repositories"];

#[test]
fn the_manifest_asks_for_exactly_what_the_code_uses() {
    let manifest = fs::read_to_string(root().join("app-manifest.yml")).unwrap();
    let mut used: BTreeMap<&str, &str> = BESIDE_TOKENS.into();
    for (name, level) in planwright::github::Task::ALL.iter().flat_map(|task| task.permissions()) {
        let widest = used.entry(name).or_insert(level);
        if *level == "write" {
            *widest = level;
        }
    }
    let used: BTreeSet<String> =
        used.into_iter().map(|(name, level)| format!("{name}: {level}")).collect();
    assert_eq!(manifest_list(&manifest, "default_permissions"), used);
    let read: BTreeSet<String> = planwright::github::webhook::events()
        .filter(|event| !UNASKED.contains(event))
        .map(str::to_owned)
        .collect();
    assert_eq!(manifest_list(&manifest, "default_events"), read);
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent: Vec<String> = rust_files(&root().join("src"))
        .into_iter()
        .filter(|path| !fs::read_to_string(path).unwrap().starts_with("//!"))
        .map(|path| module_of(&path))
        .collect();
    assert!(silent.is_empty(), "no `//!` at the top of: {}", silent.join(", "));
}

#[test]
fn files_stay_readable() {
    let long: Vec<String> = rust_files(&root().join("src"))
        .into_iter()
        .filter_map(|path| {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            (lines > 500).then(|| format!("{} has {lines} lines", module_of(&path)))
        })
        .collect();
    assert!(long.is_empty(), "over 500 lines: {}", long.join(", "));
    let architecture = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    assert!(architecture.lines().count() <= 150, "ARCHITECTURE.md has grown past 150 lines");
}
