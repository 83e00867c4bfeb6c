//! `/healthz`: the process is alive. `/readyz`: it can receive webhooks now.
//!
//! Readiness is defined by the implementation of [`Inbox`].

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::inbox::{Inbox, WebhookState};

pub async fn live() -> &'static str {
    "ok\n"
}

pub async fn ready<I: Inbox>(State(state): State<WebhookState<I>>) -> Response {
    match state.inbox.readiness().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            // The reason may name hosts and paths, so it is logged but not sent.
            tracing::warn!("not ready: {error:#}");
            (StatusCode::SERVICE_UNAVAILABLE, "not ready; the log says why\n").into_response()
        }
    }
}
