//! A document with a limit of size: each part is added as a whole or not at all.

use planwright_core::escape;

use super::{
    doc::{Block, DiffLine, Doc},
    markdown::{diff_line, markdown},
};

/// A document that has at most `limit` bytes in Markdown.
#[derive(Debug)]
pub struct Page {
    doc: Doc,
    bytes: usize,
    limit: usize,
}

impl Page {
    pub fn new(limit: usize) -> Self {
        Self { doc: Doc::default(), bytes: 0, limit }
    }

    /// Adds a part, and returns whether it fitted.
    pub fn push(&mut self, part: impl Into<Doc>) -> bool {
        let part = part.into();
        if part.is_empty() {
            return true;
        }
        let gap = if self.doc.is_empty() { 0 } else { 2 };
        let bytes = self.bytes + gap + markdown(&part).len();
        let fits = bytes <= self.limit;
        if fits {
            self.doc.push(part);
            self.bytes = bytes;
        }
        fits
    }

    /// Returns how many bytes the next part may have.
    pub fn room(&self) -> usize {
        self.limit.saturating_sub(self.bytes + 2)
    }

    pub fn into_doc(self) -> Doc {
        self.doc
    }
}

/// As many groups of lines as fit into a block of limited size, and the number of groups left out.
#[derive(Debug)]
pub struct Fitting<Line> {
    pub lines: Vec<Line>,
    pub left_out: usize,
}

/// A line of a block of code.
pub trait BlockLine: Clone {
    /// The language of the block in Markdown.
    const LANGUAGE: &'static str;
    /// Returns the line as it is in Markdown.
    fn written(&self) -> String;
    /// Makes a block of such lines.
    fn block(lines: Vec<Self>) -> Block;
}

impl BlockLine for String {
    const LANGUAGE: &'static str = "text";

    fn written(&self) -> String {
        self.clone()
    }

    fn block(lines: Vec<Self>) -> Block {
        Block::Code(lines)
    }
}

impl BlockLine for DiffLine {
    const LANGUAGE: &'static str = "diff";

    fn written(&self) -> String {
        diff_line(self)
    }

    fn block(lines: Vec<Self>) -> Block {
        Block::Diff(lines)
    }
}

impl<Line: BlockLine> Fitting<Line> {
    /// Takes the groups that fit into `room` bytes. Of a group that does not fit, only the first
    /// line is taken, if that fits.
    pub fn new(groups: impl Iterator<Item = Vec<Line>>, room: usize) -> Self {
        let mut fitting = Self { lines: Vec::new(), left_out: 0 };
        let mut measure = Measure { bytes: 0, ticks: 0 };
        for group in groups {
            if fitting.left_out > 0 {
                fitting.left_out += 1;
                continue;
            }
            let shortest = &group[..group.len().min(1)];
            let (all, first) = (measure.with(&group), measure.with(shortest));
            if all.block::<Line>() <= room {
                measure = all;
                fitting.lines.extend(group);
            } else if first.block::<Line>() <= room {
                measure = first;
                fitting.lines.extend_from_slice(shortest);
            } else {
                fitting.left_out = 1;
            }
        }
        fitting
    }

    /// Returns the block of the lines that fitted, if there are any.
    pub fn block(&self) -> Option<Block> {
        (!self.lines.is_empty()).then(|| Line::block(self.lines.clone()))
    }
}

/// The size of lines in a fenced block.
struct Measure {
    bytes: usize,
    /// The longest run of backticks in the lines.
    ticks: usize,
}

impl Measure {
    fn with<Line: BlockLine>(&self, group: &[Line]) -> Self {
        let mut sum = Self { bytes: self.bytes, ticks: self.ticks };
        for line in group {
            let line = line.written();
            sum.bytes += line.len() + 1;
            sum.ticks = sum.ticks.max(escape::longest_run(&line, '`'));
        }
        sum
    }

    /// Returns the size with both fences, which are longer than the longest run of backticks.
    fn block<Line: BlockLine>(&self) -> usize {
        self.bytes + 2 * (self.ticks + 1).max(3) + Line::LANGUAGE.len() + 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doc::words;
    use crate::text;

    #[test]
    fn a_part_goes_in_whole_or_not_at_all() {
        let mut page = Page::new(10);
        assert!(page.push(text!["abc"]));
        assert!(!page.push(text!["123456"]));
        assert_eq!(page.room(), 5);
        assert!(page.push(text!["12345"]));
        assert_eq!(markdown(&page.into_doc()), "abc\n\n12345");
        assert!(Page::new(0).push(Doc::default()));
        assert!(!Page::new(0).push(text![words(1)]));
    }

    fn fitted(groups: impl Iterator<Item = Vec<String>>, room: usize) -> (String, usize) {
        let fitting = Fitting::new(groups, room);
        let block = fitting.block().map(|block| markdown(&block.into()));
        (block.unwrap_or_default(), fitting.left_out)
    }

    #[test]
    fn groups_that_do_not_fit_are_counted() {
        let groups = || (0..10).map(|i| vec![format!("head {i}"), "x".repeat(40)]);
        for room in 0..700 {
            let (text, left_out) = fitted(groups(), room);
            assert!(text.len() <= room, "{room}");
            assert_eq!(text.matches("head").count() + left_out, 10, "{room}");
        }
        assert_eq!(fitted(groups(), 700).1, 0);
    }

    #[test]
    fn a_long_run_of_backticks_is_part_of_the_bill() {
        let groups = || std::iter::once(vec!["`".repeat(50)]);
        assert_eq!(fitted(groups(), 150).1, 1);
        assert_eq!(fitted(groups(), 164).1, 0);
        assert!(fitted(groups(), 164).0.len() <= 164);
    }
}
