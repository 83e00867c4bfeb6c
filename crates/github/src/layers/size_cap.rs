//! The layer that limits the size of answers and converts the connector's errors.
//!
//! It is the innermost layer: below are the connector's errors, above are ours.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use tower::{Layer, Service};

use super::{CallRequest, CallResponse};
use crate::{call::CallFacts, error::Error};

/// The largest answer in bytes: a delivery of 25 MB with its envelope.
const BODY: usize = 32 << 20;

/// Reads answers completely, up to a limit of size.
#[derive(Clone, Copy)]
pub(crate) struct SizeCap;

impl<S> Layer<S> for SizeCap {
    type Service = Capped<S>;

    fn layer(&self, connector: S) -> Self::Service {
        Capped(connector)
    }
}

#[derive(Clone)]
pub(crate) struct Capped<S>(S);

impl<S, B> Service<CallRequest> for Capped<S>
where
    S: Service<
            CallRequest,
            Response = Response<B>,
            Error = octocrab::Error,
            Future: Send + 'static,
        >,
    B: Body<Data = Bytes, Error = octocrab::Error> + Send + 'static,
{
    type Response = CallResponse;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<CallResponse, Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready(context).map_err(|error| Error::Settings(innermost(&error).to_string()))
    }

    fn call(&mut self, request: CallRequest) -> Self::Future {
        let facts = CallFacts::from_request(&request);
        let exchange = self.0.call(request);
        Box::pin(async move {
            let response = exchange.await.map_err(|error| lost(&facts, &error))?;
            let (parts, body) = response.into_parts();
            let body = match Limited::new(body, BODY).collect().await {
                Ok(body) => body.to_bytes(),
                Err(error) if error.is::<LengthLimitError>() => {
                    return Err(facts.unreadable(format!("more than {} MB", BODY >> 20)));
                }
                Err(error) => return Err(lost(&facts, error.as_ref())),
            };
            Ok(Response::from_parts(parts, Full::new(body)))
        })
    }
}

/// Converts a failure without an answer. If no connection was made, nothing was changed.
fn lost(facts: &CallFacts, error: &(dyn std::error::Error + 'static)) -> Error {
    // The full message may contain a URL from a redirect; the call is named anyway.
    let reason = innermost(error);
    if connector_error(error).is_some_and(|error| error.is_connect() || error.is_builder()) {
        return facts.not_sent(reason);
    }
    facts.failed(reason)
}

fn innermost<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> &'a (dyn std::error::Error + 'static) {
    error.source().map_or(error, innermost)
}

/// Returns the first error of the connector in the chain of causes.
fn connector_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a reqwest::Error> {
    error.downcast_ref().or_else(|| connector_error(error.source()?))
}
