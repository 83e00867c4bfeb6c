//! Only renderers write and read markup, and no code learns a state from prose.

use std::fs;

use super::{module_of, product_files};

/// Where markup is written, and where that of others is read.
const RENDERERS: [&str; 5] =
    ["view::markdown", "view::html", "view::terminal", "core::escape", "fakehub::pages::markdown"];

/// The crates that speak with programs, and have to read what those say.
const HEAR_OTHERS: [&str; 6] = ["engine", "fakehub", "git", "github", "model", "package"];

/// The lines of a source without comments and tests.
fn code_lines(source: &str) -> impl Iterator<Item = &str> {
    let code = source.split("#[cfg(test)]\nmod").next().unwrap();
    code.lines().map(str::trim).filter(|line| !line.starts_with("//"))
}

/// Whether a line writes markup, or takes it off again.
fn knows_markup(line: &str) -> bool {
    let is_strong = |text: &str| text.contains("**") && text.contains(|c| c != '*');
    let signs = ['✅', '❌', '⏳', '✋', '➖'];
    let mut quoted = line.split('"').skip(1).step_by(2);
    let strips = ["replace", "split", "matches", "strip_prefix", "strip_suffix"]
        .iter()
        .flat_map(|how| ["'`'", "\"`\"", "\"**\""].map(|it| format!("{how}({it}")));
    quoted.any(|text| is_strong(text) || text.contains(signs))
        || strips.into_iter().any(|it| line.contains(&it))
}

/// Whether a line looks for words of ours in a text, or for a marker, which only locates.
fn reads_prose(line: &str) -> bool {
    let searches = ["contains", "find", "starts_with", "ends_with", "split_once", "matches"];
    let is_ours = |text: &str| text.trim().contains(' ') || text.contains("planwright:");
    searches.iter().any(|search| {
        let call = format!("{search}(\"");
        line.split(&call).skip(1).filter_map(|rest| rest.split('"').next()).any(is_ours)
    })
}

/// Lines that `module` should leave to a renderer, or to a value that knows the answer.
fn markup<'a>(module: &str, source: &'a str) -> Vec<&'a str> {
    if RENDERERS.contains(&module) || module.split("::").any(|part| part == "tests") {
        return Vec::new();
    }
    let hears_others = HEAR_OTHERS.contains(&module.split("::").next().unwrap());
    let is_markup = |line: &&str| knows_markup(line) || (!hears_others && reads_prose(line));
    code_lines(source).filter(is_markup).collect()
}

#[test]
fn only_renderers_know_markup_and_no_state_is_read_from_prose() {
    let mut found = Vec::new();
    for path in product_files() {
        let (module, source) = (module_of(&path), fs::read_to_string(&path).unwrap());
        found.extend(markup(&module, &source).iter().map(|line| format!("{module}: {line}")));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    for line in [
        r#"let head = headline(report).replace("**", "");"#,
        r#"let text = format!("**{head}**");"#,
        r#"let word = word.trim_matches('`');"#,
        r#"ChangeState::Applied => "✅ Applied","#,
        r#"self.report.contains("a second plan is empty")"#,
        r#"body.contains("planwright:report")"#,
    ] {
        assert_eq!(markup("demo::guide", line), [line]);
    }
    assert!(markup("engine", r#"stderr.contains("state lock")"#).is_empty());
}
