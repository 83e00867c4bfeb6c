//! The layer that holds calls back while a rate limit lasts, and learns of limits from answers.
//!
//! [`RateLimiter`] decides how long.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use tower::ServiceExt as _;

use super::{CallRequest, CallResponse, Middleware, Next, body_of, status::refusal};
use crate::{
    call::CallFacts,
    error::{Error, Result},
    rate_limit::{AnswerFacts, LimitLeft, LimitScope, RateLimiter, Resource},
    usage::least,
};

pub(crate) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The limiters of all scopes, whose limits GitHub counts separately.
pub(crate) struct RateLimiters {
    /// The clock by which limits end: that of the worker, which postpones the jobs.
    clock: Clock,
    by_scope: Mutex<HashMap<LimitScope, RateLimiter>>,
}

impl RateLimiters {
    pub fn new(clock: Clock) -> Self {
        Self { clock, by_scope: Mutex::default() }
    }

    /// Returns what is left of each resource in the scope that has the least.
    pub fn least_left(&self) -> Vec<LimitLeft> {
        let limiters = self.by_scope.lock().unwrap_or_else(PoisonError::into_inner);
        let now = (self.clock)();
        least(limiters.values().flat_map(|limiter| limiter.limits(now)))
    }

    fn with<T>(&self, scope: LimitScope, act: impl FnOnce(&mut RateLimiter, Timestamp) -> T) -> T {
        let mut limiters = self.by_scope.lock().unwrap_or_else(PoisonError::into_inner);
        act(limiters.entry(scope).or_default(), (self.clock)())
    }
}

/// Counts calls against the limits of `scope`.
#[derive(Clone)]
pub(crate) struct RateLimit {
    pub limiters: Arc<RateLimiters>,
    pub scope: LimitScope,
}

impl Middleware for RateLimit {
    async fn exchange(self, request: CallRequest, next: impl Next) -> Result<CallResponse> {
        let facts = CallFacts::from_request(&request);
        let limited = |until| Error::RateLimited { call: facts.name.clone(), until };
        if facts.takes_any_status {
            return next.oneshot(request).await;
        }
        let admitted =
            |limiter: &mut RateLimiter, now| limiter.admit(facts.kind, facts.resource, now);
        self.limiters.with(self.scope, admitted).map_err(limited)?;
        let response = next.oneshot(request).await?;
        let message = message(facts.resource, response.status(), &body_of(&response).await);
        let answer = AnswerFacts {
            status: response.status(),
            headers: response.headers(),
            message: &message,
        };
        let noted = |limiter: &mut RateLimiter, now| limiter.note(&answer, facts.resource, now);
        match self.limiters.with(self.scope, noted) {
            Some(until) => Err(limited(until)),
            None => Ok(response),
        }
    }
}

/// Returns the message of an answer that may be about a limit; empty after success.
fn message(resource: Resource, status: StatusCode, body: &Bytes) -> String {
    match (status.is_success(), resource) {
        (false, _) => refusal(body),
        (true, Resource::Graphql) => limit_in_graphql(body).unwrap_or_default(),
        (true, Resource::Core | Resource::Web) => String::new(),
    }
}

/// Returns the message if a GraphQL answer is about a limit. Its status is 200; the type of the
/// error is `RATE_LIMITED`, or missing for a secondary limit.
fn limit_in_graphql(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Envelope {
        #[serde(default)]
        errors: Vec<Problem>,
    }
    #[derive(Deserialize)]
    struct Problem {
        #[serde(rename = "type", default)]
        kind: Option<String>,
        #[serde(default)]
        message: String,
    }
    let problem = serde_json::from_slice::<Envelope>(body).ok()?.errors.into_iter().next()?;
    match problem.kind.as_deref() {
        Some("RATE_LIMITED") => Some("rate limit".into()),
        Some(_) => None,
        None => Some(problem.message),
    }
}
