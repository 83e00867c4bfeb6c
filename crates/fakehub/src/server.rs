//! The web server: tells pages, REST, GraphQL and git apart, logs each call of a program, and lets
//! faults happen.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use jiff::{Timestamp, ToSpan};
use serde_json::Value;
use tokio::net::TcpListener;

use super::actor::Actor;
use super::call_log::{Call, Kind};
use super::faults::Fault;
use super::refusal::Refusal;
use super::{Hub, git_http, graphql, pages, registration, rest, sign_in};

/// More than any pack of the tests; GitHub's own limit is two gigabytes.
const BODY_LIMIT: usize = 64 * 1024 * 1024;

/// What a request says, read in full.
pub struct Ask {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Ask {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON; nothing is null.
    pub fn json(&self) -> Result<Value, Refusal> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body).map_err(|_| Refusal::new(400, "Problems parsing JSON"))
    }
}

/// What is answered.
#[derive(Default)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Reply {
    pub fn json(status: u16, body: &Value) -> Self {
        let headers =
            vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())];
        Self { status, headers, body: body.to_string().into() }
    }

    pub fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub fn refusal(refusal: &Refusal) -> Self {
        Self::json(refusal.status, &refusal.body())
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

pub async fn serve(hub: Hub, listener: TcpListener) {
    let stop = hub.0.stop.clone();
    let router = Router::new().fallback(answer).with_state(hub);
    let serving = axum::serve(listener, router);
    // Not gracefully: a call that never gets its answer would hold the stop up for ever.
    if let Some(Err(error)) = stop.run_until_cancelled(serving.into_future()).await {
        tracing::error!(%error, "fakehub stopped serving");
    }
}

async fn answer(State(hub): State<Hub>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        return response(Reply::empty(413));
    };
    let ask = Ask {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body,
    };
    if registration::is_page(&ask) {
        return response(registration::answer(&hub, &ask));
    }
    if sign_in::is_exchange(&ask) {
        return response(sign_in::exchange(&hub, &ask));
    }
    if pages::is_for_people(&ask) {
        return response(pages::answer(&hub, &ask));
    }
    let actor = hub.0.read().actor(ask.header("authorization"));
    let mut call = hub.0.log.receive(described(&hub, &ask, &actor));
    let fault = hub.0.faults.take(&call.operation);
    let reply = match &fault {
        Some(Fault::TimeOut) => std::future::pending().await,
        Some(fault) if *fault != Fault::LoseAnswer => failed(fault),
        _ => {
            let reply = performed(&hub, &ask, &call, actor).await;
            record(&hub, &ask, &mut call, &reply);
            reply
        }
    };
    if call.status.is_none() {
        hub.0.log.perform(&mut call, reply.status);
    }
    if fault == Some(Fault::LoseAnswer) {
        // Ends the connection without a byte of an answer, which a handler cannot do otherwise.
        std::panic::resume_unwind(Box::new("the answer is lost on purpose"));
    }
    response(with_limits(reply, hub.0.log.count()))
}

async fn performed(hub: &Hub, ask: &Ask, call: &Call, actor: Result<Actor, Refusal>) -> Reply {
    let outcome = match call.kind {
        Kind::Git => git_http::answer(hub, ask, actor).await,
        Kind::Graphql => actor.and_then(|actor| graphql::answer(hub, ask, &actor)),
        Kind::Rest | Kind::Token => rest::answer(hub, ask, actor),
    };
    outcome.unwrap_or_else(|refusal| Reply::refusal(&refusal))
}

fn described(hub: &Hub, ask: &Ask, actor: &Result<Actor, Refusal>) -> Call {
    let (kind, operation) = match () {
        () if ask.path == "/api/graphql" => (Kind::Graphql, graphql::operation_name(ask)),
        () if git_http::is_git(&ask.path) => (Kind::Git, git_http::operation_name(ask)),
        () => {
            let operation = rest::operation_name(ask);
            let is_token =
                operation.ends_with("/access_tokens") || operation.ends_with("/installation/token");
            (if is_token { Kind::Token } else { Kind::Rest }, operation)
        }
    };
    let actor = match actor {
        Ok(actor) => actor.name(&hub.0.read()),
        Err(_) => "nobody".to_owned(),
    };
    let (method, path) = (ask.method.to_string(), ask.path.clone());
    Call { number: 0, kind, method, path, operation, actor, status: None }
}

fn record(hub: &Hub, ask: &Ask, call: &mut Call, reply: &Reply) {
    hub.0.log.perform(call, reply.status);
    if call.kind != Kind::Git {
        let answered = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
        hub.0.log.record(call, &ask.query, &ask.json().unwrap_or(Value::Null), &answered);
    }
}

fn failed(fault: &Fault) -> Reply {
    match fault {
        Fault::SecondaryLimit { status, retry_after } => {
            let message = "You have exceeded a secondary rate limit. Please wait a few minutes \
                           before you try again.";
            Reply::refusal(&Refusal::new(*status, message))
                .with("retry-after", retry_after.to_string())
        }
        Fault::PrimaryLimit { reset_in } => {
            let reset = Timestamp::now() + i64::from(*reset_in).seconds();
            Reply::refusal(&Refusal::new(403, "API rate limit exceeded for installation."))
                .with("x-ratelimit-remaining", "0")
                .with("x-ratelimit-reset", reset.as_second().to_string())
        }
        Fault::Status(status) => Reply::refusal(&Refusal::new(*status, "Server Error")),
        Fault::TimeOut | Fault::LoseAnswer => Reply::empty(500),
    }
}

fn with_limits(reply: Reply, used: usize) -> Reply {
    let has_own = reply.headers.iter().any(|(name, _)| name == "x-ratelimit-remaining");
    let reset = (Timestamp::now() + 1.hour()).as_second().to_string();
    let reply = reply
        .with("x-ratelimit-limit", LIMIT.to_string())
        .with("x-ratelimit-used", used.to_string())
        .with("x-ratelimit-resource", "core")
        .with("x-github-request-id", "LOCAL");
    match has_own {
        true => reply,
        false => reply
            .with("x-ratelimit-remaining", LIMIT.saturating_sub(used).to_string())
            .with("x-ratelimit-reset", reset),
    }
}

/// Requests an hour; never enforced, only counted down.
pub const LIMIT: usize = 12_500;

fn response(reply: Reply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        let parsed = (HeaderName::try_from(name), HeaderValue::try_from(value));
        if let (Ok(name), Ok(value)) = parsed {
            response.headers_mut().append(name, value);
        }
    }
    response
}
