//! Compares `deploy/` and `charts/` with the program and with the tools that read them.
//!
//! What the chart renders is checked by `tests/chart.py`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use clap::CommandFactory as _;
use tempfile::TempDir;

use planwright::{cli::Cli, settings::SECRETS};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// What stands behind the first `before`, up to one of `end`.
fn after<'a>(text: &'a str, before: &str, end: &[char]) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no `{before}`"));
    rest.split(end).next().unwrap()
}

#[test]
fn all_name_the_same_versions() {
    let (cargo, container) = (text("Cargo.toml"), text("deploy/Containerfile"));
    let version = after(&cargo, "\nversion = \"", &['"']);
    assert_eq!(after(&text("charts/planwright/Chart.yaml"), "appVersion: \"", &['"']), version);
    assert_eq!(after(&text("deploy/compose.yaml"), "image: planwright:", &['\n']), version);
    let rust = after(&cargo, "rust-version = \"", &['"']);
    assert_eq!(after(&container, "/rust:", &['-']), rust);
    assert_eq!(after(&text(".github/workflows/ci.yml"), "/rust:", &['-']), rust);
    let tofu = text("tests/tofu/go.mod");
    let tofu = after(&tofu, "github.com/opentofu/opentofu v", &['\n']);
    assert_eq!(after(&container, "/opentofu:", &['-']), tofu);
}

#[test]
fn the_container_is_built_from_all_that_the_program_is() {
    let container = text("deploy/Containerfile");
    let copied: BTreeSet<&str> = container
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "))
        .filter(|line| !line.starts_with("--from"))
        .flat_map(|line| {
            let mut words: Vec<&str> = line.split(' ').collect();
            words.pop();
            words
        })
        .collect();
    let ignore = text(".dockerignore");
    let allowed: BTreeSet<&str> =
        ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert_eq!(copied, allowed, "deploy/Containerfile and .dockerignore");
    // What Cargo reads, and macros at compile time, from wherever they stand.
    let mut read = BTreeSet::from([
        "Cargo.toml",
        "Cargo.lock",
        "askama.toml",
        ".cargo",
        "benches",
        "crates",
        "src",
    ]);
    let known = ["app-manifest.yml", "migrations", "packages"];
    let folders = ["src", "crates"].map(|folder| walkdir::WalkDir::new(root().join(folder)));
    for entry in folders.into_iter().flatten() {
        let path = entry.unwrap().into_path();
        let source = fs::read_to_string(&path).unwrap_or_default();
        for name in ["include_str!(", "include_bytes!(", "include_dir!(", "migrate!("] {
            for rest in source.split(name).skip(1) {
                let named = rest.split(')').next().unwrap();
                let of_root =
                    ["../", "CARGO_MANIFEST_DIR", "./"].iter().any(|it| named.contains(it));
                let found = known.iter().find(|known| named.contains(**known));
                if of_root && let Some(found) = found {
                    read.insert(found);
                }
                let escapes = named.matches("../").count()
                    >= path.strip_prefix(root()).unwrap().components().count() - 1;
                assert!(!escapes || found.is_some(), "{}: {named}", path.display());
            }
        }
    }
    assert_eq!(copied, read);
}

/// A program that is started by another one may outlive it, and is then the first process's to bury.
#[test]
fn the_first_process_of_the_container_buries_what_others_leave() {
    let container = text("deploy/Containerfile");
    let installed = after(&container, "--no-install-recommends ca-certificates ", &['\\']);
    let first = after(&container, "ENTRYPOINT [\"/usr/bin/", &['"']);
    assert_eq!(first, installed.trim());
}

#[test]
fn every_variable_that_is_set_is_one_of_ours() {
    let cli = Cli::command();
    let serve = cli.find_subcommand("serve").unwrap();
    let known: BTreeSet<String> = serve
        .get_arguments()
        .filter_map(|argument| Some(argument.get_env()?.to_str()?.to_owned()))
        .collect();
    let is_part = |c: char| c.is_ascii_uppercase() || c == '_';
    let mut found = 0;
    for path in [
        "deploy/Containerfile",
        "deploy/compose.yaml",
        "deploy/planwright.service",
        "charts/planwright/templates/_helpers.tpl",
    ] {
        let text = text(path);
        for rest in text.split("PLANWRIGHT_").skip(1).filter(|rest| !rest.starts_with("{{")) {
            let name: String = rest.chars().take_while(|c| is_part(*c)).collect();
            let name = format!("PLANWRIGHT_{name}");
            assert!(known.contains(&name), "{path} sets {name}, which nothing reads");
            found += 1;
        }
    }
    assert!(found >= 8);
}

#[test]
fn the_settings_of_the_chart_are_flags_and_no_secrets() {
    let schema: serde_json::Value =
        serde_json::from_str(&text("charts/planwright/values.schema.json")).unwrap();
    let names = schema["properties"]["config"]["propertyNames"]["enum"].as_array().unwrap();
    let cli = Cli::command();
    let serve = cli.find_subcommand("serve").unwrap();
    for name in names.iter().map(|name| name.as_str().unwrap()) {
        let is_flag = serve.get_arguments().any(|argument| argument.get_long() == Some(name));
        assert!(is_flag && !SECRETS.contains(&name), "{name}");
        assert!(name != "database-url", "it holds a password");
    }
}

/// The table of `values.yaml`: each value below the line that explains it.
fn values_table() -> String {
    let mut table = String::from("| value | default | what |\n| --- | --- | --- |\n");
    let (mut path, mut explained) = (Vec::new(), Vec::new());
    let mut comment = None;
    for line in text("charts/planwright/values.yaml").lines().skip(1) {
        let indent = line.len() - line.trim_start().len();
        if let Some(text) = line.trim().strip_prefix("# ") {
            comment = Some(text.to_owned());
            continue;
        }
        let (key, value) = line.trim().split_once(':').unwrap();
        path.truncate(indent / 2);
        path.push(key.to_owned());
        let name = path.join(".");
        let default = match value.trim() {
            "" => "see `values.yaml`".to_owned(),
            value => format!("`{value}`"),
        };
        match comment.take() {
            Some(what) => {
                table += &format!("| `{name}` | {default} | {what} |\n");
                explained.push(format!("{name}."));
            }
            None => {
                let is_below = explained.iter().any(|above| name.starts_with(above));
                assert!(value.is_empty() || is_below, "nothing explains {name}");
            }
        }
    }
    table
}

#[test]
fn the_page_of_the_chart_has_every_value() {
    let table = values_table();
    let page = text("charts/planwright/README.md");
    assert!(page.ends_with(&table), "charts/planwright/README.md should end with\n\n{table}");
}

#[test]
fn the_compose_file_is_one() {
    let python = root().join("target/venv/bin/python");
    assert!(python.exists(), "run tests/components first");
    let judged = |text: &str| {
        let script = "import sys, compose_spec\n\
            file = compose_spec.PyCompose.from_yaml(sys.argv[1])\n\
            file.validate()\n\
            print(file.to_json())";
        Command::new(&python).args(["-c", script, text]).output().unwrap()
    };
    let compose = text("deploy/compose.yaml");
    let output = judged(&compose);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let file: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for (name, service) in file["services"].as_object().unwrap() {
        assert!(service["healthcheck"]["test"].is_array(), "{name} has no health check");
        assert!(!service["secrets"].as_array().unwrap().is_empty(), "{name} has no secret");
    }
    for secret in file["secrets"].as_object().unwrap().values() {
        assert!(secret["file"].is_string(), "{secret}");
    }
    assert!(!judged(&compose.replace("healthcheck:", "helthcheck:")).status.success());
}

#[test]
fn the_unit_of_systemd_is_one_and_gives_no_more_than_is_needed() {
    let unit = text("deploy/planwright.service");
    for line in unit.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', '['])) {
        assert!(line.contains('='), "{line}");
    }
    // Else the engine of an apply would be ended together with the bot.
    assert!(unit.contains("\nKillMode=process\n"));
    let start = after(&unit, "\nExecStart=", &['\n']);
    let words = start.split(' ').map(|word| word.rsplit('/').next().unwrap());
    let command = Cli::command().try_get_matches_from(words.chain(["--app-id", "1"]));
    assert!(command.is_ok(), "{start}: {}", command.unwrap_err());
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("there is no systemd-analyze here, which would say more");
        return;
    }
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("planwright.service");
    let binary = env!("CARGO_BIN_EXE_planwright");
    fs::write(
        &path,
        unit.replace("ExecStart=/usr/local/bin/planwright", &format!("ExecStart={binary}")),
    )
    .unwrap();
    let said = analyzed(&["verify"], &path);
    assert_eq!(said, "", "systemd-analyze verify");
    analyzed(&["security", "--offline=true", "--threshold=20", "--no-pager"], &path);
}

/// What systemd says of a unit that it takes.
fn analyzed(arguments: &[&str], unit: &Path) -> String {
    let output = Command::new("systemd-analyze").args(arguments).arg(unit).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stdout));
    said
}
