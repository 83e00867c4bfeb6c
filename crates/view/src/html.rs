//! Renders documents as HTML for the pages of the bot; all text is escaped.

use std::fmt;

use planwright_core::escape;

use super::{
    doc::{Block, Callout, Doc, Item, Span, Text},
    markdown::{diff_line, sign},
};

/// HTML that only this module makes, so that templates can include it without escaping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Html(String);

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Renders a text as phrasing content.
pub fn html_line(text: &Text) -> Html {
    Html(inline(text))
}

/// Renders a document as flow content.
pub fn html(doc: &Doc) -> Html {
    Html(doc.0.iter().map(block).collect())
}

fn block(it: &Block) -> String {
    match it {
        Block::Heading(text) => format!("<h3>{}</h3>", inline(text)),
        Block::Paragraph(text) => format!("<p>{}</p>", inline(text)),
        Block::Table { head, rows } => {
            let cells = |tag: &str, cells: &[Text]| -> String {
                let cell = |text: &Text| format!("<{tag}>{}</{tag}>", inline(text));
                format!("<tr>{}</tr>", cells.iter().map(cell).collect::<String>())
            };
            let rows: String = rows.iter().map(|row| cells("td", row)).collect();
            format!("<table><thead>{}</thead><tbody>{rows}</tbody></table>", cells("th", head))
        }
        Block::List(items) => list(items),
        Block::Steps(steps) => {
            let step = |text: &Text| format!("<li>{}</li>", inline(text));
            format!("<ol>{}</ol>", steps.iter().map(step).collect::<String>())
        }
        Block::Quote(body) => {
            format!("<blockquote>{}</blockquote>", body.iter().map(block).collect::<String>())
        }
        Block::Callout(callout, body) => {
            let class = match callout {
                Callout::Caution => "caution",
                Callout::Warning => "warning",
            };
            let body: String = body.iter().map(block).collect();
            format!("<div class=\"{class}\" role=\"note\">{body}</div>")
        }
        Block::Details { summary, is_open, body } => {
            let open = if *is_open { " open" } else { "" };
            let (summary, body) = (inline(summary), html(body));
            format!("<details{open}><summary>{summary}</summary>{body}</details>")
        }
        Block::Code(lines) => {
            let lines: Vec<String> = lines.iter().map(|line| escaped(line)).collect();
            format!("<pre>{}</pre>", lines.join("\n"))
        }
        Block::Diff(lines) => {
            let line = |line: &_| escaped(&diff_line(line));
            format!("<pre>{}</pre>", lines.iter().map(line).collect::<Vec<_>>().join("\n"))
        }
    }
}

fn list(items: &[Item]) -> String {
    let item = |item: &Item| {
        let task = match item.is_done {
            None => "",
            Some(true) => "☑ ",
            Some(false) => "☐ ",
        };
        let below = if item.below.is_empty() { String::new() } else { list(&item.below) };
        format!("<li>{task}{}{below}</li>", inline(&item.text))
    };
    format!("<ul>{}</ul>", items.iter().map(item).collect::<String>())
}

fn inline(text: &Text) -> String {
    text.0.iter().map(span).collect()
}

fn span(span: &Span) -> String {
    match span {
        Span::Words(text) => escaped(text),
        Span::Foreign(text) => escaped(text),
        Span::Code(text) => format!("<code>{}</code>", escaped(text)),
        Span::Strong(text) => format!("<strong>{}</strong>", inline(text)),
        Span::Emphasis(text) => format!("<em>{}</em>", inline(text)),
        Span::Small(text) => format!("<small>{}</small>", inline(text)),
        Span::Link { text, url } => format!("<a href=\"{}\">{}</a>", escaped(url), inline(text)),
        Span::PullRequest(number) => format!("#{number}"),
        Span::Mark(mark) => sign(*mark).into(),
        Span::Break => "<br>".into(),
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in escape::visible(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
