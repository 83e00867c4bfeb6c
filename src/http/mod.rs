//! The bot's HTTP server: webhooks, health, metrics, and the pages of runs.
//!
//! A webhook is verified, passed to the [`Inbox`], which stores it, and only then acknowledged. No
//! job runs here and nothing is decided here.

mod app;
mod health;
mod inbox;
mod metrics;
mod pages;
mod setup;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::StatusCode,
    routing::{get, post},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::{
    catch_panic::CatchPanicLayer, limit::RequestBodyLimitLayer, timeout::TimeoutLayer,
    trace::TraceLayer,
};

pub use self::app::AppInbox;
pub use self::inbox::{Inbox, Incoming, Receipt};
pub use self::metrics::router as metrics;
pub use self::pages::router as pages;
pub use self::setup::{CREATED, Form, Registrar, router as setup};

use planwright_github::webhook::Secrets;

/// The most bytes in a request body; GitHub limits payloads to 25 MB:
/// <https://docs.github.com/webhooks/webhook-events-and-payloads#payload-cap>.
const LARGEST: usize = 25 << 20;
/// How long a response may take: GitHub gives up after ten seconds.
const ANSWER: Duration = Duration::from_secs(9);
/// How long requests in progress may take to end at a shutdown.
const GRACE: Duration = Duration::from_secs(10);

/// Returns the routes for webhooks and health. `secrets` has at least one webhook secret.
pub fn router<I: Inbox>(inbox: Arc<I>, secrets: Secrets) -> Router {
    Router::new()
        .route("/webhook", post(inbox::receive::<I>))
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready::<I>))
        .with_state(inbox::WebhookState { inbox, secrets: Arc::new(secrets) })
        .layer(DefaultBodyLimit::disable())
        .layer(RequestBodyLimitLayer::new(LARGEST))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, ANSWER))
        .layer(CatchPanicLayer::new())
        // Only method and path are traced: queries, headers and bodies may contain secrets.
        .layer(TraceLayer::new_for_http().make_span_with(|request: &Request| {
            let path = request.uri().path();
            tracing::info_span!("http", method = %request.method(), path)
        }))
}

/// Serves until `stop`, then lets requests in progress end, for ten seconds at most.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let server =
        axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let too_late = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        ended = server => ended,
        () = too_late => Ok(()),
    }
}

/// Compares two texts in constant time for a given length.
fn is_same(one: &str, other: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}
