//! What a person sees of a text on GitHub, and how much of the text is invisible.
//!
//! Markdown is rendered to HTML and read as a browser would read it. Only the text of elements that
//! GitHub shows is kept; what is dropped is counted, so that the count can be shown. Alternative
//! texts, titles, addresses of links, formulas and the language of a code block are invisible, too.

use std::{collections::BTreeSet, fmt};

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd, html};
use scraper::{Html, Node, node::Element};
use serde::{Deserialize, Serialize};

use crate::{escape, markdown::GITHUB};

/// How much of a text is read, in bytes.
pub const LIMIT: usize = 16 * 1024;

/// The visible part of a text, and what was left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visible {
    pub text: String,
    pub dropped: Dropped,
}

/// How much of a text was left out, because it is invisible or because the text is too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Comments, hidden or unknown elements, images, formulas, and footnotes without a reference.
    pub elements: usize,
    pub characters: usize,
    /// Bytes after the limit.
    pub bytes: usize,
}

impl Dropped {
    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

impl std::ops::Add for Dropped {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            elements: self.elements + other.elements,
            characters: self.characters + other.characters,
            bytes: self.bytes + other.bytes,
        }
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.elements, "hidden element", "hidden elements"),
            (self.characters, "invisible character", "invisible characters"),
            (self.bytes, "byte at the end", "bytes at the end"),
        ];
        let parts: Vec<String> = counts
            .into_iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, one, more)| {
                format!("{} {}", escape::grouped(count), if count == 1 { one } else { more })
            })
            .collect();
        f.write_str(&if parts.is_empty() { "nothing".into() } else { parts.join(", ") })
    }
}

/// Returns what a person sees of a text in Markdown.
pub fn visible(markdown: &str) -> Visible {
    let end = (0..=markdown.len().min(LIMIT)).rev().find(|at| markdown.is_char_boundary(*at));
    let (markdown, rest) = markdown.split_at(end.unwrap_or(0));
    let mut dropped = Dropped { bytes: rest.len(), ..Dropped::default() };
    let page = rendered(markdown, &mut dropped);
    let mut text = String::new();
    read(&Html::parse_fragment(&page), &mut text, &mut dropped);
    Visible { text: tidied(&without_hidden(&text, &mut dropped)), dropped }
}

/// Returns what a person sees of a line without markup, such as a title.
pub fn line(text: &str) -> Visible {
    let mut dropped = Dropped::default();
    let text = without_hidden(text, &mut dropped).replace('\n', " ");
    Visible { text: text.trim().to_owned(), dropped }
}

/// Returns the page as HTML, without the Markdown that is not shown as text.
fn rendered(markdown: &str, dropped: &mut Dropped) -> String {
    let events: Vec<Event<'_>> = Parser::new_ext(markdown, GITHUB).collect();
    let referred: BTreeSet<String> = events
        .iter()
        .filter_map(|event| match event {
            Event::FootnoteReference(name) => Some(name.to_string()),
            _ => None,
        })
        .collect();
    let mut depth = 0_usize;
    let mut kept = Vec::new();
    for event in events {
        match event {
            Event::Start(tag) if depth > 0 || is_unseen(&tag, &referred) => {
                dropped.elements += usize::from(depth == 0);
                depth += 1;
            }
            Event::End(_) if depth > 0 => depth -= 1,
            _ if depth > 0 => {}
            Event::InlineMath(_) | Event::DisplayMath(_) => dropped.elements += 1,
            Event::FootnoteReference(_) | Event::TaskListMarker(_) => {}
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                dropped.elements += usize::from(!info.is_empty());
                kept.push(Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)));
            }
            // Titles are not part of the text, so only their number is recorded.
            Event::Start(Tag::Link { title, .. }) => {
                dropped.elements += usize::from(!title.is_empty());
            }
            Event::End(TagEnd::Link) => {}
            Event::SoftBreak | Event::HardBreak => kept.push(Event::HardBreak),
            event => kept.push(event),
        }
    }
    let mut page = String::new();
    html::push_html(&mut page, kept.into_iter());
    page
}

fn is_unseen(tag: &Tag<'_>, referred: &BTreeSet<String>) -> bool {
    match tag {
        Tag::Image { .. } | Tag::MetadataBlock(_) => true,
        Tag::FootnoteDefinition(name) => !referred.contains(name.as_ref()),
        Tag::CodeBlock(CodeBlockKind::Fenced(info)) => {
            info.split([' ', '\t', ',']).next() == Some("math")
        }
        _ => false,
    }
}

/// The elements whose text GitHub shows.
const SHOWN: &[&str] = &[
    "a",
    "b",
    "big",
    "blockquote",
    "br",
    "center",
    "cite",
    "code",
    "dd",
    "del",
    "details",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "html",
    "i",
    "ins",
    "kbd",
    "li",
    "mark",
    "ol",
    "p",
    "picture",
    "pre",
    "q",
    "rp",
    "rt",
    "ruby",
    "s",
    "samp",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "wbr",
];

/// The elements that begin on a line of their own.
const BLOCKS: &[&str] = &[
    "blockquote",
    "br",
    "dd",
    "details",
    "div",
    "dt",
    "figcaption",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "li",
    "p",
    "pre",
    "summary",
    "table",
    "td",
    "th",
    "tr",
];

fn read(page: &Html, text: &mut String, dropped: &mut Dropped) {
    let mut open = vec![page.tree.root()];
    while let Some(node) = open.pop() {
        match node.value() {
            Node::Text(piece) => text.push_str(&piece.text),
            Node::Element(element) if !is_shown(element) => {
                dropped.elements += 1;
                continue;
            }
            Node::Element(element) => {
                dropped.elements += usize::from(says_more(element));
                if BLOCKS.contains(&element.name()) {
                    text.push('\n');
                }
            }
            Node::Comment(_) | Node::ProcessingInstruction(_) | Node::Doctype(_) => {
                dropped.elements += 1;
            }
            Node::Document | Node::Fragment => {}
        }
        open.extend(node.children().rev());
    }
}

fn is_shown(element: &Element) -> bool {
    // GitHub removes styles; whoever writes one wants to change what is seen.
    let is_hidden =
        ["hidden", "style", "aria-hidden"].iter().any(|name| element.attr(name).is_some());
    SHOWN.contains(&element.name()) && !is_hidden
}

/// Returns whether the element has attributes in which invisible text may stand. Attributes that
/// the Markdown parser writes do not count.
fn says_more(element: &Element) -> bool {
    let ours = ["href", "start", "align", "open", "colspan", "rowspan"];
    element.attrs().any(|(name, _)| !ours.contains(&name) && name != "class")
        || element.attr("class").is_some_and(|class| !class.starts_with("footnote-def"))
}

/// Returns the text without invisible characters; unusual white space becomes a plain blank.
fn without_hidden(text: &str, dropped: &mut Dropped) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            '\r' => {}
            c if c.is_whitespace() => out.push(' '),
            // The variation selector of an emoji.
            '\u{fe0f}' if !before.is_ascii() && before != '\u{fe0f}' => {}
            c if escape::is_hidden(c) || is_private(c) => dropped.characters += 1,
            c => out.push(c),
        }
        before = c;
    }
    out
}

fn is_private(c: char) -> bool {
    matches!(u32::from(c), 0xE000..=0xF8FF | 0xF_0000..=0x10_FFFF)
}

/// Returns the text without empty lines and without blanks at the ends of lines.
fn tidied(text: &str) -> String {
    let lines: Vec<&str> =
        text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests;
