//! Requests that have been read in full, and responses to them.

use axum::{
    body::Bytes,
    http::{HeaderMap, Method},
};
use serde_json::Value;

use crate::api_error::ApiError;

/// The number of requests per hour that the rate limit allows. It is counted down, never enforced.
pub const LIMIT: usize = 12_500;

/// A request, with its whole body.
pub struct Request {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the body as JSON, or null if it is empty. Fails with 400 if it is not JSON.
    pub fn json(&self) -> Result<Value, ApiError> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body).map_err(|_| ApiError::new(400, "Problems parsing JSON"))
    }
}

/// A response, with its whole body.
#[derive(Default)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Response {
    pub fn json(status: u16, body: &Value) -> Self {
        let headers =
            vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())];
        Self { status, headers, body: body.to_string().into() }
    }

    pub fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub fn error(error: &ApiError) -> Self {
        Self::json(error.status, &error.body())
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}
