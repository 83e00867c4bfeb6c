//! Renders documents as lines for a terminal.
//!
//! Control characters are made visible, so that foreign text cannot control the terminal.

use planwright_core::escape;

use super::{
    doc::{Block, DiffLine, Doc, Item, Sign, Span, Text},
    markdown::sign,
};

/// Renders a text on one line, with names in backticks, because a terminal has no other markup.
pub fn terminal_line(text: &Text) -> String {
    inline(text, "`")
}

/// Renders a text without backticks, for a title or a label.
pub fn plain(text: &Text) -> String {
    inline(text, "")
}

/// Renders a document, with a line feed after each line.
pub fn terminal(doc: &Doc) -> String {
    lines(&doc.0).into_iter().map(|line| line + "\n").collect()
}

fn lines(blocks: &[Block]) -> Vec<String> {
    blocks.iter().flat_map(block).collect()
}

fn block(it: &Block) -> Vec<String> {
    match it {
        Block::Heading(text) | Block::Paragraph(text) => {
            terminal_line(text).lines().map(str::to_owned).collect()
        }
        Block::Table { head, rows } => {
            let row =
                |row: &Vec<Text>| row.iter().map(terminal_line).collect::<Vec<_>>().join("  ");
            std::iter::once(head).chain(rows).map(row).collect()
        }
        Block::List(items) => list(items, 0),
        Block::Steps(steps) => {
            let step = |(n, text): (usize, &Text)| format!("{n}. {}", terminal_line(text));
            (1..).zip(steps).map(step).collect()
        }
        Block::Quote(body) | Block::Callout(_, body) => indented(lines(body)),
        Block::Details { summary, body, .. } => {
            let mut all = vec![terminal_line(summary)];
            all.extend(indented(lines(&body.0)));
            all
        }
        Block::Code(lines) => lines.iter().map(|line| escape::visible(line)).collect(),
        Block::Diff(lines) => lines.iter().map(diff_line).collect(),
    }
}

fn list(items: &[Item], depth: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for item in items {
        let task = match item.is_done {
            None => "",
            Some(true) => "[x] ",
            Some(false) => "[ ] ",
        };
        let text = terminal_line(&item.text).replace('\n', "; ");
        lines.push(format!("{}- {task}{text}", "  ".repeat(depth)));
        lines.extend(list(&item.below, depth + 1));
    }
    lines
}

fn indented(lines: Vec<String>) -> Vec<String> {
    lines.into_iter().map(|line| format!("  {line}")).collect()
}

/// Returns a line of a diff, with the signs that the engine uses.
fn diff_line(line: &DiffLine) -> String {
    let sign = match line.sign {
        Sign::Added => "+",
        Sign::Removed => "-",
        Sign::Replaced => "-/+",
        Sign::Changed => "~",
        Sign::Noted => "#",
    };
    format!("{sign} {}{}", "    ".repeat(line.depth), escape::visible(&line.text))
}

fn inline(text: &Text, quote: &str) -> String {
    text.0.iter().map(|it| span(it, quote)).collect()
}

fn span(span: &Span, quote: &str) -> String {
    match span {
        Span::Words(text) => escape::visible(text),
        Span::Foreign(text) => escape::visible(text),
        Span::Code(text) => format!("{quote}{}{quote}", escape::visible(text)),
        Span::Strong(text) | Span::Emphasis(text) | Span::Small(text) => inline(text, quote),
        Span::Link { text, url } => format!("{} ({})", inline(text, quote), escape::visible(url)),
        Span::PullRequest(number) => format!("#{number}"),
        Span::Mark(mark) => sign(*mark).into(),
        Span::Break => "\n".into(),
    }
}
