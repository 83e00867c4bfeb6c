//! The documents that people read, as values: blocks, and texts of spans.
//!
//! A document has no markup, and nothing in it is escaped; the renderers (`markdown`, `html`,
//! `terminal`) do that, each for its format. Text from outside is [`Span::Foreign`] or
//! [`Span::Code`]. Our own words are literals, so that foreign text cannot become [`Span::Words`]
//! by mistake.

use std::{borrow::Cow, fmt};

use planwright_core::{
    escape,
    names::{Login, PrNumber, Sha, StackId},
};

/// A document: blocks, one below the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Doc(pub Vec<Block>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    Heading(Text),
    Paragraph(Text),
    Table {
        head: Vec<Text>,
        rows: Vec<Vec<Text>>,
    },
    List(Vec<Item>),
    /// Items numbered from 1.
    Steps(Vec<Text>),
    /// A quotation of somebody else, without empty lines between its blocks.
    Quote(Vec<Block>),
    Callout(Callout, Vec<Block>),
    Details {
        summary: Text,
        is_open: bool,
        body: Doc,
    },
    /// Lines that are shown as they are.
    Code(Vec<String>),
    Diff(Vec<DiffLine>),
}

/// The kind of a callout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callout {
    Caution,
    Warning,
}

/// An item of a list, with nested items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// Whether it is done; `None` if it is not a task.
    pub is_done: Option<bool>,
    pub text: Text,
    pub below: Vec<Item>,
}

impl Item {
    /// Returns its text and those of the nested items, in reading order.
    pub fn into_lines(self) -> Vec<Text> {
        let below = self.below.into_iter().flat_map(Self::into_lines);
        std::iter::once(self.text).chain(below).collect()
    }
}

/// A line of a diff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffLine {
    pub sign: Sign,
    /// The level of indentation.
    pub depth: usize,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    Added,
    Removed,
    Replaced,
    Changed,
    Noted,
}

/// A sentence, or a part of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub(crate) Vec<Span>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// Our own words.
    Words(Cow<'static, str>),
    /// A sentence from outside.
    Foreign(String),
    /// A name, a value or a command, from anywhere.
    Code(String),
    Strong(Text),
    Emphasis(Text),
    Small(Text),
    /// A link to an address that we made.
    Link {
        text: Text,
        url: String,
    },
    PullRequest(PrNumber),
    Mark(Mark),
    Break,
}

/// A status, shown as one sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Good,
    Bad,
    /// In progress.
    Busy,
    /// Waiting for people.
    Waiting,
    /// Not counted, or no longer relevant.
    Moot,
}

/// A text with a mark before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    pub mark: Mark,
    pub text: Text,
}

/// Joins pieces to a [`Text`]. Literals are our own words, names with a syntax become code, and
/// other strings do not compile unless they are passed to [`code`] or [`foreign`].
#[macro_export]
macro_rules! text {
    ($($piece:expr),* $(,)?) => {
        $crate::Text::concat([$($crate::Text::from($piece)),*])
    };
}

/// Makes a code span of a name, a value or a command.
pub fn code(text: impl fmt::Display) -> Span {
    Span::Code(text.to_string())
}

/// Makes a code span of at most `limit` characters of a text.
pub fn short_code(text: &str, limit: usize) -> Span {
    Span::Code(escape::shortened(text, limit))
}

/// Makes a span of at most `limit` characters of a sentence from outside.
pub fn foreign(text: &str, limit: usize) -> Span {
    Span::Foreign(escape::shortened(text, limit))
}

/// Makes a span of our own words that are known only at run time, such as the name of a variant.
pub fn words(text: impl fmt::Display) -> Span {
    Span::Words(text.to_string().into())
}

pub fn strong(text: impl Into<Text>) -> Span {
    Span::Strong(text.into())
}

pub fn emphasis(text: impl Into<Text>) -> Span {
    Span::Emphasis(text.into())
}

pub fn small(text: impl Into<Text>) -> Span {
    Span::Small(text.into())
}

/// Returns how many items are left out if only `shown` are shown, or `None` if none is.
pub fn more(count: usize, shown: usize) -> Option<usize> {
    count.checked_sub(shown).filter(|more| *more > 0)
}

impl Text {
    pub fn concat<const N: usize>(pieces: [Self; N]) -> Self {
        Self(pieces.into_iter().flat_map(|piece| piece.0).collect())
    }

    /// Joins texts with `between`.
    pub fn join(texts: impl IntoIterator<Item = Self>, between: &'static str) -> Self {
        let mut all = Self::default();
        for (i, text) in texts.into_iter().enumerate() {
            if i > 0 {
                all.push(between);
            }
            all.push(text);
        }
        all
    }

    pub fn push(&mut self, more: impl Into<Self>) {
        self.0.extend(more.into().0);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Doc {
    pub fn push(&mut self, more: impl Into<Self>) {
        self.0.extend(more.into().0);
    }

    /// Adds a line to the first paragraph.
    pub fn push_line(&mut self, line: Text) {
        match self.0.first_mut() {
            Some(Block::Paragraph(text)) => text.push(text![Span::Break, line]),
            _ => self.0.insert(0, Block::Paragraph(line)),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Item {
    pub fn new(text: impl Into<Text>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    pub fn task(is_done: bool, text: impl Into<Text>) -> Self {
        Self { is_done: Some(is_done), ..Self::new(text) }
    }

    /// Makes the item that says how many more there are.
    pub fn more(count: usize) -> Self {
        Self::new(text!["… and ", count, " more"])
    }
}

impl DiffLine {
    pub fn new(sign: Sign, text: impl Into<String>) -> Self {
        Self { sign, depth: 0, text: text.into() }
    }

    /// Makes an indented line, for a part of what is above.
    pub fn below(sign: Sign, text: impl Into<String>) -> Self {
        Self { depth: 1, ..Self::new(sign, text) }
    }
}

impl From<Vec<Block>> for Doc {
    fn from(blocks: Vec<Block>) -> Self {
        Self(blocks)
    }
}

impl From<Block> for Doc {
    fn from(block: Block) -> Self {
        Self(vec![block])
    }
}

/// Makes a document of one paragraph.
impl From<Text> for Doc {
    fn from(text: Text) -> Self {
        Block::Paragraph(text).into()
    }
}

impl From<Option<Self>> for Doc {
    fn from(doc: Option<Self>) -> Self {
        doc.unwrap_or_default()
    }
}

impl From<Span> for Text {
    fn from(span: Span) -> Self {
        Self(vec![span])
    }
}

impl From<&'static str> for Text {
    fn from(words: &'static str) -> Self {
        if words.is_empty() { Self::default() } else { Span::Words(words.into()).into() }
    }
}

impl From<Option<Self>> for Text {
    fn from(text: Option<Self>) -> Self {
        text.unwrap_or_default()
    }
}

/// Formats a count with commas.
impl From<usize> for Text {
    fn from(count: usize) -> Self {
        words(escape::grouped(count)).into()
    }
}

impl From<PrNumber> for Text {
    fn from(number: PrNumber) -> Self {
        Span::PullRequest(number).into()
    }
}

impl From<&StackId> for Text {
    fn from(stack: &StackId) -> Self {
        code(stack).into()
    }
}

impl From<&Login> for Text {
    fn from(login: &Login) -> Self {
        code(login).into()
    }
}

/// Shortens a commit id to seven digits.
impl From<&Sha> for Text {
    fn from(sha: &Sha) -> Self {
        code(&sha.as_str()[..sha.as_str().len().min(7)]).into()
    }
}

impl From<Marked> for Text {
    fn from(marked: Marked) -> Self {
        let mut text = Self(vec![Span::Mark(marked.mark), Span::Words(" ".into())]);
        text.push(marked.text);
        text
    }
}
