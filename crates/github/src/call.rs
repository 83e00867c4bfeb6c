//! A call to GitHub, and the facts about it that the layers need.

use http::{HeaderMap, Method, Request, request};
use octocrab::{OctoBody, Octocrab};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    error::{Error, Result},
    rate_limit::{CallKind, Resource},
    templates::path_template,
};

/// A call, independent of the identity that makes it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    method: Method,
    /// The path below the base address of the API, with a leading slash.
    path: String,
    body: Option<Value>,
    pub facts: CallFacts,
}

/// Facts about a call that its request does not contain. They are an extension of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallFacts {
    /// The name in errors, such as `GET /repos/acme/infra/issues/1/comments`.
    pub name: String,
    /// The name in traces and metrics, such as `/repos/{owner}/{repo}/issues/{id}/comments`.
    pub template: String,
    pub kind: CallKind,
    pub resource: Resource,
    /// Whether the answer is returned whatever its status, and the call is made whatever the limits
    /// are.
    pub takes_any_status: bool,
}

impl Call {
    pub fn read(path: impl Into<String>) -> Self {
        Self::rest(Method::GET, path.into(), None, CallKind::Read)
    }

    pub fn write(method: Method, path: impl Into<String>, body: Value) -> Self {
        Self::rest(method, path.into(), Some(body), CallKind::Write)
    }

    /// Makes a write that people are waiting for, so that it may use the reserve of the rate limit.
    pub fn close(method: Method, path: impl Into<String>, body: Value) -> Self {
        Self::rest(method, path.into(), Some(body), CallKind::Close)
    }

    /// Makes a call for a token. It changes nothing that people see, so it may be retried like a
    /// read.
    pub fn mint(path: String, body: Value) -> Self {
        Self::rest(Method::POST, path, Some(body), CallKind::Read)
    }

    /// Makes a GraphQL query, which is a POST that changes nothing.
    pub fn query(name: &str, document: &str, variables: Value) -> Self {
        let body = serde_json::json!({ "query": document, "variables": variables });
        let mut call = Self::rest(Method::POST, GRAPHQL.into(), Some(body), CallKind::Read);
        call.facts.resource = Resource::Graphql;
        call.facts.name = format!("graphql {name}");
        call.facts.template = call.facts.name.clone();
        call
    }

    /// Makes a GraphQL mutation.
    pub fn mutation(name: &str, document: &str, variables: Value) -> Self {
        let mut call = Self::query(name, document, variables);
        call.facts.kind = CallKind::Write;
        call
    }

    fn rest(method: Method, path: String, body: Option<Value>, kind: CallKind) -> Self {
        let facts = CallFacts::new(&method, &path, kind);
        Self { method, path, body, facts }
    }

    /// Removes the body, so that not even `{}` is sent.
    pub fn without_body(self) -> Self {
        Self { body: None, ..self }
    }

    /// Returns the answer whatever its status is.
    pub fn taking_any_status(mut self) -> Self {
        self.facts.takes_any_status = true;
        self
    }

    /// Sends the call to GitHub's website instead of the API.
    pub fn at_web(mut self) -> Self {
        self.facts.resource = Resource::Web;
        self
    }

    /// Replaces the name in errors, if the path contains a secret.
    pub fn named(mut self, name: &str) -> Self {
        self.facts.name = name.into();
        self
    }

    pub fn name(&self) -> String {
        self.facts.name.clone()
    }

    pub fn unreadable(&self, reason: impl std::fmt::Display) -> Error {
        self.facts.unreadable(reason)
    }

    /// Sends the call through the layers of `octocrab`, and reads the answer.
    pub async fn send(&self, octocrab: &Octocrab) -> Result<Answer> {
        let request = request::Builder::new()
            .method(self.method.clone())
            .uri(&self.path)
            .extension(self.facts.clone());
        let request = octocrab
            .build_request(request, self.body.as_ref())
            .map_err(|error| self.facts.explain(error))?;
        let response =
            octocrab.execute(request).await.map_err(|error| self.facts.explain(error))?;
        let (parts, body) = response.into_parts();
        let body = http_body_util::BodyExt::collect(body).await;
        let body = body.map_err(|error| self.facts.explain(error))?.to_bytes();
        Ok(Answer { headers: parts.headers, body: body.into() })
    }
}

/// The path of GraphQL in a call. The layer `BaseUri` makes the address.
const GRAPHQL: &str = "/graphql";

impl CallFacts {
    fn new(method: &Method, path: &str, kind: CallKind) -> Self {
        let path = path.split('?').next().unwrap_or_default();
        Self {
            name: format!("{method} {path}"),
            template: path_template(path),
            kind,
            resource: if path == GRAPHQL { Resource::Graphql } else { Resource::Core },
            takes_any_status: false,
        }
    }

    /// Returns the name by which calls are counted: method and path template, or the name of a
    /// GraphQL document.
    pub fn family(&self, method: &Method) -> String {
        match self.resource {
            Resource::Graphql => self.template.clone(),
            Resource::Core | Resource::Web => format!("{method} {}", self.template),
        }
    }

    /// Returns the facts of a request. Requests that octocrab made itself have only a method and a
    /// path.
    pub fn from_request(request: &Request<OctoBody>) -> Self {
        request.extensions().get().cloned().unwrap_or_else(|| {
            let kind = if request.method().is_safe() { CallKind::Read } else { CallKind::Write };
            Self::new(request.method(), request.uri().path(), kind)
        })
    }

    /// Returns the facts of a call that octocrab makes itself, for errors.
    pub fn typed(method: &Method, path: &str) -> Self {
        let kind = if method.is_safe() { CallKind::Read } else { CallKind::Write };
        Self::new(method, path, kind)
    }

    /// Returns the error for an answer that cannot be read. After a write its outcome is unknown.
    pub fn unreadable(&self, reason: impl std::fmt::Display) -> Error {
        let (call, reason) = (self.name.clone(), reason.to_string());
        match self.kind {
            CallKind::Read => Error::Unreadable { call, reason },
            CallKind::Write | CallKind::Close => Error::Unknown { call, reason },
        }
    }

    /// Returns the error for a missing answer or a failure of GitHub. After a write its outcome is
    /// unknown.
    pub fn failed(&self, reason: impl std::fmt::Display) -> Error {
        let (call, reason) = (self.name.clone(), reason.to_string());
        match self.kind {
            CallKind::Read => Error::Unavailable { call, reason },
            CallKind::Write | CallKind::Close => Error::Unknown { call, reason },
        }
    }

    /// Returns the error for a call that was not sent.
    pub fn not_sent(&self, reason: impl std::fmt::Display) -> Error {
        Error::Unavailable { call: self.name.clone(), reason: reason.to_string() }
    }

    /// Returns the error of our layers that octocrab wraps, or converts an error of octocrab.
    pub fn explain(&self, error: octocrab::Error) -> Error {
        match error {
            octocrab::Error::Service { source, .. } => match source.downcast::<Error>() {
                Ok(ours) => *ours,
                Err(other) => self.failed(other),
            },
            octocrab::Error::Json { source, .. } => self.unreadable(source),
            octocrab::Error::Http { .. }
            | octocrab::Error::Uri { .. }
            | octocrab::Error::UriParse { .. }
            | octocrab::Error::Serde { .. } => self.not_sent(error),
            other => self.failed(other),
        }
    }
}

/// A successful answer.
pub(crate) struct Answer {
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// Parses the body as JSON. Fails if it does not have the expected form.
    pub fn json<T: DeserializeOwned>(&self, call: &Call) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|e| call.unreadable(e))
    }
}
