//! `/healthz`: the process answers. `/readyz`: it can take webhooks now.
//!
//! What ready means, whoever implements [`Inbox`] knows.

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
            // The reason may name hosts and paths; the log has it, the world does not need it.
            tracing::warn!("not ready: {error:#}");
            (StatusCode::SERVICE_UNAVAILABLE, "not ready; the log says why\n").into_response()
        }
    }
}
