//! The hidden first line of the bot's comments, by which it finds them again.
//!
//! It only serves to find a comment, together with the id of our App. Anyone can forge it, so
//! nothing else is derived from it.

use std::fmt;

use planwright_core::{names::CommentId, pull_request::ReviewId};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Marker {
    /// The one comment of a pull request, which is edited in place.
    Report,
    /// The one comment of an issue, which shows what became of the request.
    Request,
    /// The reply to the nth command of a comment, from 1; 0 if it is the only one, or for all.
    Reply(CommentId, usize),
    /// The answer to a review that could not be acted on.
    Review(ReviewId),
    /// The reminder of a question: the id of the run, and the number of the event that asked it.
    Reminder(u128, u64),
}

impl Marker {
    /// Returns the text with this marker before it.
    pub fn on(self, text: &str) -> String {
        format!("{self}\n{text}")
    }

    /// Returns whether a comment begins with this marker.
    pub fn is_on(self, comment: &str) -> bool {
        comment.starts_with(&self.to_string())
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Report => f.write_str("<!-- planwright:report -->"),
            Self::Request => f.write_str("<!-- planwright:request -->"),
            Self::Review(review) => write!(f, "<!-- planwright:review:{} -->", review.0),
            Self::Reminder(run, question) => {
                write!(f, "<!-- planwright:reminder:{run:032x}:{question} -->")
            }
            Self::Reply(comment, 0) => write!(f, "<!-- planwright:reply:{comment} -->"),
            Self::Reply(comment, nth) => write!(f, "<!-- planwright:reply:{comment}:{nth} -->"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_finds_its_own_comment_and_no_other() {
        let one = Marker::Reply(CommentId(1), 0);
        let second = Marker::Reply(CommentId(1), 1);
        let eleven = Marker::Reply(CommentId(11), 0);
        let all = [one, second, eleven];
        for (i, marker) in all.iter().enumerate() {
            for (j, other) in all.iter().enumerate() {
                assert_eq!(marker.is_on(&other.on("text")), i == j, "{marker} {other}");
            }
        }
        assert!(!Marker::Report.is_on(&one.on(&Marker::Report.to_string())));
    }
}
