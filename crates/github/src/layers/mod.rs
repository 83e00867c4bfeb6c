//! The layers through which every call passes, one per file.
//!
//! From the outermost to the innermost: [`authorization`], [`retry`], [`status`], [`rate_limit`],
//! [`base_uri`], [`trace`], [`redirect`], [`size_cap`], and below them the connector. Each returns
//! an [`Error`] that says what is known about the call.

pub(crate) mod authorization;
pub(crate) mod base_uri;
pub(crate) mod rate_limit;
pub(crate) mod redirect;
pub(crate) mod retry;
pub(crate) mod size_cap;
pub(crate) mod status;
pub(crate) mod trace;

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use octocrab::OctoBody;
use tower::{Layer, Service};

use crate::{call::CallFacts, error::Error};

/// A request as octocrab makes it.
pub(crate) type CallRequest = Request<OctoBody>;

/// An answer whose body is complete.
pub(crate) type CallResponse = Response<Full<Bytes>>;

/// The next service, to which a layer passes a call on.
pub(crate) trait Next:
    Service<CallRequest, Response = CallResponse, Error = Error, Future: Send> + Clone + Send + 'static
{
}

impl<S> Next for S where
    S: Service<CallRequest, Response = CallResponse, Error = Error, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// The work of one layer.
pub(crate) trait Middleware: Clone + Send + 'static {
    fn exchange(
        self,
        request: CallRequest,
        next: impl Next,
    ) -> impl Future<Output = Result<CallResponse, Error>> + Send;
}

/// The tower layer of a [`Middleware`].
#[derive(Clone)]
pub(crate) struct Through<M>(pub M);

impl<M: Clone, S> Layer<S> for Through<M> {
    type Service = Exchange<M, S>;

    fn layer(&self, next: S) -> Self::Service {
        Exchange { middleware: self.0.clone(), next }
    }
}

/// The tower service of a [`Middleware`] above `next`.
#[derive(Clone)]
pub(crate) struct Exchange<M, S> {
    middleware: M,
    next: S,
}

impl<M: Middleware, S: Next> Service<CallRequest> for Exchange<M, S> {
    type Response = CallResponse;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<CallResponse, Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.next.poll_ready(context)
    }

    fn call(&mut self, mut request: CallRequest) -> Self::Future {
        // Layers below change the address, but the names in errors and metrics stay those of the
        // call.
        let facts = CallFacts::from_request(&request);
        request.extensions_mut().insert(facts);
        // The service that `poll_ready` made ready handles this call; its clone stays for the next
        // one.
        let next = self.next.clone();
        let next = std::mem::replace(&mut self.next, next);
        Box::pin(self.middleware.clone().exchange(request, next))
    }
}

/// Returns a copy of the request. Its body is in memory, so it can be sent again.
pub(crate) fn copy(request: &CallRequest) -> CallRequest {
    let mut copy = request.clone();
    *copy.body_mut() = request.body().try_clone().unwrap_or_else(OctoBody::empty);
    copy
}

/// Returns the bytes of an answer, and keeps them in place.
pub(crate) async fn body_of(response: &CallResponse) -> Bytes {
    match response.body().clone().collect().await {
        Ok(body) => body.to_bytes(),
        Err(never) => match never {},
    }
}
