//! Errors of the API, with GitHub's status and JSON.
//!
//! The code that carries a request out decides which error it fails with.

use serde_json::{Value, json};

/// A rejected request, with GitHub's status and message.
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

    /// Returns a 422 for a field that GitHub's validation rejects.
    pub fn invalid(resource: &str, field: &str, message: impl Into<String>) -> Self {
        let error = json!({
            "resource": resource, "code": "custom", "field": field, "message": message.into(),
        });
        Self { errors: Some(json!([error])), ..Self::new(422, "Validation Failed") }
    }

    /// Returns a 422 for a well-formed request that GitHub does not allow.
    pub fn unprocessable(why: &str) -> Self {
        Self { errors: Some(json!([why])), ..Self::new(422, "Unprocessable Entity") }
    }

    /// Returns a 422 for a missing field.
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

/// A failure of git or of the disk is answered with 500, never with a made-up success.
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
