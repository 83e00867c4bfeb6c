//! GraphQL's envelope: an answer with HTTP 200 may still be a refusal.
//!
//! Any error makes the whole answer one, even beside data: a snapshot with holes is no snapshot.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use planwright_core::repository::Repository;

use crate::{Error, GitHub, Result, TokenScope, call::Call};

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
            return Err(error(call, problem));
        }
        let envelope: Envelope<T> = answer.json(call)?;
        envelope.data.ok_or_else(|| call.unreadable("neither data nor errors"))
    }
}

/// Returns what an error beside an answer means; a limit was told of before it came here.
fn error(call: &Call, problem: &Problem) -> Error {
    let (name, message) = (call.name(), problem.message.chars().take(500).collect::<String>());
    match problem.kind.as_deref() {
        Some("NOT_FOUND") => Error::NotFound { call: name },
        // GitHub itself failed, perhaps after it had carried a change out.
        None => call.facts.failed(message),
        Some(_) => Error::Refused { call: name, status: 200, message },
    }
}
