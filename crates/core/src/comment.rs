//! A comment on an issue or pull request, as GitHub has it, and whether it is the delivered one.
//!
//! `command` parses comments of people; `view` writes those of the bot.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    actor::{Actor, AppId},
    names::{CommentId, PrNumber, RepositoryId, UserId},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    pub id: CommentId,
    pub author: Actor,
    /// The App through which it was written, if any. Unlike a marker in the body, it cannot be
    /// forged.
    pub via_app: Option<AppId>,
    pub body: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What decides whether a comment is the one that a delivery was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommentIdentity {
    pub id: CommentId,
    pub repository: RepositoryId,
    /// The issue or pull request; `None` if GitHub says that it is on neither.
    pub number: Option<PrNumber>,
    /// `None` if the account is deleted.
    pub author: Option<UserId>,
}

/// A comment as GitHub has it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentComment {
    pub identity: CommentIdentity,
    pub body: String,
    /// Whether it was written as an answer by mail.
    pub by_mail: bool,
}

/// What became of a comment since its delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadBack {
    AsDelivered {
        by_mail: bool,
    },
    /// Its author has written it, but not these words.
    Changed,
    /// It was deleted, or moved with its issue.
    Gone,
    /// It is a comment of somebody else, or stands elsewhere. GitHub never delivered it like that.
    Another,
}

/// Compares a comment as GitHub has it now with the one that was delivered.
pub fn read_back(
    current: Option<&CurrentComment>,
    delivered: &CommentIdentity,
    body: &str,
) -> ReadBack {
    let Some(CurrentComment { identity, body: now, by_mail }) = current else {
        return ReadBack::Gone;
    };
    if identity != delivered {
        ReadBack::Another
    } else if one_line_ending(now) == one_line_ending(body) {
        ReadBack::AsDelivered { by_mail: *by_mail }
    } else {
        ReadBack::Changed
    }
}

/// Returns the text with the line ending of Unix. It is no other text, and GitHub's interfaces need
/// not agree on it.
fn one_line_ending(text: &str) -> String {
    text.replace("\r\n", "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> CommentIdentity {
        CommentIdentity {
            id: CommentId(9),
            repository: RepositoryId(2),
            number: Some(PrNumber(5)),
            author: Some(UserId(1)),
        }
    }

    fn current() -> CurrentComment {
        let body = "Thanks!\n/infra plan".into();
        CurrentComment { identity: identity(), body, by_mail: false }
    }

    #[test]
    fn only_the_comment_that_was_delivered_is_carried_out() {
        let of = |identity| Some(CurrentComment { identity, ..current() });
        let said = |body: &str| Some(CurrentComment { body: body.into(), ..current() });
        for (now, expected) in [
            (Some(current()), ReadBack::AsDelivered { by_mail: false }),
            (said("Thanks!\r\n/infra plan"), ReadBack::AsDelivered { by_mail: false }),
            (
                Some(CurrentComment { by_mail: true, ..current() }),
                ReadBack::AsDelivered { by_mail: true },
            ),
            (None, ReadBack::Gone),
            (said("Thanks!"), ReadBack::Changed),
            (said("Thanks!\n/infra plan "), ReadBack::Changed),
            (of(CommentIdentity { id: CommentId(8), ..identity() }), ReadBack::Another),
            (of(CommentIdentity { repository: RepositoryId(3), ..identity() }), ReadBack::Another),
            (of(CommentIdentity { number: Some(PrNumber(6)), ..identity() }), ReadBack::Another),
            (of(CommentIdentity { number: None, ..identity() }), ReadBack::Another),
            (of(CommentIdentity { author: Some(UserId(7)), ..identity() }), ReadBack::Another),
            (of(CommentIdentity { author: None, ..identity() }), ReadBack::Another),
        ] {
            assert_eq!(read_back(now.as_ref(), &identity(), &current().body), expected, "{now:?}");
        }
    }
}
