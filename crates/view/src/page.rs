//! A text that never outgrows its limit: blocks go in whole, or not at all.

use planwright_core::escape;

/// What is left of a block when `limit` bytes are all there is.
#[derive(Debug)]
pub struct Page {
    text: String,
    limit: usize,
}

impl Page {
    pub fn new(limit: usize) -> Self {
        Self { text: String::new(), limit }
    }

    /// Adds a block, set apart by an empty line; says whether it fitted.
    pub fn push(&mut self, block: &str) -> bool {
        if block.is_empty() {
            return true;
        }
        let gap = if self.text.is_empty() { "" } else { "\n\n" };
        let fits = self.text.len() + gap.len() + block.len() <= self.limit;
        if fits {
            self.text.push_str(gap);
            self.text.push_str(block);
        }
        fits
    }

    /// Bytes that the next block may have.
    pub fn room(&self) -> usize {
        self.limit.saturating_sub(self.text.len() + 2)
    }

    pub fn into_text(self) -> String {
        self.text
    }
}

/// A fenced block of as many groups of lines as fit into `room` bytes, and how many did not.
///
/// A group that is too long is told by its first line.
pub fn fenced_groups(
    language: &str,
    groups: impl Iterator<Item = Vec<String>>,
    room: usize,
) -> (String, usize) {
    // The fence can be as long as the longest run of backticks, once above and once below.
    let frame = |ticks: usize| 2 * (ticks + 1).max(3) + language.len() + 2;
    let mut lines: Vec<String> = Vec::new();
    let mut used = 0;
    let mut ticks = 0;
    let mut left_out = 0;
    let fit = |group: &[String], used: usize, ticks: usize| {
        let bytes: usize = group.iter().map(|line| line.len() + 1).sum();
        let run = group.iter().map(|line| escape::longest_run(line, '`')).max().unwrap_or(0);
        let ticks = ticks.max(run);
        (used + bytes + frame(ticks) <= room).then_some((used + bytes, ticks))
    };
    for group in groups {
        if left_out > 0 {
            left_out += 1;
            continue;
        }
        let short = &group[..group.len().min(1)];
        if let Some((bytes, run)) = fit(&group, used, ticks) {
            (used, ticks) = (bytes, run);
            lines.extend(group);
        } else if let Some((bytes, run)) = fit(short, used, ticks) {
            (used, ticks) = (bytes, run);
            lines.extend_from_slice(short);
        } else {
            left_out = 1;
        }
    }
    if lines.is_empty() {
        return (String::new(), left_out);
    }
    (escape::fence(language, &lines), left_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_goes_in_whole_or_not_at_all() {
        let mut page = Page::new(10);
        assert!(page.push("abc"));
        assert!(!page.push("123456"));
        assert_eq!(page.room(), 5);
        assert!(page.push("12345"));
        assert_eq!(page.into_text(), "abc\n\n12345");
    }

    #[test]
    fn groups_that_do_not_fit_are_counted() {
        let groups = || (0..10).map(|i| vec![format!("head {i}"), "x".repeat(40)]);
        for room in 0..700 {
            let (text, left_out) = fenced_groups("diff", groups(), room);
            assert!(text.len() <= room, "{room}");
            assert_eq!(text.matches("head").count() + left_out, 10, "{room}");
        }
        assert_eq!(fenced_groups("diff", groups(), 700).1, 0);
    }

    #[test]
    fn a_long_run_of_backticks_is_part_of_the_bill() {
        let groups = || std::iter::once(vec!["`".repeat(50)]);
        assert_eq!(fenced_groups("", groups(), 150).1, 1);
        assert_eq!(fenced_groups("", groups(), 160).1, 0);
        assert!(fenced_groups("", groups(), 160).0.len() <= 160);
    }
}
