//! One HTTP exchange with GitHub: who asks, where redirects may lead, and what an answer means.
//!
//! On reqwest itself: octocrab hides the headers of a refusal, so `retry-after` could not be
//! honoured, and what we need of it beyond that is less than wrapping it. Reads are tried again
//! after a failure of the network or of GitHub; writes are sent once, whatever happens. No payload
//! is known here, and nothing waits for a rate limit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{ACCEPT, DATE, LOCATION};
use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{Error, Result};
use super::rate_limit::{AnswerFacts, CallKind, RateLimiter, Resource};
use super::web_url;
use planwright_core::names::InstallationId;

const CONNECT: Duration = Duration::from_secs(10);
/// GitHub gives up on a request after ten seconds; a delivery of 25 MB takes longer to arrive.
const WHOLE: Duration = Duration::from_secs(60);
/// Waits before the second and the third try of a read.
const RETRIES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];
const REDIRECTS: usize = 3;
/// The largest answer that is read: a delivery of 25 MB in its envelope.
const BODY: usize = 32 << 20;

/// What to ask, without saying who asks.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: Method,
    /// Below the API's base, with a leading slash; empty for GraphQL.
    pub path: String,
    pub body: Option<Value>,
    pub kind: CallKind,
    pub resource: Resource,
    /// For logs and errors, e.g. `GET /repos/acme/infra/issues/1/comments`.
    pub name: String,
}

impl Call {
    pub fn read(path: impl Into<String>) -> Self {
        Self::rest(Method::GET, path.into(), None, CallKind::Read)
    }

    pub fn write(method: Method, path: impl Into<String>, body: Value) -> Self {
        Self::rest(method, path.into(), Some(body), CallKind::Write)
    }

    /// A write that ends what people wait for: it may use the reserve of the rate limit.
    pub fn close(method: Method, path: impl Into<String>, body: Value) -> Self {
        Self::rest(method, path.into(), Some(body), CallKind::Close)
    }

    /// A query; it travels as POST but changes nothing.
    pub fn query(name: &str, document: &str, variables: Value) -> Self {
        Self {
            method: Method::POST,
            path: String::new(),
            body: Some(serde_json::json!({ "query": document, "variables": variables })),
            kind: CallKind::Read,
            resource: Resource::Graphql,
            name: format!("graphql {name}"),
        }
    }

    /// A change that is asked for in GraphQL.
    pub fn mutation(name: &str, document: &str, variables: Value) -> Self {
        Self { kind: CallKind::Write, ..Self::query(name, document, variables) }
    }

    fn rest(method: Method, path: String, body: Option<Value>, kind: CallKind) -> Self {
        let name = format!("{method} {}", path.split('?').next().unwrap_or_default());
        Self { method, path, body, kind, resource: Resource::Core, name }
    }

    pub fn unreadable(&self, reason: impl std::fmt::Display) -> Error {
        let (call, reason) = (self.name.clone(), reason.to_string());
        match self.kind {
            CallKind::Read => Error::Unreadable { call, reason },
            CallKind::Write | CallKind::Close => Error::Unknown { call, reason },
        }
    }
}

/// A successful answer.
pub struct Answer {
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// Errors when the body is not the JSON that is expected.
    pub fn json<T: DeserializeOwned>(&self, call: &Call) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|e| call.unreadable(e))
    }
}

/// Whose limits a call counts against: an installation's, or (`None`) the App's own.
pub type LimitScope = Option<InstallationId>;

pub struct Transport {
    client: reqwest::Client,
    rest: String,
    graphql: String,
    web: String,
    limiters: Mutex<HashMap<LimitScope, RateLimiter>>,
    /// By which limits run out; that of whoever puts the calls off.
    pub clock: Clock,
}

type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

impl Transport {
    /// Errors unless `api_url` is an absolute http(s) URL without user, query or fragment.
    pub fn new(api_url: &str) -> Result<Self> {
        let rest = base(api_url)?;
        let graphql = match rest.strip_suffix("/api/v3") {
            Some(host) => format!("{host}/api/graphql"),
            None => format!("{rest}/graphql"),
        };
        let client = reqwest::Client::builder()
            .user_agent(concat!("planwright/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .build()
            .map_err(|e| Error::Settings(format!("cannot set up the HTTP client: {e}")))?;
        let (web, clock) = (web_url(&rest), Arc::new(Timestamp::now));
        Ok(Self { client, rest, graphql, web, limiters: Mutex::default(), clock })
    }

    /// Sends `call`; a read up to three times, a write exactly once.
    ///
    /// Without a bearer for the one call that needs none.
    pub async fn send(
        &self,
        call: &Call,
        limits: LimitScope,
        bearer: impl Into<Option<&SecretString>>,
    ) -> Result<Answer> {
        let bearer = bearer.into();
        let mut waits = RETRIES.into_iter();
        loop {
            self.admit(call, limits)?;
            let outcome = self.exchange(call, limits, bearer).await;
            let is_worth_another =
                call.kind == CallKind::Read && matches!(outcome, Err(Error::Unavailable { .. }));
            match waits.next() {
                Some(wait) if is_worth_another => tokio::time::sleep(wait).await,
                _ => return outcome,
            }
        }
    }

    fn admit(&self, call: &Call, limits: LimitScope) -> Result<()> {
        self.with_limiter(limits, |limiter| limiter.admit(call.kind, call.resource, (self.clock)()))
            .map_err(|until| Error::RateLimited { call: call.name.clone(), until })
    }

    /// Learns of a limit that only the body of an answer tells (GraphQL says 200).
    pub fn note_limit(
        &self,
        call: &Call,
        limits: LimitScope,
        answer: &Answer,
        message: &str,
    ) -> Option<Error> {
        let told = AnswerFacts { status: StatusCode::OK, headers: &answer.headers, message };
        self.with_limiter(limits, |limiter| limiter.note(&told, call.resource, (self.clock)()))
            .map(|until| Error::RateLimited { call: call.name.clone(), until })
    }

    fn with_limiter<T>(&self, limits: LimitScope, act: impl FnOnce(&mut RateLimiter) -> T) -> T {
        let mut limiters = self.limiters.lock().unwrap_or_else(PoisonError::into_inner);
        act(limiters.entry(limits).or_default())
    }

    /// The time by the other side's clock, whatever it thinks of the call.
    pub async fn time(&self, call: &Call, bearer: &SecretString) -> Result<Timestamp> {
        let response = self.request(call, &self.rest_url(call), Some(bearer)).await?;
        let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
        let date = date.ok_or_else(|| call.unreadable("no `Date`"))?;
        let zoned = jiff::fmt::rfc2822::parse(date).map_err(|e| call.unreadable(e))?;
        Ok(zoned.timestamp())
    }

    fn rest_url(&self, call: &Call) -> String {
        format!("{}{}", self.rest, call.path)
    }

    async fn exchange(
        &self,
        call: &Call,
        limits: LimitScope,
        bearer: Option<&SecretString>,
    ) -> Result<Answer> {
        let mut url = match call.resource {
            Resource::Core => self.rest_url(call),
            Resource::Graphql => self.graphql.clone(),
            Resource::Web => format!("{}{}", self.web, call.path),
        };
        for _ in 0..=REDIRECTS {
            let response = self.request(call, &url, bearer).await?;
            if !response.status().is_redirection() {
                return self.answer(call, limits, response).await;
            }
            url = redirect(&response).map_err(|e| call.unreadable(e))?;
        }
        Err(call.unreadable(format!("more than {REDIRECTS} redirects")))
    }

    async fn request(
        &self,
        call: &Call,
        url: &str,
        bearer: Option<&SecretString>,
    ) -> Result<reqwest::Response> {
        let accept = match call.resource {
            Resource::Web => "application/json",
            _ => "application/vnd.github+json",
        };
        let mut request = self
            .client
            .request(call.method.clone(), url)
            .header(ACCEPT, accept)
            .header("x-github-api-version", "2022-11-28");
        if let Some(bearer) = bearer {
            request = request.bearer_auth(bearer.expose_secret());
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        request.send().await.map_err(|e| lost(call, &e))
    }

    async fn answer(
        &self,
        call: &Call,
        limits: LimitScope,
        mut response: reqwest::Response,
    ) -> Result<Answer> {
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| lost(call, &e))? {
            if body.len() + chunk.len() > BODY {
                return Err(call.unreadable(format!("more than {} MB", BODY >> 20)));
            }
            body.extend_from_slice(&chunk);
        }
        tracing::debug!(call = call.name, status = status.as_u16(), "answered");
        let message = if status.is_success() { String::new() } else { message(&body) };
        let told = AnswerFacts { status, headers: &headers, message: &message };
        let name = call.name.clone();
        let limit =
            self.with_limiter(limits, |limiter| limiter.note(&told, call.resource, (self.clock)()));
        if let Some(until) = limit {
            return Err(Error::RateLimited { call: name, until });
        }
        match status.as_u16() {
            200..=299 => Ok(Answer { headers, body }),
            404 | 410 => Err(Error::NotFound { call: name }),
            // Whether a write was carried out before the server failed, nobody can tell.
            408 | 500.. => Err(failed(call, format!("{status} {message}"))),
            status => Err(Error::Refused { call: name, status, message }),
        }
    }
}

/// Where a redirect leads; only within the same scheme, host and port, since the token goes along.
fn redirect(response: &reqwest::Response) -> Result<String, String> {
    let status = response.status();
    let location = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
    let to = location.and_then(|to| response.url().join(to).ok());
    let to: Url = to.ok_or_else(|| format!("{status} without a place to go to"))?;
    if to.origin() != response.url().origin() {
        return Err(format!(
            "{status} leads to another host, {}",
            to.origin().ascii_serialization()
        ));
    }
    Ok(to.to_string())
}

/// A failure without an answer: a connection that was never made has changed nothing.
fn lost(call: &Call, error: &reqwest::Error) -> Error {
    // The URL may be one that a redirect gave; the call names it well enough.
    let mut reason = String::new();
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = source {
        source = error.source();
        if source.is_none() {
            reason = error.to_string();
        }
    }
    if error.is_connect() || error.is_builder() {
        return Error::Unavailable { call: call.name.clone(), reason };
    }
    failed(call, reason)
}

fn failed(call: &Call, reason: String) -> Error {
    let call_name = call.name.clone();
    match call.kind {
        CallKind::Read => Error::Unavailable { call: call_name, reason },
        CallKind::Write | CallKind::Close => Error::Unknown { call: call_name, reason },
    }
}

/// What GitHub says in the body of a refusal, with the fields it complains about.
fn message(body: &[u8]) -> String {
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
    match error {
        Value::String(text) => text.clone(),
        Value::Object(fields) => {
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
        other => other.to_string(),
    }
}

/// The base of the API without a trailing slash.
pub fn base(api_url: &str) -> Result<String> {
    let wrong = |why: &str| {
        Error::Settings(format!(
            "the GitHub API URL `{api_url}` {why}; expected e.g. `https://api.github.com` or `https://HOST/api/v3`"
        ))
    };
    let url = Url::parse(api_url).map_err(|e| wrong(&format!("is not a URL ({e})")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong("is neither http nor https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        // Not the URL itself: there is a secret in it.
        return Err(Error::Settings(
            "the GitHub API URL has a user or password in it; remove them".into(),
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has a query or fragment"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}
