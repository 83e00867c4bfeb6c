//! Renders documents as GitHub's Markdown. Text becomes markup in this module only.
//!
//! The kind of a span decides how it is escaped: our own words are kept, foreign sentences go
//! through [`escape::prose`], and code goes through [`escape::code`].

use planwright_core::escape;

use super::doc::{Block, Callout, DiffLine, Doc, Item, Mark, Sign, Span, Text};

/// Where a text is placed: line breaks differ in a line and a paragraph, and a `<summary>` is HTML.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    Paragraph,
    Line,
    Summary,
}

/// Renders a document, with empty lines between its blocks.
pub fn markdown(doc: &Doc) -> String {
    blocks(&doc.0, "\n\n")
}

/// Renders a text on one line.
pub fn markdown_line(text: &Text) -> String {
    inline(text, Position::Line)
}

fn blocks(all: &[Block], between: &str) -> String {
    all.iter().map(block).collect::<Vec<_>>().join(between)
}

fn block(block: &Block) -> String {
    match block {
        Block::Heading(text) => format!("**{}**", inline(text, Position::Line)),
        Block::Paragraph(text) => inline(text, Position::Paragraph),
        Block::Table { head, rows } => {
            let line = vec!["---"; head.len()].join(" | ");
            let rows: String = rows.iter().map(|cells| format!("\n{}", row(cells))).collect();
            format!("{}\n| {line} |{rows}", row(head))
        }
        Block::List(items) => list(items, 0).join("\n"),
        Block::Steps(steps) => {
            let step = |(n, text): (usize, &Text)| format!("{n}. {}", inline(text, Position::Line));
            (1..).zip(steps).map(step).collect::<Vec<_>>().join("\n")
        }
        Block::Quote(body) => quoted(&blocks(body, "\n")),
        Block::Callout(callout, body) => {
            let kind = match callout {
                Callout::Caution => "CAUTION",
                Callout::Warning => "WARNING",
            };
            quoted(&format!("[!{kind}]\n{}", blocks(body, "\n\n")))
        }
        Block::Details { summary, is_open, body } => {
            let open = if *is_open { " open" } else { "" };
            let summary = inline(summary, Position::Summary);
            let body = markdown(body);
            format!("<details{open}><summary>{summary}</summary>\n\n{body}\n\n</details>")
        }
        Block::Code(lines) => escape::fence("text", lines),
        Block::Diff(lines) => {
            escape::fence("diff", &lines.iter().map(diff_line).collect::<Vec<_>>())
        }
    }
}

/// Returns a line of a diff. GitHub colours it by its first characters.
pub fn diff_line(line: &DiffLine) -> String {
    let sign = match line.sign {
        Sign::Added => "+",
        Sign::Removed => "-",
        Sign::Replaced => "-/+",
        Sign::Changed => "!",
        Sign::Noted => "#",
    };
    format!("{sign} {}{}", "    ".repeat(line.depth), line.text)
}

fn row(cells: &[Text]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| inline(cell, Position::Line)).collect();
    format!("| {} |", cells.join(" | "))
}

fn list(items: &[Item], depth: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for item in items {
        let task = match item.is_done {
            None => "",
            Some(true) => "[x] ",
            Some(false) => "[ ] ",
        };
        let text = inline(&item.text, Position::Line);
        lines.push(format!("{}- {task}{text}", "  ".repeat(depth)));
        lines.extend(list(&item.below, depth + 1));
    }
    lines
}

fn quoted(text: &str) -> String {
    let line = |line: &str| if line.is_empty() { ">".into() } else { format!("> {line}") };
    text.lines().map(line).collect::<Vec<String>>().join("\n")
}

fn inline(text: &Text, position: Position) -> String {
    text.0.iter().map(|it| span(it, position)).collect()
}

fn span(span: &Span, position: Position) -> String {
    match span {
        Span::Words(text) if position == Position::Summary => html(text),
        Span::Words(text) => plain(text),
        // GitHub does not read Markdown in a `<summary>`.
        Span::Foreign(text) if position == Position::Summary => {
            format!("<code>{}</code>", html(text))
        }
        Span::Foreign(text) => escape::prose(text),
        Span::Code(text) if position == Position::Summary => format!("<code>{}</code>", html(text)),
        Span::Code(text) => escape::code(text),
        Span::Strong(text) => format!("**{}**", inline(text, position)),
        Span::Emphasis(text) => format!("*{}*", inline(text, position)),
        Span::Small(text) => format!("<sub>{}</sub>", inline(text, position)),
        Span::Link { text, url } => format!("[{}]({})", inline(text, position), address(url)),
        Span::PullRequest(number) => format!("#{number}"),
        Span::Mark(mark) => sign(*mark).into(),
        Span::Break if position == Position::Paragraph => "  \n".into(),
        Span::Break => "<br>".into(),
    }
}

/// Returns the emoji of a mark.
pub fn sign(mark: Mark) -> &'static str {
    match mark {
        Mark::Good => "✅",
        Mark::Bad => "❌",
        Mark::Busy => "⏳",
        Mark::Waiting => "✋",
        Mark::Moot => "➖",
    }
}

/// Escapes our own words. They contain no markup, but a name within them might.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in escape::visible(text).chars() {
        if "\\`*[]<>|".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Escapes text for HTML within Markdown. Characters that are usual in names are kept.
fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in escape::visible(text).chars() {
        if c.is_ascii_punctuation() && !"/-_.,:".contains(c) {
            out.push_str(&format!("&#{};", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

/// Escapes the address of a link, so that no character of its query ends the link.
fn address(url: &str) -> String {
    let mut out = String::with_capacity(url.len());
    for c in url.chars() {
        match c {
            '(' | ')' | '<' | '>' | '\\' | '`' | ' ' => {
                out.push_str(&format!("%{:02X}", u32::from(c)));
            }
            c if escape::is_hidden(c) => {}
            c => out.push(c),
        }
    }
    out
}
