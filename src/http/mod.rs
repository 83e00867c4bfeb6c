//! What the bot answers over HTTP: webhooks, whether it lives and is ready, its metrics, and the pages of
//! runs.
//!
//! A webhook is checked, handed to the [`Inbox`], which stores it, and only then acknowledged. No
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

/// GitHub sends nothing larger.
const LARGEST: usize = 25 << 20;
/// GitHub waits ten seconds; an answer after that is no answer.
const ANSWER: Duration = Duration::from_secs(9);
/// How long requests under way may take to end when the process is asked to.
const GRACE: Duration = Duration::from_secs(10);

/// Returns the routes. That there is a webhook secret, [`Secrets`] proves.
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
        // Method and path only: a query may hold a code, headers and bodies hold secrets.
        .layer(TraceLayer::new_for_http().make_span_with(|request: &Request| {
            let path = request.uri().path();
            tracing::info_span!("http", method = %request.method(), path)
        }))
}

/// Serves until `stop`, then lets the requests under way end, for ten seconds at most.
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

/// Takes as long for any two texts of the same length.
fn is_same(one: &str, other: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}
