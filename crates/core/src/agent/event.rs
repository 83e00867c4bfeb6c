//! What happens in a run: events that are only ever appended, each chained to all before it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    budget::{Amount, Limit, Limits},
    call::{Call, Outcome, RawCall},
    problem::Problem,
    visible::Dropped,
};
use crate::{
    actor::Actor,
    digest::Digest,
    names::{BranchName, CommentId, PrNumber, Sha},
    pull_request::ReviewId,
};

/// One line of the log of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// From 0, without gaps.
    pub seq: u64,
    pub at: Timestamp,
    pub event: Event,
    /// The event as it is stored, to the letter.
    pub text: String,
    /// Over this text and, through the entry before it, all others.
    pub hash: Digest,
}

/// The log is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the log of the run is broken at event {seq}: {why}")]
pub struct BrokenLog {
    pub seq: u64,
    pub why: &'static str,
}

impl Entry {
    /// Returns the entry that follows `previous`; `text` is how the event is stored.
    pub fn after(previous: Option<&Self>, event: Event, text: String, at: Timestamp) -> Self {
        let seq = previous.map_or(0, |previous| previous.seq + 1);
        let hash = hash(previous.map(|previous| &previous.hash), at, &text);
        Self { seq, at, event, text, hash }
    }

    /// Errors where entries are missing, changed or in another order.
    pub fn verify(log: &[Self]) -> Result<(), BrokenLog> {
        let mut previous: Option<&Self> = None;
        for (seq, entry) in (0_u64..).zip(log) {
            let broken = |why| BrokenLog { seq, why };
            if entry.seq != seq {
                return Err(broken("an event is missing"));
            }
            if entry.hash != hash(previous.map(|previous| &previous.hash), entry.at, &entry.text) {
                return Err(broken("it is not the event that was written"));
            }
            previous = Some(entry);
        }
        Ok(())
    }
}

fn hash(previous: Option<&Digest>, at: Timestamp, text: &str) -> Digest {
    let before = previous.map_or("", Digest::as_str);
    let at = at.as_millisecond().to_be_bytes();
    Digest::of_parts("v1", [before.as_bytes(), &at, text.as_bytes()])
}

/// Why there is a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// All whose words or wish it is; none of them approves what comes of it.
    pub by: Vec<Actor>,
    pub issue: PrNumber,
    pub title: String,
    /// What is visible of it.
    pub text: String,
    pub dropped: Dropped,
    /// The commit that the whole run reads, and the branch that had it.
    pub base_ref: BranchName,
    pub base: Sha,
}

/// A model's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    pub text: String,
    pub calls: Vec<RawCall>,
    pub stop: Stop,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// It said all it had to say, with or without calls.
    #[default]
    Done,
    /// It was cut off, so nothing in it is believed.
    Cut,
    /// The model, or a filter before it, does not want to.
    Refused,
    Unknown,
}

/// A question to people, with all answers that there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    pub text: String,
    pub choices: Vec<String>,
    /// Whether our own code asks; then the first choice lets the call pass.
    pub is_ours: bool,
}

/// What the gate says of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    Allowed(Call),
    /// A person decides.
    Asked(Call, Question),
    Refused(Problem),
}

/// What a plan of all edits said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// The revision that was planned.
    pub rev: u64,
    /// Absent where something could not be planned.
    pub digest: Option<Digest>,
    /// How many resources would be deleted or replaced.
    pub destroys: usize,
}

/// Where the result of a run can be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    pub pull_request: PrNumber,
    pub branch: BranchName,
    pub head: Sha,
}

/// How a run ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// As the model wished, and our code agreed.
    Finished(Outcome),
    Exhausted(Limit),
    /// The same call at the same revision, three times.
    Repeating,
    /// Three times in a row nothing that can be used.
    Unusable,
    /// The model does not want to.
    Refused,
    /// The server does not answer.
    Away,
    /// The server says that our request is wrong.
    Rejected(String),
    /// A newer request took its place.
    Superseded,
    Cancelled,
    /// What it made cannot be published.
    Unpublished(String),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    Started {
        request: Request,
        limits: Limits,
        tools: Digest,
    },
    /// The model is about to be asked; `body` is the digest of what is sent.
    Asked {
        debit: Amount,
        body: Digest,
    },
    Answered {
        turn: Turn,
        used: Amount,
    },
    /// The server answered with something that is no answer.
    Garbled {
        why: String,
    },
    /// The server did not answer; asked again at `until`.
    Failed {
        why: String,
        until: Timestamp,
    },
    /// The server does not take our request.
    Rejected {
        why: String,
    },
    /// The next step cannot be paid.
    Exhausted {
        limit: Limit,
    },
    /// The gate has decided on the next call.
    Called {
        decision: Decision,
        debit: Amount,
    },
    /// An allowed call was carried out. `accepted` when it is an edit that holds from now on.
    Returned {
        content: serde_json::Value,
        accepted: bool,
        planned: Option<Planned>,
    },
    Chosen {
        by: Actor,
        comment: CommentId,
        choice: u64,
    },
    Revised {
        by: Actor,
        comment: CommentId,
        text: String,
        dropped: Dropped,
    },
    /// A review wants something else.
    Reviewed {
        by: Actor,
        review: ReviewId,
        text: String,
        dropped: Dropped,
    },
    /// The plan of the pull request failed.
    PlanFailed {
        head: Sha,
        why: String,
    },
    Ended {
        how: End,
        published: Option<Published>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> Vec<Entry> {
        let mut log: Vec<Entry> = Vec::new();
        for i in 0..4 {
            let event = Event::Garbled { why: format!("{i}") };
            let at = Timestamp::from_second(i).unwrap();
            log.push(Entry::after(log.last(), event, format!("{i}"), at));
        }
        log
    }

    #[test]
    fn a_log_that_was_tampered_with_is_broken() {
        assert_eq!(Entry::verify(&log()), Ok(()));
        let mut changed = log();
        changed[1].text = "other".into();
        assert_eq!(Entry::verify(&changed).unwrap_err().seq, 1);
        let mut rehashed = log();
        let other = Event::Garbled { why: "x".into() };
        rehashed[1] = Entry::after(Some(&rehashed[0]), other, "x".into(), rehashed[1].at);
        assert_eq!(Entry::verify(&rehashed).unwrap_err().seq, 2);
        let mut shorter = log();
        shorter.remove(2);
        assert_eq!(Entry::verify(&shorter).unwrap_err().seq, 2);
        let mut later = log();
        later[3].at = Timestamp::from_second(9).unwrap();
        assert_eq!(Entry::verify(&later).unwrap_err().seq, 3);
    }
}
