//! The events of a run. They are only appended, and each has a hash over all before it.

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

/// One entry of the log of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The position in the log, from 0, without gaps.
    pub seq: u64,
    pub at: Timestamp,
    pub event: Event,
    /// The event as it is stored, byte for byte.
    pub text: String,
    /// The hash over `text`, `at` and the hash of the entry before.
    pub hash: Digest,
}

/// The log is incomplete or was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the log of the run is broken at event {seq}: {why}")]
pub struct BrokenLog {
    pub seq: u64,
    pub why: &'static str,
}

impl Entry {
    /// Returns the entry that follows `previous`; `text` is the event as it is stored.
    pub fn after(previous: Option<&Self>, event: Event, text: String, at: Timestamp) -> Self {
        let seq = previous.map_or(0, |previous| previous.seq + 1);
        let hash = hash(previous.map(|previous| &previous.hash), at, &text);
        Self { seq, at, event, text, hash }
    }

    /// Fails if entries are missing, were changed or are in another order.
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

/// The request that a run works on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The authors of the request. None of them may approve the change that comes of it.
    pub by: Vec<Actor>,
    pub issue: PrNumber,
    pub title: String,
    /// What a person sees of the text on GitHub.
    pub text: String,
    pub dropped: Dropped,
    /// The branch and its commit that the whole run reads.
    pub base_ref: BranchName,
    pub base: Sha,
}

/// One answer of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    pub text: String,
    pub calls: Vec<RawCall>,
    pub stop: Stop,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The answer is complete, with or without calls.
    #[default]
    Done,
    /// The answer was cut off, so nothing in it is used.
    Cut,
    /// The model, or a filter before it, refused.
    Refused,
    Unknown,
}

/// A question to people, with all answers that they may give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    pub text: String,
    pub choices: Vec<String>,
    /// Whether our own code asks, not the model. Then the first choice allows the call.
    pub is_ours: bool,
}

/// What the gate decided about a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    Allowed(Call),
    /// A person decides whether the call is carried out.
    Asked(Call, Question),
    Refused(Problem),
}

/// The result of a plan of all edits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// The revision that was planned.
    pub rev: u64,
    /// The digest of the plan set, or `None` if a stack could not be planned.
    pub digest: Option<Digest>,
    /// The number of resources that would be deleted or replaced.
    pub destroys: usize,
}

/// Where the result of a run was published.
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
    /// As the model asked, and our code agreed.
    Finished(Outcome),
    Exhausted(Limit),
    /// The model made the same call at the same revision three times.
    Repeating,
    /// The model gave three unusable answers or refused calls in a row.
    Unusable,
    /// The model, or a filter before it, refused.
    Refused,
    /// The server did not answer for too long.
    Away,
    /// The server rejected our request as invalid.
    Rejected(String),
    /// A newer request replaced this one.
    Superseded,
    Cancelled,
    /// The result cannot be published.
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
    /// The model is about to be asked. `body` is the digest of the request.
    Asked {
        debit: Amount,
        body: Digest,
    },
    Answered {
        turn: Turn,
        used: Amount,
    },
    /// The server sent something that is no answer of a model.
    Garbled {
        why: String,
    },
    /// The server did not answer. It is asked again at `until`.
    Failed {
        why: String,
        until: Timestamp,
    },
    /// The server rejected our request as invalid.
    Rejected {
        why: String,
    },
    /// The budget does not suffice for the next step.
    Exhausted {
        limit: Limit,
    },
    /// The gate decided on the next call.
    Called {
        decision: Decision,
        debit: Amount,
    },
    /// An allowed call was carried out. `accepted` if it is an edit that was added to the change
    /// set.
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
    /// A review of the pull request requests changes.
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
