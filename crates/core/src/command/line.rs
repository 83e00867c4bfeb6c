//! Finds the lines of a comment that give a command, as the author sees them.
//!
//! Quotes, code, HTML and its comments, and link definitions do not count. A line counts only if
//! its first character begins visible text, so unknown markup does not count either, and only above
//! the original of a mail. `command` parses the lines.

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

use super::mail::above_separator;
use crate::markdown;

/// The beginning of a line that gives a command.
pub const PREFIX: &str = "/infra";

/// Returns what follows `/infra` on each line that begins with it, in order.
pub fn command_lines(comment: &str) -> Vec<&str> {
    // All of the comment is read as Markdown, so that nothing becomes visible by the cut.
    let end = above_separator(comment).len();
    visible_starts(comment)
        .into_iter()
        .filter(|start| *start < end)
        .filter(|start| is_at_start_of_line(comment, *start))
        .filter_map(|start| {
            let line = comment[start..].split(['\n', '\r']).next()?;
            let rest = line.strip_prefix(PREFIX)?;
            (rest.is_empty() || rest.starts_with(char::is_whitespace)).then_some(rest)
        })
        .collect()
}

/// Returns the offsets at which visible text begins that the author wrote and meant.
fn visible_starts(comment: &str) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut hidden_depth = 0_usize;
    for (event, range) in Parser::new_ext(comment, markdown::GITHUB).into_offset_iter() {
        match event {
            Event::Start(tag) if is_not_said(&tag) => hidden_depth += 1,
            Event::End(tag) if is_end_of_not_said(tag) => {
                hidden_depth = hidden_depth.saturating_sub(1);
            }
            Event::Text(_) if hidden_depth == 0 => starts.push(range.start),
            _ => {}
        }
    }
    starts
}

/// Returns whether text in this element is not meant by the author, such as a quote. HTML is not
/// listed, because the parser does not report its content as text.
fn is_not_said(tag: &Tag) -> bool {
    matches!(
        tag,
        Tag::BlockQuote(_)
            | Tag::CodeBlock(_)
            | Tag::FootnoteDefinition(_)
            | Tag::Table(_)
            | Tag::Link { .. }
            | Tag::Image { .. }
            | Tag::Strikethrough
    )
}

fn is_end_of_not_said(tag: TagEnd) -> bool {
    matches!(
        tag,
        TagEnd::BlockQuote(_)
            | TagEnd::CodeBlock
            | TagEnd::FootnoteDefinition
            | TagEnd::Table
            | TagEnd::Link
            | TagEnd::Image
            | TagEnd::Strikethrough
    )
}

/// Returns whether the line begins at `start`, after at most the three blanks that Markdown
/// ignores.
fn is_at_start_of_line(comment: &str, start: usize) -> bool {
    let before = &comment[..start];
    let indent = before.len() - before.trim_end_matches(' ').len();
    let before = before.trim_end_matches(' ');
    indent <= 3 && (before.is_empty() || before.ends_with(['\n', '\r']))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_command_is_read_at_the_start_of_a_visible_line() {
        for comment in [
            "/infra plan",
            "  /infra plan",
            "Thanks!\n/infra plan",
            "Thanks!\r\n/infra plan\r\nbye",
            "- looks good\n/infra plan",
            "> quoted\n\n/infra plan",
            "```\ncode\n```\n/infra plan",
            "**bold**\n/infra plan\n--\nsent from a phone",
            "/infra plan\n\nOn Sunday, Alice wrote:\n\n/infra unlock",
        ] {
            assert_eq!(command_lines(comment), [" plan"], "{comment:?}");
        }
    }

    #[test]
    fn what_is_quoted_code_or_unseen_is_no_command() {
        for comment in [
            "please /infra plan",
            "> /infra plan",
            "> quoted\n/infra plan",
            "> [!NOTE]\n> /infra plan",
            "- > quoted\n/infra plan",
            "`/infra plan`",
            "`a\n/infra plan\nb`",
            "```\n/infra plan\n```",
            "~~~sh\n/infra plan",
            "````\n```\n/infra plan\n````",
            "    /infra plan",
            "\t/infra plan",
            "text\n    /infra plan",
            "<!--\n/infra plan\n-->",
            "<!-- /infra plan -->",
            "<!--\n/infra plan",
            "text <!--\n/infra plan\n-->",
            "<details>\n/infra plan\n</details>",
            "<pre>\n/infra plan\n</pre>",
            "[a]:\n/infra\n",
            "[^1]: unseen\n/infra plan",
            "[link\n/infra plan](x)",
            "~~\n/infra plan~~ x ~~a\n/infra plan\nb~~",
            "$$\n/infra plan\n$$",
            "a | b\n--- | ---\n/infra plan | c",
            "On Sunday, Alice wrote:\n\n/infra plan",
            "~~a\n/infra plan\nYou are receiving this because b~~",
            "/infrastructure plan",
            "/Infra plan",
            "//infra plan",
            "\\/infra plan",
            "&#47;infra plan",
        ] {
            let read = command_lines(comment);
            // An opening `~~` that is never closed is plain text, so the command after it counts.
            let expected = usize::from(comment.starts_with("~~\n"));
            assert_eq!(read.len(), expected, "{comment:?} gave {read:?}");
        }
    }

    proptest! {
        #[test]
        fn no_comment_quoted_or_fenced_as_a_whole_holds_a_command(
            comment in "([ /a-z`>~*<!\\-\n]|/infra plan\n){0,30}"
        ) {
            let quoted: String = comment.lines().map(|line| format!("> {line}\n")).collect();
            prop_assert!(command_lines(&quoted).is_empty());
            let ticks = "`".repeat(comment.len() + 3);
            let fenced = format!("{ticks}\n{comment}\n{ticks}");
            prop_assert!(command_lines(&fenced).is_empty());
        }

        #[test]
        fn any_comment_can_be_read(comment in any::<String>()) {
            command_lines(&comment);
        }
    }
}
