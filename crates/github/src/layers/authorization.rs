//! The layer that authenticates calls: as the App, as an installation with a token for one
//! repository and scope, as a person, or not at all.

use std::sync::Arc;

use http::{HeaderValue, header::AUTHORIZATION};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use tower::ServiceExt as _;

use super::{CallRequest, CallResponse, Middleware, Next, copy};
use crate::{
    app_key::AppKey,
    call::CallFacts,
    error::{Error, Result},
    rate_limit::LimitScope,
    tokens::{TokenGrant, Tokens},
};

/// The identity that makes calls.
#[derive(Clone)]
pub(crate) enum Identity {
    Nobody,
    /// The person to whom this token belongs.
    Holder(SecretString),
    App(Arc<AppKey>),
    Installation(Arc<Tokens>, TokenGrant),
}

impl Identity {
    /// Returns the scope of the rate limits that apply to the calls.
    pub fn limit_scope(&self) -> LimitScope {
        match self {
            Self::Installation(_, grant) => LimitScope::Installation(grant.installation),
            Self::Nobody | Self::Holder(_) | Self::App(_) => LimitScope::App,
        }
    }
}

/// Authenticates requests.
#[derive(Clone)]
pub(crate) struct Authorization(pub Identity);

impl Middleware for Authorization {
    async fn exchange(self, request: CallRequest, next: impl Next) -> Result<CallResponse> {
        match self.0 {
            Identity::Nobody => next.oneshot(request).await,
            Identity::Holder(token) => next.oneshot(bearing(&token, request)?).await,
            Identity::App(key) => {
                let claim = key.claim(Timestamp::now())?;
                next.oneshot(bearing(&claim, request)?).await
            }
            Identity::Installation(tokens, grant) => {
                let token = tokens.token(&grant).await?;
                match next.clone().oneshot(bearing(&token, copy(&request))?).await {
                    // A call that is answered with 401 was not carried out, so a write is safe to
                    // repeat, too.
                    Err(Error::Refused { status: 401, .. }) => {
                        // The token was revoked early. A new one is tried once.
                        tokens.forget(&grant, &token).await;
                        let token = tokens.token(&grant).await?;
                        next.oneshot(bearing(&token, request)?).await
                    }
                    outcome => outcome,
                }
            }
        }
    }
}

fn bearing(token: &SecretString, mut request: CallRequest) -> Result<CallRequest> {
    let value = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()));
    // The cause would not help, although it does not quote the token.
    let mut value = value.map_err(|_| {
        CallFacts::from_request(&request)
            .not_sent("the token has characters that no header can have")
    })?;
    value.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, value);
    Ok(request)
}
