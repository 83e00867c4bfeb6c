//! Rules of this code base as tests: which module may import which, and what files and tables
//! contain.
//!
//! The table of imports is read from `ARCHITECTURE.md`, so that page and test cannot differ.

mod imports;
mod markup;
mod names;

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

/// All files of the product: the root package's and those of the crates.
fn product_files() -> Vec<PathBuf> {
    let mut files = rust_files(&root().join("src"));
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        files.extend(rust_files(&entry.unwrap().path().join("src")));
    }
    files
}

/// `src/flow/apply/mod.rs` → `flow::apply`; `crates/core/src/plan.rs` → `core::plan`.
fn module_of(path: &Path) -> String {
    let relative = path.strip_prefix(root()).unwrap().with_extension("");
    let parts = relative.iter().map(|part| part.to_str().unwrap());
    let mut parts: Vec<&str> = parts.filter(|part| !["crates", "src"].contains(part)).collect();
    if ["mod", "lib"].iter().any(|file| parts.last() == Some(file)) {
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
    // A crate of ours counts like a module.
    let mut code = code.join("\n");
    for (name, ..) in CRATES {
        let (path, alias) = (format!("planwright_{name}::"), format!("planwright_{name} as "));
        code = code.replace(&path, &format!("crate::{name}::"));
        code = code.replace(&alias, &format!("crate::{name} as "));
    }
    imports(&code)
        .into_iter()
        .filter(|import| !is_allowed(import))
        .map(|import| format!("{module}: imports `{import}`"))
        .collect()
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
        ("http::inbox", "use crate::flow;"),
        ("http::pages", "use planwright_engine::Engine;"),
        ("queue", "use planwright_engine as engine;"),
        ("jobs::apply", "use planwright_model::Model;"),
        ("jobs::apply::stack", "use planwright_core::{\n    agent::run::Run,\n    plan,\n};"),
        ("jobs::apply", "use crate::agent;"),
        ("unheard_of", ""),
    ] {
        assert_eq!(offences(&table, module, source).len(), 1, "{module}: {source}");
    }
    assert!(
        offences(&table, "jobs::plan", "use crate::app::App;\nuse planwright_core::plan;")
            .is_empty()
    );
}

/// What a crate may depend on of ours, and of the libraries that speak to the world outside;
/// everything else is free.
const CRATES: &[(&str, &[&str], &[&str])] = &[
    ("core", &[], &[]),
    ("view", &["core"], &[]),
    ("package", &["core"], &[]),
    ("engine", &["core", "package"], &["hyper", "tokio"]),
    ("git", &["core", "package"], &["git2", "reqwest", "tokio"]),
    ("github", &["core", "package"], &["octocrab", "reqwest", "tokio"]),
    ("model", &["core"], &["reqwest", "tokio"]),
    ("store", &["core", "package"], &["sqlx", "tokio"]),
    ("fakehub", &[], &["axum", "git2", "reqwest", "tokio"]),
];

const OUTSIDE: [&str; 7] = ["axum", "git2", "hyper", "octocrab", "reqwest", "sqlx", "tokio"];

/// What crate `name` depends on beyond its row in [`CRATES`].
fn undeclared(name: &str, dependencies: &[&str]) -> Vec<String> {
    let Some((_, ours, outside)) = CRATES.iter().find(|(known, ..)| *known == name) else {
        return vec![format!("crate `{name}` has no row in CRATES")];
    };
    let is_allowed = |dependency: &str| match dependency.strip_prefix("planwright-") {
        Some(crate_name) => ours.contains(&crate_name),
        None => !OUTSIDE.contains(&dependency) || outside.contains(&dependency),
    };
    let beyond = dependencies.iter().filter(|dependency| !is_allowed(dependency));
    beyond.map(|dependency| format!("{name} depends on `{dependency}`")).collect()
}

#[test]
fn crates_depend_downwards_only() {
    let cargo = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&cargo.stdout).unwrap();
    let mut found = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let Some(name) = name.strip_prefix("planwright-") else { continue };
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let normal = dependencies.filter(|dependency| dependency["kind"].is_null());
        let names: Vec<&str> = normal.map(|it| it["name"].as_str().unwrap()).collect();
        found.extend(undeclared(name, &names));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    assert_eq!(undeclared("core", &["planwright-view", "tokio", "serde"]).len(), 2);
    assert_eq!(undeclared("git", &["planwright-github"]).len(), 1);
}

/// Where the crate for GitHub names an HTTP client: in the connector below octocrab and what reads
/// its errors, and in the probe, which asks the bot itself.
const NAME_A_CLIENT: [&str; 3] =
    ["github::connection", "github::layers::size_cap", "github::probe"];

#[test]
fn every_call_to_github_goes_through_octocrab() {
    let clients = ["reqwest", "hyper", "ureq", "TcpStream"];
    let names_a_client = |path: &PathBuf| {
        let source = fs::read_to_string(path).unwrap();
        let code = source.lines().map(|line| line.split("//").next().unwrap());
        code.into_iter().any(|line| clients.iter().any(|client| line.contains(client)))
    };
    let naming: Vec<String> = rust_files(&root().join("crates/github/src"))
        .into_iter()
        .filter(names_a_client)
        .map(|path| module_of(&path))
        .collect();
    assert_eq!(naming, NAME_A_CLIENT);
    // The root package has none to call it with.
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let dependencies = manifest.split("[dependencies]").nth(1).unwrap();
    let dependencies = dependencies.split("\n[").next().unwrap();
    assert!(!clients.iter().any(|client| dependencies.contains(client)), "{dependencies}");
}

#[test]
fn pure_crates_touch_no_file_and_no_socket() {
    let pure = ["core", "view", "package"];
    let used = |path: &PathBuf| {
        let source = fs::read_to_string(path).unwrap();
        let code = source.split("#[cfg(test)]").next().unwrap().to_owned();
        let outside = ["std::fs", "std::net", "std::process", "std::env"];
        let used = outside.into_iter().find(|outside| code.contains(outside))?;
        Some(format!("{} uses `{used}`", module_of(path)))
    };
    let found: Vec<String> = product_files()
        .iter()
        .filter(|path| pure.contains(&module_of(path).split("::").next().unwrap()))
        .filter_map(used)
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_readme_has_the_commands_of_the_code() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let table = planwright_core::command::commands_table();
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
    for (name, level) in
        planwright_github::TokenScope::ALL.iter().flat_map(|scope| scope.permissions())
    {
        let widest = used.entry(name).or_insert(level);
        if *level == "write" {
            *widest = level;
        }
    }
    let used: BTreeSet<String> =
        used.into_iter().map(|(name, level)| format!("{name}: {level}")).collect();
    assert_eq!(manifest_list(&manifest, "default_permissions"), used);
    let read: BTreeSet<String> = planwright_github::webhook::events()
        .filter(|event| !UNASKED.contains(event))
        .map(str::to_owned)
        .collect();
    assert_eq!(manifest_list(&manifest, "default_events"), read);
}

/// Functions of a source with a tuple in the place of a parameter.
fn tuple_parameters(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in source.match_indices("fn ") {
        let rest = &source[at + 3..];
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let Some(open) = rest.find('(').filter(|open| !rest[..*open].contains(['{', ';', '"']))
        else {
            continue;
        };
        let (mut depth, mut is_start) = (0, false);
        for c in rest[open..].chars() {
            match c {
                // A parameter that begins with a parenthesis is one without a name.
                '(' if depth == 1 && is_start => {
                    found.push(name.clone());
                    break;
                }
                '(' | '[' | '{' | '<' => depth += 1,
                ')' | ']' | '}' => depth -= 1,
                _ => {}
            }
            is_start = matches!(c, '(' | ',') && depth == 1 || is_start && c.is_whitespace();
            if depth == 0 {
                break;
            }
        }
    }
    found
}

#[test]
fn a_parameter_is_one_named_thing() {
    let found: Vec<String> = product_files()
        .iter()
        .flat_map(|path| {
            let source = fs::read_to_string(path).unwrap();
            let code: Vec<&str> =
                source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            let functions = tuple_parameters(&code.join("\n"));
            functions.into_iter().map(move |name| format!("{}::{name}", module_of(path)))
        })
        .collect();
    assert!(found.is_empty(), "tuples as parameters:\n{}", found.join("\n"));
    let hidden = "fn seen(&self, (a, b): (u8, u8)) {}\nfn fine(at: (u8, u8), f: impl Fn(u8)) {}";
    assert_eq!(tuple_parameters(hidden), ["seen"]);
    assert_eq!(
        tuple_parameters("async fn wide(\n    a: u8,\n    (b, c): (u8, u8),\n) {}"),
        ["wide"]
    );
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent: Vec<String> = product_files()
        .into_iter()
        .filter(|path| !fs::read_to_string(path).unwrap().starts_with("//!"))
        .map(|path| module_of(&path))
        .collect();
    assert!(silent.is_empty(), "no `//!` at the top of: {}", silent.join(", "));
}

#[test]
fn files_stay_readable() {
    let long: Vec<String> = product_files()
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
