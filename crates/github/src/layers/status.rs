//! The layer that converts the status of an answer to an error.

use serde::Deserialize;
use serde_json::Value;
use tower::ServiceExt as _;

use super::{CallRequest, CallResponse, Middleware, Next, body_of};
use crate::{
    call::CallFacts,
    error::{Error, Result},
};

/// Makes an error of every answer that is not a success.
#[derive(Clone, Copy)]
pub(crate) struct Status;

impl Middleware for Status {
    async fn exchange(self, request: CallRequest, next: impl Next) -> Result<CallResponse> {
        let facts = CallFacts::from_request(&request);
        let response = next.oneshot(request).await?;
        let status = response.status();
        if facts.takes_any_status || status.is_success() {
            return Ok(response);
        }
        let (call, message) = (facts.name.clone(), refusal(&body_of(&response).await));
        Err(match status.as_u16() {
            404 | 410 => Error::NotFound { call },
            // Nobody knows whether a write was carried out before the server failed.
            408 | 500.. => facts.failed(format!("{status} {message}")),
            status => Error::Refused { call, status, message },
        })
    }
}

/// Returns GitHub's message in the body of a refusal, with the fields that it names.
pub(crate) fn refusal(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Refusal {
        message: String,
        #[serde(default)]
        errors: Vec<Value>,
    }
    let text = match serde_json::from_slice::<Refusal>(body) {
        Ok(refusal) if refusal.errors.is_empty() => refusal.message,
        Ok(refusal) => {
            let details: Vec<String> = refusal.errors.iter().map(detail).collect();
            format!("{} ({})", refusal.message, details.join("; "))
        }
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    text.chars().filter(|c| !c.is_control()).take(500).collect()
}

fn detail(error: &Value) -> String {
    let Value::Object(fields) = error else {
        return error.as_str().map_or_else(|| error.to_string(), str::to_owned);
    };
    let field = |name| fields.get(name).and_then(Value::as_str);
    field("message").map_or_else(
        || {
            ["resource", "field", "code"]
                .into_iter()
                .filter_map(field)
                .collect::<Vec<_>>()
                .join(" ")
        },
        str::to_owned,
    )
}
