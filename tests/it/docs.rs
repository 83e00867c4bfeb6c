//! Compares the pages under `docs/` with the code, so that they stay in step.

use std::{collections::BTreeSet, fs, path::PathBuf};

use clap::{Command, CommandFactory as _};
use serde_json::Value;

use planwright::{cli::Cli, settings::SECRETS};

use crate::{checkout, cli::Repository};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).unwrap()
}

/// The fenced blocks whose first line says `word="value"`, with that value.
fn blocks(page: &str, word: &str) -> Vec<(String, String)> {
    let mut blocks: Vec<(String, String)> = Vec::new();
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
            assert!(blocks.iter().all(|(other, _)| other != value), "{value} stands there twice");
            blocks.push((value.to_owned(), text));
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
    for entry in fs::read_dir(root().join("crates/package/src/schemas")).unwrap() {
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

/// The commands that do something, each with the words that call it.
fn commands(command: &Command, words: &str) -> Vec<(String, Command)> {
    let below: Vec<&Command> =
        command.get_subcommands().filter(|one| one.get_name() != "help").collect();
    if below.is_empty() {
        return vec![(words.to_owned(), command.clone())];
    }
    let below =
        below.into_iter().flat_map(|one| commands(one, &format!("{words} {}", one.get_name())));
    below.collect()
}

fn flags(command: &Command) -> BTreeSet<String> {
    let long = command.get_arguments().filter_map(clap::Arg::get_long);
    long.map(|name| format!("--{name}")).collect()
}

/// The flags that a text names.
fn named(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_lowercase() || c == '-';
    let words = text.split(|c| !is_part(c)).filter(|word| word.starts_with("--") && word.len() > 3);
    words.filter(|word| !word[2..].starts_with('-')).map(str::to_owned).collect()
}

#[test]
fn the_page_has_exactly_the_commands_and_flags_of_the_command_line() {
    // An example explains no flag.
    let page: String = page("cli.md").split("\n```").step_by(2).collect();
    let mut sections = page.split("\n## ");
    let global = named(sections.next().unwrap());
    let sections: Vec<(&str, &str)> = sections.map(|one| one.split_once('\n').unwrap()).collect();
    let section = |heading: &str| {
        let found = sections.iter().find(|(words, _)| {
            words.strip_prefix(heading).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        });
        named(found.unwrap_or_else(|| panic!("docs/cli.md has no `## {heading}`")).1)
    };
    let engine = section("The engine");
    let mut known = flags(&Cli::command());
    known.extend(["--help".to_owned(), "--version".to_owned()]);
    assert_eq!(global, known, "the flags of every command");
    for (words, command) in commands(&Cli::command(), "planwright") {
        let (own, told) = (flags(&command), section(&words));
        known.extend(own.iter().cloned());
        // Their settings are a table of their own.
        if ["planwright serve", "planwright doctor"].contains(&words.as_str()) {
            continue;
        }
        for flag in &own {
            let is_told =
                told.contains(flag) || (own.contains("--verbose") && engine.contains(flag));
            assert!(is_told, "docs/cli.md says nothing of `{words} {flag}`");
        }
        let strange: Vec<_> =
            told.iter().filter(|flag| !own.contains(*flag) && !global.contains(*flag)).collect();
        assert!(strange.is_empty(), "`{words}` has no {strange:?}");
    }
    let unknown: Vec<_> = named(&page).difference(&known).cloned().collect();
    assert!(unknown.is_empty(), "no command has {unknown:?}");
}

/// Whether both have the same keys all the way down; `"…"` stands for anything, and the first item
/// of a list for all.
fn is_alike(shown: &Value, real: &Value) -> bool {
    match (shown, real) {
        (Value::String(text), _) if text == "…" => true,
        (Value::Object(shown), Value::Object(real)) => {
            shown.keys().eq(real.keys())
                && shown.iter().all(|(name, value)| is_alike(value, &real[name]))
        }
        (Value::Array(shown), Value::Array(real)) => match shown.first() {
            None => real.is_empty(),
            Some(first) => !real.is_empty() && real.iter().all(|one| is_alike(first, one)),
        },
        (shown, real) => std::mem::discriminant(shown) == std::mem::discriminant(real),
    }
}

#[test]
fn each_answer_in_json_is_as_the_page_shows_it() {
    let mut repository = Repository::empty();
    repository.env = checkout::repository("terraform").env;
    let page = page("cli.md");
    let (about_mistakes, about_commands): (Vec<_>, Vec<_>) = blocks(&page, "of")
        .into_iter()
        .partition(|(words, _)| words.contains("helo") || words.contains("typo"));
    assert!(about_mistakes.len() == 2 && about_commands.len() >= 13);
    let check = |repository: &Repository, words: &str, shown: &str| {
        let shown: Value = serde_json::from_str(shown).unwrap_or_else(|e| panic!("{words}: {e}"));
        let (real, code) = repository.json(&words.split(' ').collect::<Vec<_>>());
        assert!(is_alike(&shown, &real), "`planwright {words} --json` answers\n{real:#}");
        (shown, real, code)
    };
    for (words, shown) in &about_commands {
        if words.contains("--diff") {
            repository.git(&["init", "-q"]);
            repository.git(&["add", "-A"]);
            repository.git(&["commit", "-qm", "first"]);
            repository.edit("stacks/hello/stack.yaml", "Hello", "Good morning");
        }
        assert_eq!(check(&repository, words, shown).2, 0, "{words}");
    }
    let stack = repository.read("stacks/hello/stack.yaml").replace("greeting:", "greting:");
    repository.write("stacks/typo/stack.yaml", &stack);
    let lock = repository.read("stacks/hello/stack.lock.json");
    repository.write("stacks/typo/stack.lock.json", &lock.replace("\"hello\"\n}", "\"typo\"\n}"));
    for (words, shown) in &about_mistakes {
        let (shown, real, _) = check(&repository, words, shown);
        assert_eq!(shown, real, "{words}");
    }
}

/// The settings of `serve` as they stand in the page, from the words of the command line.
fn settings_table() -> String {
    let mut table = String::from(
        "| flag | variable | in the file | default | what |\n| --- | --- | --- | --- | --- |\n",
    );
    let cli = Cli::command();
    let serve = cli.find_subcommand("serve").unwrap();
    for argument in serve.get_arguments() {
        let Some(name) = argument.get_long() else { continue };
        let variable = argument.get_env().unwrap_or_else(|| panic!("--{name} has no variable"));
        let flag = if SECRETS.contains(&name) { "" } else { &format!("`--{name}`") };
        let key = if name == "config" { "" } else { &format!("`{name}`") };
        let defaults: Vec<_> =
            argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let default = match (defaults.is_empty(), argument.is_required_set()) {
            (false, _) => format!("`{}`", defaults.join(",")),
            (true, true) => "required".to_owned(),
            (true, false) => String::new(),
        };
        let help = argument.get_long_help().or(argument.get_help()).unwrap().to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        let variable = variable.display();
        table += &format!("| {flag} | `{variable}` | {key} | {default} | {help} |\n");
    }
    table
}

#[test]
fn the_page_of_the_settings_has_each_of_them() {
    let table = settings_table();
    let page = page("settings.md");
    assert!(page.contains(&table), "docs/settings.md should have this table:\n\n{table}");
    let cli = Cli::command();
    let doctor = cli.find_subcommand("doctor").unwrap();
    assert_eq!(flags(doctor), flags(cli.find_subcommand("serve").unwrap()));
}

#[test]
fn the_file_of_settings_on_the_page_can_be_read() {
    let repository = Repository::empty();
    let (path, text) = blocks(&page("settings.md"), "title").remove(0);
    repository.write(&path, &text);
    let said = repository.run(&["serve", "--config", &path]);
    // All of it is understood: what is missing is the key that it names.
    assert!(said.err.contains("key.pem of --private-key-file"), "{}", said.err);
}

#[test]
fn each_link_to_a_file_leads_somewhere() {
    let pages = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "docs/agent.md",
        "docs/app.md",
        "docs/cli.md",
        "docs/files.md",
        "docs/operations.md",
        "docs/settings.md",
        "charts/planwright/README.md",
    ];
    let mut followed = 0;
    for name in pages {
        let folder = root().join(name).parent().unwrap().to_owned();
        let text = fs::read_to_string(root().join(name)).unwrap();
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            let file = link.split('#').next().unwrap();
            if !link.starts_with("https://") && !file.is_empty() {
                assert!(folder.join(file).exists(), "{name} links to {link}");
                followed += 1;
            }
        }
    }
    assert!(followed >= 5);
}
