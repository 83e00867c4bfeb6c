//! The envelope of GraphQL answers, in which errors come with HTTP status 200.
//!
//! An answer with errors is an error as a whole, even if it also has data: a snapshot must be
//! complete.

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
    /// GitHub's type of the error. It is missing if GitHub itself failed.
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
        // The data beside errors may have any form, so the errors are parsed first.
        let problems = answer.json::<Envelope<Value>>(call)?.errors;
        if let Some(problem) = problems.first() {
            return Err(error(call, problem));
        }
        let envelope: Envelope<T> = answer.json(call)?;
        envelope.data.ok_or_else(|| call.unreadable("neither data nor errors"))
    }
}

/// Returns what an error in an answer means. Rate limits are handled in a layer before.
fn error(call: &Call, problem: &Problem) -> Error {
    let (name, message) = (call.name(), problem.message.chars().take(500).collect::<String>());
    match problem.kind.as_deref() {
        Some("NOT_FOUND") => Error::NotFound { call: name },
        // GitHub itself failed, perhaps after a mutation was carried out.
        None => call.facts.failed(message),
        Some(_) => Error::Refused { call: name, status: 200, message },
    }
}
