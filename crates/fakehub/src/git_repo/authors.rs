//! The authors of a commit: its author, and those in `Co-authored-by` trailers.

use crate::git_repo::{CommitInfo, Stamp};

/// Returns the author, then the co-authors in the order of the message, each address once.
pub fn authors(facts: &CommitInfo) -> Vec<Stamp> {
    let mut authors = vec![facts.author.clone()];
    for line in facts.message.lines() {
        let Some((name, email)) = co_author(line) else { continue };
        if authors.iter().all(|author| author.email != email) {
            let second = facts.author.second;
            authors.push(Stamp { name: name.to_owned(), email: email.to_owned(), second });
        }
    }
    authors
}

fn co_author(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    if !key.trim().eq_ignore_ascii_case("co-authored-by") {
        return None;
    }
    let (name, rest) = value.split_once('<')?;
    Some((name.trim(), rest.trim().strip_suffix('>')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn co_authors_are_read_from_trailers_once_each() {
        let stamp = |name: &str| Stamp { name: name.into(), email: format!("{name}@x"), second: 0 };
        let message =
            "Add\n\nCo-authored-by: bob <bob@x>\nco-authored-by: bob <bob@x>\nBy: c <c@x>";
        let facts = CommitInfo {
            sha: String::new(),
            tree: String::new(),
            message: message.into(),
            author: stamp("alice"),
            committer: stamp("alice"),
            parents: vec![],
            added: vec![],
            removed: vec![],
            modified: vec![],
        };
        let names: Vec<String> = authors(&facts).into_iter().map(|author| author.name).collect();
        assert_eq!(names, ["alice", "bob"]);
    }
}
