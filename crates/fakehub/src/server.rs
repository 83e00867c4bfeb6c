//! The web server: passes requests to pages, REST, GraphQL or git, logs the calls of programs, and
//! injects faults.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Body,
    extract::Request as HttpRequest,
    http::{HeaderName, HeaderValue, StatusCode},
    response::Response as HttpResponse,
};
use jiff::{Timestamp, ToSpan};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    actions::access::Actor,
    api_error::ApiError,
    git_http, graphql,
    http::{LIMIT, Request, Response},
    hub::{
        Hub, Inner, Settings,
        call_log::{Call, CallLog, Kind},
        faults::{Fault, Faults},
        webhooks::Webhooks,
    },
    pages, rest,
    state::State,
};

/// The largest body of a request, in bytes: more than any pack that the tests push. GitHub's own
/// limit is two gigabytes.
const BODY_LIMIT: usize = 64 * 1024 * 1024;

impl Hub {
    /// Starts serving, and starts delivering webhooks once [`Hub::set_webhook`] has set their URL.
    ///
    /// Fails if the data cannot be read or the port is taken.
    pub async fn start(settings: Settings) -> Result<Self, ApiError> {
        let mut state = State::open(settings.data)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        state.url.clone_from(&url);
        let inner = Inner {
            state: Mutex::new(state),
            url,
            log: CallLog::new(settings.record.as_deref())?,
            faults: Faults::default(),
            webhooks: Webhooks::new()?,
            pushing: tokio::sync::Mutex::new(()),
            guide: Mutex::default(),
            stop: CancellationToken::new(),
        };
        let hub = Self(Arc::new(inner));
        tokio::spawn(serve(hub.clone(), listener));
        let courier = hub.clone();
        tokio::spawn(async move {
            let stop = courier.0.stop.clone();
            stop.run_until_cancelled(courier.0.deliver()).await;
        });
        Ok(hub)
    }
}

async fn serve(hub: Hub, listener: TcpListener) {
    let stop = hub.0.stop.clone();
    let router = Router::new().fallback(move |request| answer(hub.clone(), request));
    let serving = axum::serve(listener, router);
    // Not gracefully: a call that is never answered would delay the stop for ever.
    if let Some(Err(error)) = stop.run_until_cancelled(serving.into_future()).await {
        tracing::error!(%error, "fakehub stopped serving");
    }
}

async fn answer(hub: Hub, request: HttpRequest) -> HttpResponse {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        return http_response(Response::empty(413));
    };
    let request = Request {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body,
    };
    if !git_http::is_git(&request.path) && pages::is_for_people(&request) {
        return http_response(pages::answer(&hub, &request));
    }
    let actor = hub.0.read().actor(request.header("authorization"));
    let mut call = hub.0.log.receive(new_call(&hub, &request, &actor));
    let fault = hub.0.faults.take(&call.operation);
    let response = match &fault {
        Some(Fault::TimeOut) => std::future::pending().await,
        Some(fault) if *fault != Fault::LoseAnswer => fault_response(fault),
        _ => {
            let response = perform(&hub, &request, &call, actor).await;
            record(&hub, &request, &mut call, &response);
            response
        }
    };
    if call.status.is_none() {
        hub.0.log.perform(&mut call, response.status);
    }
    if fault == Some(Fault::LoseAnswer) {
        // Only a panic lets a handler end the connection without a byte of an answer.
        std::panic::resume_unwind(Box::new("the answer is lost on purpose"));
    }
    http_response(with_limits(response, hub.0.log.count()))
}

async fn perform(
    hub: &Hub,
    request: &Request,
    call: &Call,
    actor: Result<Actor, ApiError>,
) -> Response {
    let outcome = match call.kind {
        Kind::Git => git_http::answer(hub, request, actor).await,
        Kind::Graphql => actor.and_then(|actor| graphql::answer(hub, request, &actor)),
        Kind::Rest | Kind::Token => rest::answer(hub, request, actor),
    };
    outcome.unwrap_or_else(|error| Response::error(&error))
}

fn new_call(hub: &Hub, request: &Request, actor: &Result<Actor, ApiError>) -> Call {
    let (kind, operation) = match () {
        () if request.path == "/api/graphql" => (Kind::Graphql, graphql::operation_name(request)),
        () if git_http::is_git(&request.path) => (Kind::Git, git_http::operation_name(request)),
        () => {
            let operation = rest::operation_name(request);
            let is_token =
                operation.ends_with("/access_tokens") || operation.ends_with("/installation/token");
            (if is_token { Kind::Token } else { Kind::Rest }, operation)
        }
    };
    let actor = match actor {
        Ok(actor) => actor.name(&hub.0.read()),
        Err(_) => "nobody".to_owned(),
    };
    let (method, path) = (request.method.to_string(), request.path.clone());
    Call { number: 0, kind, method, path, operation, actor, status: None }
}

fn record(hub: &Hub, request: &Request, call: &mut Call, response: &Response) {
    hub.0.log.perform(call, response.status);
    if call.kind != Kind::Git {
        let answered = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
        hub.0.log.record(call, &request.query, &request.json().unwrap_or(Value::Null), &answered);
    }
}

fn fault_response(fault: &Fault) -> Response {
    match fault {
        Fault::SecondaryLimit { status, retry_after } => {
            let message = "You have exceeded a secondary rate limit. Please wait a few minutes \
                           before you try again.";
            Response::error(&ApiError::new(*status, message))
                .with("retry-after", retry_after.to_string())
        }
        Fault::PrimaryLimit { reset_in } => {
            let reset = Timestamp::now() + i64::from(*reset_in).seconds();
            Response::error(&ApiError::new(403, "API rate limit exceeded for installation."))
                .with("x-ratelimit-remaining", "0")
                .with("x-ratelimit-reset", reset.as_second().to_string())
        }
        Fault::Status(status) => Response::error(&ApiError::new(*status, "Server Error")),
        Fault::TimeOut | Fault::LoseAnswer => Response::empty(500),
    }
}

fn with_limits(response: Response, used: usize) -> Response {
    let has_own = response.headers.iter().any(|(name, _)| name == "x-ratelimit-remaining");
    let reset = (Timestamp::now() + 1.hour()).as_second().to_string();
    let response = response
        .with("x-ratelimit-limit", LIMIT.to_string())
        .with("x-ratelimit-used", used.to_string())
        .with("x-ratelimit-resource", "core")
        .with("x-github-request-id", "LOCAL");
    match has_own {
        true => response,
        false => response
            .with("x-ratelimit-remaining", LIMIT.saturating_sub(used).to_string())
            .with("x-ratelimit-reset", reset),
    }
}

fn http_response(response: Response) -> HttpResponse {
    let mut http = HttpResponse::new(Body::from(response.body));
    *http.status_mut() =
        StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in response.headers {
        let parsed = (HeaderName::try_from(name), HeaderValue::try_from(value));
        if let (Ok(name), Ok(value)) = parsed {
            http.headers_mut().append(name, value);
        }
    }
    http
}
