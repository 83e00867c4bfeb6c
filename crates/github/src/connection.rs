//! octocrab on our own connector and layers: one for each identity, all over the same connections.
//!
//! octocrab's own authorization, retries and redirects are left out: it would send a comment again
//! that may have been written, and it cannot narrow what a token may do.

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
/// GitHub gives up on a request after ten seconds; a delivery of 25 MB takes longer to arrive.
const WHOLE: Duration = Duration::from_secs(60);

/// The way to one GitHub, whoever asks.
#[derive(Clone)]
pub(crate) struct Connection {
    connector: ReqwestConnector,
    pub addresses: Arc<Addresses>,
    limiters: Arc<RateLimiters>,
    counts: Arc<CallCounts>,
}

impl Connection {
    /// Fails if `api_url` is not the address of an API; asks nothing.
    pub fn new(api_url: &str) -> Result<Self> {
        Ok(Self {
            connector: connector()?,
            addresses: Arc::new(Addresses::parse(api_url)?),
            limiters: Arc::new(RateLimiters::new(Arc::new(jiff::Timestamp::now))),
            counts: Arc::default(),
        })
    }

    /// Returns the same by another clock for limits.
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { limiters: Arc::new(RateLimiters::new(clock)), ..self }
    }

    /// Returns octocrab as `identity`. It is a handle on a small task, which ends with it; the
    /// connections to GitHub are shared by all.
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

    /// Returns what was asked since the start, and what is left of the limits.
    pub fn usage(&self) -> Usage {
        Usage { calls: self.counts.calls(), limits: self.limiters.least_left() }
    }
}

/// Returns the connector: HTTPS by the trust store of the system, through the proxy that the
/// environment names, with neither retries nor redirects of its own.
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
