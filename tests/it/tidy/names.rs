//! Names that were replaced do not come back.

use std::{collections::BTreeSet, fs};

use super::{module_of, product_files};

/// Names that things had before they were called as the field calls them, and that mean nothing else.
///
/// Not all that were given up are here, since some mean something elsewhere: `Recorder` is one of
/// metrics, `Case` a row of a test or a story of a benchmark, `Scene` a stage of the demo, `Watch` a
/// channel of tokio, `Fenced` a block of Markdown, `Reason` why a stack is affected, `Lane` and
/// `Task` are what a job has and is, `Seen` and `Broken` are stored words.
const GIVEN_UP: [&str; 40] = [
    "Beat",
    "Clerk",
    "Deed",
    "Desk",
    "Discount",
    "Dead",
    "Face",
    "Ground",
    "Hold",
    "Horizon",
    "InForce",
    "KeptNow",
    "MergeGround",
    "Notes",
    "Opinion",
    "Pace",
    "Recipe",
    "Released",
    "Repeat",
    "Seal",
    "Sheet",
    "StandIn",
    "Thing",
    "Ticket",
    "Turns",
    "Wish",
    "World",
    "desk",
    "equip",
    "horizon",
    "last_words",
    "let_be_judged",
    "lifted",
    "opinion",
    "opinions",
    "outlive_a_cancel",
    "part_in_the_change",
    "policy_digest",
    "seal",
    "sheet",
];

/// The identifiers of a source, but not the words of its comments and texts.
fn identifiers(source: &str) -> BTreeSet<String> {
    let (mut code, mut rest) = (String::new(), source);
    while let Some(at) = rest.find(['"', '/']) {
        let (before, here) = rest.split_at(at);
        code.push_str(before);
        code.push(' ');
        rest = match here.strip_prefix("//") {
            Some(comment) => comment.split_once('\n').map_or("", |(_, after)| after),
            None if here.starts_with('/') || before.ends_with(['\'', '\\']) => &here[1..],
            None => after_text(before, &here[1..]),
        };
    }
    code.push_str(rest);
    let words = code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// What follows a text of which `before` is what stands before its first quote.
fn after_text<'a>(before: &str, text: &'a str) -> &'a str {
    let bare = before.trim_end_matches('#');
    if bare.ends_with('r') {
        let end = format!("\"{}", "#".repeat(before.len() - bare.len()));
        return text.split_once(&end).map_or("", |(_, after)| after);
    }
    let mut is_escaped = false;
    let end = text.find(|c: char| {
        let ends = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    });
    end.map_or("", |end| &text[end + 1..])
}

#[test]
fn names_of_the_field() {
    let mut found = Vec::new();
    for path in product_files() {
        let identifiers = identifiers(&fs::read_to_string(&path).unwrap());
        let given_up = GIVEN_UP.iter().filter(|name| identifiers.contains(**name));
        found.extend(given_up.map(|name| format!("{}: `{name}`", module_of(&path))));
    }
    assert!(found.is_empty(), "names that were given up:\n{}", found.join("\n"));
    let source =
        "fn put(desk: Desk) {} // a Clerk\nconst A: &str = \"Wish \\\" \";\nr#\"Deed\"#; '\"'";
    let seen = identifiers(source);
    let seen: Vec<&str> = GIVEN_UP.into_iter().filter(|name| seen.contains(*name)).collect();
    assert_eq!(seen, ["Desk", "desk"]);
}
