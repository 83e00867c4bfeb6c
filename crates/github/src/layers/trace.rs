//! The layer that records a span and a count for each exchange: method, path template, resource,
//! status and duration.
//!
//! Neither contains a token, a body or the name of a repository.

use std::{sync::Arc, time::Instant};

use tower::ServiceExt as _;
use tracing::{Instrument as _, field};

use super::{CallRequest, CallResponse, Middleware, Next};
use crate::{call::CallFacts, error::Result, usage::CallCounts};

/// Records each exchange with GitHub.
#[derive(Clone)]
pub(crate) struct Trace(pub Arc<CallCounts>);

impl Middleware for Trace {
    async fn exchange(self, request: CallRequest, next: impl Next) -> Result<CallResponse> {
        let facts = CallFacts::from_request(&request);
        let method = request.method().clone();
        let span = tracing::info_span!(
            "github",
            otel.name = facts.family(&method),
            otel.kind = "client",
            http.request.method = method.as_str(),
            url.template = facts.template,
            resource = facts.resource.name(),
            http.response.status_code = field::Empty,
            duration_ms = field::Empty,
        );
        let started = Instant::now();
        let outcome = next.oneshot(request).instrument(span.clone()).await;
        span.record("duration_ms", started.elapsed().as_millis() as u64);
        let status = outcome.as_ref().ok().map(|response| response.status().as_u16());
        if let Some(status) = status {
            span.record("http.response.status_code", status);
        }
        self.0.count(&method, &facts, status);
        outcome
    }
}
