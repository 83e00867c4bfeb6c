//! The layer that retries a read after a failure of the network or of GitHub. A write is sent only
//! once.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use tower::ServiceExt as _;

use super::{CallRequest, CallResponse, Middleware, Next, copy};
use crate::{
    call::CallFacts,
    error::{Error, Result},
    rate_limit::CallKind,
};

/// The number of retries, after 0.2 and 1 seconds.
const RETRIES: usize = 2;
const FIRST_WAIT: Duration = Duration::from_millis(200);
const FACTOR: f32 = 5.0;

/// Tries a read up to three times.
#[derive(Clone, Copy)]
pub(crate) struct Retry;

impl Middleware for Retry {
    async fn exchange(self, request: CallRequest, next: impl Next) -> Result<CallResponse> {
        if CallFacts::from_request(&request).kind != CallKind::Read {
            return next.oneshot(request).await;
        }
        let waits = ExponentialBuilder::new()
            .with_min_delay(FIRST_WAIT)
            .with_factor(FACTOR)
            .with_max_times(RETRIES)
            .with_jitter();
        (move || next.clone().oneshot(copy(&request)))
            .retry(waits)
            .when(|error| matches!(error, Error::Unavailable { .. }))
            .await
    }
}
