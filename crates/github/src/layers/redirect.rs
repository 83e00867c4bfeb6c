//! The layer that follows redirects: only within the same scheme, host and port, with the same
//! method, body and token.

use http::{Uri, header::LOCATION};
use tower::ServiceExt as _;
use url::Url;

use super::{CallRequest, CallResponse, Middleware, Next, copy};
use crate::{call::CallFacts, error::Error};

const REDIRECTS: usize = 3;

/// Follows redirects within the same host, because the token is sent along.
#[derive(Clone, Copy)]
pub(crate) struct Redirect;

impl Middleware for Redirect {
    async fn exchange(
        self,
        mut request: CallRequest,
        next: impl Next,
    ) -> Result<CallResponse, Error> {
        let facts = CallFacts::from_request(&request);
        for _ in 0..=REDIRECTS {
            let response = next.clone().oneshot(copy(&request)).await?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let to = target(request.uri(), &response).map_err(|why| facts.unreadable(why))?;
            *request.uri_mut() = to;
        }
        Err(facts.unreadable(format!("more than {REDIRECTS} redirects")))
    }
}

/// Returns the target of a redirect. Fails if it is on another host.
fn target(from: &Uri, response: &CallResponse) -> Result<Uri, String> {
    let status = response.status();
    let nowhere = || format!("{status} without a place to go to");
    let from = Url::parse(&from.to_string()).map_err(|error| error.to_string())?;
    let location = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
    let to = location.and_then(|to| from.join(to).ok()).ok_or_else(nowhere)?;
    if to.origin() != from.origin() {
        let host = to.origin().ascii_serialization();
        return Err(format!("{status} leads to another host, {host}"));
    }
    to.as_str().parse().map_err(|_| nowhere())
}
