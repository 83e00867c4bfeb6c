//! `POST /webhook`: passes authentic and readable deliveries to the [`Inbox`], and rejects all
//! others.
//!
//! The order matters: nothing of a request is used, parsed or stored before its signature is
//! verified.

use std::{future::Future, sync::Arc};

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use tracing::Instrument as _;

use planwright_core::{event::Envelope, names::DeliveryId};
use planwright_github::webhook::{self, Secrets};

/// An authentic webhook.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// `X-GitHub-Delivery`; a redelivery has the same one.
    pub delivery: DeliveryId,
    /// `X-GitHub-Event`.
    pub event: String,
    pub envelope: Envelope,
    /// The body as received.
    pub body: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    Stored,
    /// It was already stored, so nothing was done.
    Duplicate,
}

/// Storage for deliveries.
pub trait Inbox: Send + Sync + 'static {
    /// Stores the delivery, and what has to be done about it, durably before it returns.
    fn receive(&self, incoming: Incoming) -> impl Future<Output = anyhow::Result<Receipt>> + Send;

    /// Fails, with the reason, while deliveries cannot be stored.
    fn readiness(&self) -> impl Future<Output = anyhow::Result<()>> + Send;
}

pub struct WebhookState<I> {
    pub inbox: Arc<I>,
    pub secrets: Arc<Secrets>,
}

impl<I> Clone for WebhookState<I> {
    fn clone(&self) -> Self {
        Self { inbox: self.inbox.clone(), secrets: self.secrets.clone() }
    }
}

pub async fn receive<I: Inbox>(
    State(state): State<WebhookState<I>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let incoming = match incoming(&state.secrets, &headers, body) {
        Ok(incoming) => incoming,
        Err((status, why)) => {
            tracing::warn!(status = status.as_u16(), "webhook not taken: {why}");
            return (status, format!("{why}\n")).into_response();
        }
    };
    let (delivery, event) = (incoming.delivery.clone(), incoming.event.clone());
    let span = tracing::info_span!(
        "delivery",
        otel.name = format!("delivery {event}"),
        otel.kind = "server",
        %delivery,
        event,
        repository = incoming.envelope.repository.map(|repository| repository.0),
    );
    match state.inbox.receive(incoming).instrument(span).await {
        Ok(receipt) => {
            tracing::info!(%delivery, event, ?receipt, "webhook");
            (StatusCode::ACCEPTED, "stored\n").into_response()
        }
        Err(error) => {
            tracing::error!(%delivery, event, "webhook not stored: {error:#}");
            // GitHub records the failure, and the search for missed deliveries will fetch it.
            (StatusCode::SERVICE_UNAVAILABLE, "not stored; the log says why\n").into_response()
        }
    }
}

fn incoming(
    secrets: &Secrets,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Incoming, (StatusCode, String)> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bad = |why: String| (StatusCode::BAD_REQUEST, why);
    secrets
        .verify(header("x-hub-signature-256"), &body)
        .map_err(|why| (StatusCode::UNAUTHORIZED, why.to_string()))?;
    let kind = header(CONTENT_TYPE.as_str()).unwrap_or_default();
    if kind.split(';').next().unwrap_or_default().trim() != "application/json" {
        let why = "the webhook's content type must be `application/json`".to_owned();
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
    }
    let event = header("x-github-event").ok_or_else(|| bad("no `X-GitHub-Event`".into()))?;
    let delivery = header("x-github-delivery").unwrap_or_default();
    let delivery =
        DeliveryId::parse(delivery).map_err(|why| bad(format!("`X-GitHub-Delivery`: {why}")))?;
    let envelope = webhook::parse(event, &body).map_err(|why| bad(why.to_string()))?;
    Ok(Incoming { delivery, event: event.to_owned(), envelope, body })
}
