//! Texts of a page: our own words with their code and emphasis, times, how long something took.
//!
//! What comes from here is text; the templates escape it.

use jiff::{SignedDuration, Timestamp};

/// A piece of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    Plain(String),
    Code(String),
    Strong(String),
}

/// The Markdown of our own sentences: code and strong, nothing else.
pub fn spans(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let ticks = rest.len() - rest.trim_start_matches('`').len();
        let found = match c {
            '`' => fenced(rest, &rest[..ticks]).map(|(text, rest)| {
                let is_padded = text.starts_with(' ') && text.ends_with(' ') && text.trim() != "";
                let text = if is_padded { &text[1..text.len() - 1] } else { text };
                (Span::Code(text.to_owned()), rest)
            }),
            '*' if rest.starts_with("**") => {
                fenced(rest, "**").map(|(text, rest)| (Span::Strong(text.replace('`', "")), rest))
            }
            _ => None,
        };
        match found {
            Some((span, after)) => {
                if !plain.is_empty() {
                    spans.push(Span::Plain(std::mem::take(&mut plain)));
                }
                spans.push(span);
                rest = after;
            }
            None => {
                let end = ticks.max(c.len_utf8());
                plain.push_str(&rest[..end]);
                rest = &rest[end..];
            }
        }
    }
    if !plain.is_empty() {
        spans.push(Span::Plain(plain));
    }
    spans
}

/// What stands between `fence` at the beginning and the next one, and what follows.
fn fenced<'a>(text: &'a str, fence: &str) -> Option<(&'a str, &'a str)> {
    let inner = &text[fence.len()..];
    let tick = fence.chars().next()?;
    let mut from = 0;
    while let Some(at) = inner[from..].find(fence).map(|at| from + at) {
        let run = inner[at..].len() - inner[at..].trim_start_matches(tick).len();
        if run == fence.len() {
            return Some((&inner[..at], &inner[at + run..]));
        }
        from = at + run;
    }
    None
}

/// A time for people and for machines.
#[derive(Clone, Debug)]
pub struct Moment {
    pub machine: String,
    pub text: String,
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self { machine: at.to_string(), text: at.strftime("%-d %b %Y, %H:%M:%S UTC").to_string() }
    }
}

/// How long something took, as exactly as anyone wants to know.
pub fn took(time: SignedDuration) -> String {
    let millis = time.as_millis().max(0);
    match millis / 1_000 {
        0 => format!("{millis} ms"),
        seconds @ 1..60 => format!("{seconds}.{} s", millis % 1_000 / 100),
        seconds @ 60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Span {
        Span::Plain(text.into())
    }

    fn code(text: &str) -> Span {
        Span::Code(text.into())
    }

    #[test]
    fn code_and_strong_are_told_apart_and_all_else_is_text() {
        assert_eq!(
            spans("✋ `a`: **not `b`** <b>"),
            [plain("✋ "), code("a"), plain(": "), Span::Strong("not b".into()), plain(" <b>")]
        );
        assert_eq!(spans("`` a`b `` c"), [code("a`b"), plain(" c")]);
        for text in ["a ` b", "**open", "``a`", "2 * 3", "ä*", ""] {
            let expected = if text.is_empty() { vec![] } else { vec![plain(text)] };
            assert_eq!(spans(text), expected);
        }
    }

    #[test]
    fn a_time_is_told_in_the_units_that_matter() {
        let of = |millis| took(SignedDuration::from_millis(millis));
        assert_eq!([of(-5), of(120), of(59_990)], ["0 ms", "120 ms", "59.9 s"]);
        assert_eq!([of(61_000), of(3_661_000)], ["1 min 1 s", "1 h 1 min"]);
    }
}
