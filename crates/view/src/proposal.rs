//! The pull request that answers a request: its title, its text, and its commit.
//!
//! All of it is made from the change itself. Text of other people only appears as values.

use std::collections::{BTreeMap, BTreeSet};

use planwright_core::{
    actor::Actor,
    change_set::ParamChange,
    names::{PrNumber, StackId},
};

use super::{
    LIMIT, RunFacts,
    doc::{Block, Doc, Text, code, short_code, words},
    markdown::{markdown, markdown_line},
    page::Page,
    run,
    value::value_text,
};
use crate::text;

/// The content of a proposal.
#[derive(Clone, Debug)]
pub struct Proposal<'a> {
    /// Where it was requested: an issue, or the pull request to which it adds a commit.
    pub asked_in: PrNumber,
    pub asked_by: &'a [Actor],
    pub params: &'a [ParamChange],
    /// The added stacks, each with its package.
    pub added: &'a BTreeMap<StackId, String>,
    pub removed: &'a BTreeSet<StackId>,
    /// The run of the agent that made it, if one did.
    pub run: Option<&'a RunFacts>,
}

impl Proposal<'_> {
    /// Returns the title: one line that contains only names whose syntax is checked.
    pub fn title(&self) -> String {
        let names = |stacks: &mut dyn Iterator<Item = &StackId>| {
            let names: BTreeSet<String> = stacks.map(ToString::to_string).collect();
            let more = names.len().saturating_sub(3);
            let shown: Vec<String> = names.into_iter().take(3).collect();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{}{more}", shown.join(", "))
        };
        if !self.added.is_empty() {
            return format!("Add {}", names(&mut self.added.keys()));
        }
        if !self.removed.is_empty() {
            return format!("Remove {}", names(&mut self.removed.iter()));
        }
        match self.params {
            [one] => format!("Set {} of {}", one.path, one.stack),
            several => {
                format!(
                    "Change params of {}",
                    names(&mut several.iter().map(|change| &change.stack))
                )
            }
        }
    }

    /// Returns the text of the pull request, in Markdown.
    pub fn body(&self) -> String {
        let mut page = Page::new(LIMIT - 1_000);
        let people = self.asked_by.iter().map(|person| Text::from(&person.login));
        page.push(text!["Asked for by ", Text::join(people, " and "), " in ", self.asked_in, "."]);
        let added = self
            .added
            .iter()
            .map(|(stack, package)| text![stack, " of the package ", short_code(package, 80)]);
        let added = Text::join(added, ", ");
        let removed = Text::join(self.removed.iter().map(Text::from), ", ");
        for (what, stacks) in [("Adds ", added), ("Removes ", removed)] {
            if !stacks.is_empty() {
                page.push(text![what, stacks, "."]);
            }
        }
        let facts = self.run.map(run::facts).unwrap_or_default();
        page.push(self.table(page.room().saturating_sub(1_000 + markdown(&facts).len())));
        page.push(facts);
        page.push(text![
            "It becomes ready for review when its plan succeeds. Whoever asked for it cannot approve \
             it. ",
            code("/infra set STACK PATH=VALUE"),
            " in a comment changes it."
        ]);
        markdown(&page.into_doc())
    }

    fn table(&self, room: usize) -> Doc {
        if self.params.is_empty() {
            return Doc::default();
        }
        let value = |value: &Option<serde_json::Value>| {
            let known = value.clone().map_or(planwright_core::plan::Value::Absent, |value| {
                planwright_core::plan::Value::Known(value)
            });
            text![code(value_text(&known))]
        };
        let head: Vec<Text> = ["Stack", "Param", "Before", "After"].map(Text::from).into();
        let table = |rows| Block::Table { head: head.clone(), rows };
        let mut bytes = markdown(&table(Vec::new()).into()).len();
        let mut rows = Vec::new();
        for change in self.params {
            let row = vec![
                text![&change.stack],
                text![code(&change.path)],
                value(&change.old),
                value(&change.new),
            ];
            bytes +=
                "\n| ".len() + row.iter().map(|cell| markdown_line(cell).len() + 3).sum::<usize>();
            if bytes > room {
                break;
            }
            rows.push(row);
        }
        let left_out = self.params.len() - rows.len();
        let mut doc = Doc::from(table(rows));
        if left_out > 0 {
            doc.push(text!["… and ", words(left_out), " more."]);
        }
        doc
    }

    /// Returns the commit message after the first line. `noreply` is the host of GitHub's e-mail
    /// addresses for accounts.
    pub fn commit_body(&self, noreply: &str) -> String {
        let trailers = self.asked_by.iter().map(|person| {
            format!("Co-authored-by: {0} <{1}+{0}@{noreply}>", person.login, person.id)
        });
        let trailers: Vec<String> = trailers.collect();
        let run = self.run.map(|run| format!("Planwright-Run: {} {}\n", run.id, run.hash));
        let run = run.unwrap_or_default();
        format!("Asked for in #{}.\n\n{run}{}", self.asked_in, trailers.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use planwright_core::{
        actor::ActorKind,
        change_set::ParamPath,
        names::{Login, UserId},
    };

    fn stack(text: &str) -> StackId {
        StackId::parse(text).unwrap()
    }

    fn with<T>(value: serde_json::Value, see: impl FnOnce(&Proposal<'_>) -> T) -> T {
        let alice =
            Actor { id: UserId(7), login: Login::parse("alice").unwrap(), kind: ActorKind::User };
        let params = [ParamChange {
            stack: stack("logs/prod"),
            path: ParamPath::parse("name").unwrap(),
            old: None,
            new: Some(value),
        }];
        see(&Proposal {
            asked_in: PrNumber(12),
            asked_by: &[alice],
            params: &params,
            added: &[(stack("logs/prod"), "aws-bucket".into())].into(),
            removed: &BTreeSet::new(),
            run: None,
        })
    }

    #[test]
    fn a_proposal_says_who_asked_where_and_what_changes() {
        with(json!("acme-logs"), |proposal| {
            assert_eq!(proposal.title(), "Add logs/prod");
            let body = proposal.body();
            assert!(
                body.starts_with("Asked for by `alice` in #12.\n\nAdds `logs/prod` of the package `aws-bucket`.\n\n"),
                "{body}"
            );
            assert!(
                body.contains("| `logs/prod` | `name` | `(none)` | `\"acme-logs\"` |"),
                "{body}"
            );
            let commit = proposal.commit_body("users.noreply.github.com");
            assert!(commit.ends_with("Co-authored-by: alice <7+alice@users.noreply.github.com>"));
        });
    }

    #[test]
    fn a_value_stays_in_its_cell() {
        let hostile = json!("x | y\n| `a` | @team ``` <b> \u{202e}");
        with(hostile, |proposal| {
            let body = proposal.body();
            let rows: Vec<&str> = body.lines().filter(|line| line.starts_with('|')).collect();
            assert_eq!(rows.len(), 3, "{body}");
            assert!(!body.contains('\u{202e}'));
        });
    }
}
