//! The style of imports: each crate is named once, in blocks of `std`, other crates, ours, and the
//! crate itself.

use std::{collections::BTreeSet, fs};

use super::{module_of, product_files};

/// The block in which the imports of a root stand.
fn block(root: &str) -> u8 {
    match root {
        "std" => 0,
        "crate" | "self" | "super" => 3,
        ours if ours.starts_with("planwright") => 2,
        _ => 1,
    }
}

/// What is wrong with the imports at the head of a source.
fn wrong_imports(source: &str) -> Vec<String> {
    let (mut wrong, mut seen, mut last) = (Vec::new(), BTreeSet::new(), 0);
    let lines = source.lines().take_while(|line| !line.starts_with("mod tests"));
    for import in lines.filter_map(|line| line.strip_prefix("use ")) {
        let root = import.split([':', ';', ' ']).next().unwrap();
        // A whole crate under another name stands for itself.
        if import.contains("::") && !seen.insert(root.to_owned()) {
            wrong.push(format!("`{root}` is imported twice"));
        }
        if block(root) < last {
            wrong.push(format!("`{root}` stands below a later block"));
        }
        last = block(root);
    }
    wrong
}

#[test]
fn imports_have_one_style() {
    let mut found = Vec::new();
    for path in product_files() {
        let wrong = wrong_imports(&fs::read_to_string(&path).unwrap());
        found.extend(wrong.iter().map(|wrong| format!("{}: {wrong}", module_of(&path))));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    let source = "use std::fmt;\nuse serde::{Serialize};\nuse std::path::Path;\nuse super::One;\n\
                  use planwright_git as git;\nuse super::Two;\n";
    let expected = [
        "`std` is imported twice",
        "`std` stands below a later block",
        "`planwright_git` stands below a later block",
        "`super` is imported twice",
    ];
    assert_eq!(wrong_imports(source), expected);
}
