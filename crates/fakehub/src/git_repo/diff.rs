//! The changes of a pull request in one file, as numbered lines.

use similar::{ChangeTag, TextDiff};

use crate::git_repo::ChangedFile;

/// The number of unchanged lines that are shown on each side of a change.
const AROUND: usize = 3;

pub struct FileDiff {
    pub path: String,
    pub what: &'static str,
    pub additions: usize,
    pub deletions: usize,
    pub hunks: Vec<Vec<Line>>,
    /// Why no lines are shown, if there are none.
    pub note: Option<&'static str>,
}

pub struct Line {
    pub class: &'static str,
    pub sign: char,
    pub old: String,
    pub new: String,
    pub text: String,
}

pub fn file(changed: &ChangedFile) -> FileDiff {
    let what = match (&changed.old, &changed.new) {
        (None, _) => "added",
        (_, None) => "deleted",
        _ => "changed",
    };
    let path = changed.path.clone();
    let bytes = |side: &Option<Vec<u8>>| side.clone().unwrap_or_default();
    let (Ok(old), Ok(new)) =
        (String::from_utf8(bytes(&changed.old)), String::from_utf8(bytes(&changed.new)))
    else {
        let note = Some("Not a text.");
        return FileDiff { path, what, additions: 0, deletions: 0, hunks: vec![], note };
    };
    let diff = TextDiff::from_lines(old.as_str(), new.as_str());
    let hunks: Vec<Vec<Line>> = diff
        .grouped_ops(AROUND)
        .iter()
        .map(|group| group.iter().flat_map(|op| diff.iter_changes(op)).map(line).collect())
        .collect();
    let count = |sign: char| hunks.iter().flatten().filter(|line| line.sign == sign).count();
    let note = hunks.is_empty().then_some("Empty.");
    FileDiff { path, what, additions: count('+'), deletions: count('-'), note, hunks }
}

fn line(change: similar::Change<&str>) -> Line {
    let (class, sign) = match change.tag() {
        ChangeTag::Insert => ("add", '+'),
        ChangeTag::Delete => ("del", '-'),
        ChangeTag::Equal => ("same", ' '),
    };
    let number = |at: Option<usize>| at.map(|at| (at + 1).to_string()).unwrap_or_default();
    Line {
        class,
        sign,
        old: number(change.old_index()),
        new: number(change.new_index()),
        text: change.value().trim_end_matches(['\n', '\r']).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_shown_with_the_lines_around_it() {
        let text = |middle: &str| Some(format!("a\nb\nc\nd\n{middle}\nf\ng\nh\ni\n").into_bytes());
        let changed = ChangedFile { path: "x".into(), old: text("e"), new: text("E") };
        let file = file(&changed);
        assert_eq!((file.what, file.additions, file.deletions), ("changed", 1, 1));
        let shown: String = file.hunks[0]
            .iter()
            .map(|line| format!("{:>2}{:>2}{}{}\n", line.old, line.new, line.sign, line.text))
            .collect();
        assert_eq!(shown, " 2 2 b\n 3 3 c\n 4 4 d\n 5  -e\n   5+E\n 6 6 f\n 7 7 g\n 8 8 h\n");
    }
}
