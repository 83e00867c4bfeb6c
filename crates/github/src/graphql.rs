//! GraphQL's envelope: an answer with HTTP 200 may still be a refusal.
//!
//! Any error makes the whole answer one, even beside data: a snapshot with holes is no snapshot.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::rate_limit::CallKind;
use super::transport::{Answer, Call};
use super::{Error, GitHub, Result, TokenScope};
use planwright_core::repository::Repository;

#[derive(Deserialize)]
struct Envelope<T> {
    #[serde(default = "Option::default")]
    data: Option<T>,
    #[serde(default)]
    errors: Vec<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    /// GitHub's word; it is missing where GitHub itself failed.
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    message: String,
}

impl GitHub {
    pub(super) async fn query<T: DeserializeOwned>(
        &self,
        repository: &Repository,
        scope: TokenScope,
        call: &Call,
    ) -> Result<T> {
        let answer = self.send(repository, scope, call).await?;
        // The data of an erroneous answer may have any shape, so the errors are read first.
        let problems = answer.json::<Envelope<Value>>(call)?.errors;
        if let Some(problem) = problems.first() {
            return Err(self.problem(repository, call, &answer, problem));
        }
        let envelope: Envelope<T> = answer.json(call)?;
        envelope.data.ok_or_else(|| call.unreadable("neither data nor errors"))
    }

    fn problem(
        &self,
        repository: &Repository,
        call: &Call,
        answer: &Answer,
        problem: &Problem,
    ) -> Error {
        let limits = Some(repository.installation);
        let limit = match problem.kind.as_deref() {
            Some("RATE_LIMITED") => self.transport.note_limit(call, limits, answer, "rate limit"),
            // A secondary limit has no type of its own; `note_limit` knows its wording.
            None => self.transport.note_limit(call, limits, answer, &problem.message),
            Some(_) => None,
        };
        if let Some(limited) = limit {
            return limited;
        }
        let (name, message) = (call.name.clone(), problem.message.chars().take(500).collect());
        match problem.kind.as_deref() {
            Some("NOT_FOUND") => Error::NotFound { call: name },
            // GitHub itself failed, perhaps after it had carried a change out.
            None if call.kind != CallKind::Read => Error::Unknown { call: name, reason: message },
            None => Error::Unavailable { call: name, reason: message },
            Some(_) => Error::Refused { call: name, status: 200, message },
        }
    }
}
