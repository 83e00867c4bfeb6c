//! octocrab on our own connector and layers. Each identity has its own octocrab; they share
//! connections.
//!
//! octocrab's own authorization, retries and redirects are not used: it would send a write again
//! that may have been carried out, and it cannot restrict the permissions of a token.

use std::{convert::Infallible, sync::Arc, time::Duration};

use octocrab::{
    AuthState, Octocrab, OctocrabBuilder, service::middleware::reqwest_connector::ReqwestConnector,
};

use crate::{
    error::{Error, Result},
    layers::{
        Through,
        authorization::{Authorization, Identity},
        base_uri::{Addresses, BaseUri},
        rate_limit::{Clock, RateLimit, RateLimiters},
        redirect::Redirect,
        retry::Retry,
        size_cap::SizeCap,
        status::Status,
        trace::Trace,
    },
    usage::{CallCounts, Usage},
};

const CONNECT: Duration = Duration::from_secs(10);
/// The time limit of a call. GitHub gives up after ten seconds, but a delivery of 25 MB takes
/// longer to arrive.
const WHOLE: Duration = Duration::from_secs(60);

/// The connection to one GitHub, shared by all identities.
#[derive(Clone)]
pub(crate) struct Connection {
    connector: ReqwestConnector,
    pub addresses: Arc<Addresses>,
    limiters: Arc<RateLimiters>,
    counts: Arc<CallCounts>,
}

impl Connection {
    /// Fails if `api_url` is not the address of an API. Nothing is sent.
    pub fn new(api_url: &str) -> Result<Self> {
        Ok(Self {
            connector: connector()?,
            addresses: Arc::new(Addresses::parse(api_url)?),
            limiters: Arc::new(RateLimiters::new(Arc::new(jiff::Timestamp::now))),
            counts: Arc::default(),
        })
    }

    /// Returns the connection with another clock for rate limits.
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { limiters: Arc::new(RateLimiters::new(clock)), ..self }
    }

    /// Returns an octocrab for `identity`. It owns a small task, which ends with it; the
    /// connections to GitHub are shared.
    pub fn octocrab(&self, identity: Identity) -> Octocrab {
        let limits = RateLimit { limiters: self.limiters.clone(), scope: identity.limit_scope() };
        let built: Result<Octocrab, Infallible> = OctocrabBuilder::new_empty()
            .with_service(self.connector.clone())
            .with_layer(&SizeCap)
            .with_layer(&Through(Redirect))
            .with_layer(&Through(Trace(self.counts.clone())))
            .with_layer(&Through(BaseUri(self.addresses.clone())))
            .with_layer(&Through(limits))
            .with_layer(&Through(Status))
            .with_layer(&Through(Retry))
            .with_layer(&Through(Authorization(identity)))
            .with_auth(AuthState::None)
            .build();
        match built {
            Ok(octocrab) => octocrab,
            Err(never) => match never {},
        }
    }

    /// Returns the calls since the start, and what is left of the limits.
    pub fn usage(&self) -> Usage {
        Usage { calls: self.counts.calls(), limits: self.limiters.least_left() }
    }
}

/// Returns a connector with the trust store of the system and the proxy of the environment, without
/// retries or redirects.
fn connector() -> Result<ReqwestConnector> {
    let client = reqwest::Client::builder()
        .user_agent(concat!("planwright/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .timeout(WHOLE)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .build()
        .map_err(|e| Error::Settings(format!("cannot set up the HTTP client: {e}")))?;
    Ok(ReqwestConnector::new(client))
}
