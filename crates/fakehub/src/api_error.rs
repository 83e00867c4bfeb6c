//! What fakehub answers when it does not do what was asked: GitHub's status and JSON shape.
//!
//! Which request deserves which refusal is decided where the request is carried out.

use serde_json::{Value, json};

/// A refused request, worded as GitHub words it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{status}: {message}{}", errors.as_ref().map(|e| format!(" {e}")).unwrap_or_default())]
pub struct ApiError {
    pub status: u16,
    pub message: String,
    pub errors: Option<Value>,
}

impl ApiError {
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), errors: None }
    }

    pub fn bad_credentials() -> Self {
        Self::new(401, "Bad credentials")
    }

    pub fn not_accessible() -> Self {
        Self::new(403, "Resource not accessible by integration")
    }

    pub fn not_found() -> Self {
        Self::new(404, "Not Found")
    }

    /// Returns a field of the request that GitHub's validation does not take.
    pub fn invalid(resource: &str, field: &str, message: impl Into<String>) -> Self {
        let error = json!({
            "resource": resource, "code": "custom", "field": field, "message": message.into(),
        });
        Self { errors: Some(json!([error])), ..Self::new(422, "Validation Failed") }
    }

    /// Returns a request that is well formed, but asks for what GitHub does not let this person do.
    pub fn unprocessable(why: &str) -> Self {
        Self { errors: Some(json!([why])), ..Self::new(422, "Unprocessable Entity") }
    }

    /// Returns a field that has to be there.
    pub fn missing(field: &str) -> Self {
        Self::new(422, format!("Invalid request.\n\n\"{field}\" wasn't supplied."))
    }

    pub fn body(&self) -> Value {
        let mut body = json!({
            "message": self.message,
            "documentation_url": "https://docs.github.com/rest",
            "status": self.status.to_string(),
        });
        if let Some(errors) = &self.errors {
            body["errors"] = errors.clone();
        }
        body
    }
}

/// A failure of the local machinery (disk, git) is an answer 500, never a made-up success.
impl From<git2::Error> for ApiError {
    fn from(error: git2::Error) -> Self {
        Self::new(500, format!("fakehub's git failed: {error}"))
    }
}

impl From<std::io::Error> for ApiError {
    fn from(error: std::io::Error) -> Self {
        Self::new(500, format!("fakehub's disk failed: {error}"))
    }
}

impl From<serde_json::Error> for ApiError {
    fn from(error: serde_json::Error) -> Self {
        Self::new(500, format!("fakehub's state is not readable: {error}"))
    }
}
