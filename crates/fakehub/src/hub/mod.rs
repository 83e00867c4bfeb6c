//! The running local GitHub: its state behind a lock, and what watches or disturbs the calls.

pub mod call_log;
pub mod delivery;
pub mod faults;
pub mod guide;
pub mod webhooks;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

use crate::{
    api_error::ApiError,
    hub::{call_log::CallLog, faults::Faults, guide::Guide, webhooks::Webhooks},
    state::State,
};

#[derive(Clone, Debug)]
pub struct Settings {
    /// Where everything is kept; a second start on the same directory goes on from it.
    pub data: PathBuf,
    /// On loopback; 0 is any free one.
    pub port: u16,
    /// A file that gets one line of JSON for each call, for the contract test.
    pub record: Option<PathBuf>,
}

impl Settings {
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self { data: data.into(), port: 0, record: None }
    }
}

/// What an app is given when it is registered.
#[derive(Clone, Debug)]
pub struct AppCredentials {
    pub app_id: i64,
    pub slug: String,
    pub private_key_pem: String,
    pub webhook_secret: String,
    pub client_id: String,
    pub client_secret: String,
    /// Where people who sign in may be sent back to.
    pub callback_urls: Vec<String>,
}

/// Tells how far somebody has come, each time that the page is shown.
type GuideSource = Arc<dyn Fn(&Hub) -> Guide + Send + Sync>;

/// A running local GitHub; clones are the same one.
#[derive(Clone)]
pub struct Hub(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) state: Mutex<State>,
    pub(crate) url: String,
    pub(crate) log: CallLog,
    pub(crate) faults: Faults,
    pub(crate) webhooks: Webhooks,
    /// Held by a push over git from its start to its announcement, so that whoever pushes is known.
    pub(crate) pushing: tokio::sync::Mutex<()>,
    /// What the start page tells.
    pub(crate) guide: Mutex<Option<GuideSource>>,
    pub(crate) stop: CancellationToken,
}

impl Inner {
    /// Changes the world and saves it.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut State) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let mut state = self.read();
        let outcome = change(&mut state);
        state.save()?;
        drop(state);
        self.webhooks.wake.notify_one();
        outcome
    }

    pub(crate) fn read(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hub {
    /// Stops serving and delivering; what was done is saved already.
    pub fn stop(&self) {
        self.0.stop.cancel();
    }

    /// `http://127.0.0.1:<port>`: REST is below `/api/v3`, GraphQL at `/api/graphql`.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    pub fn app(&self) -> AppCredentials {
        let state = self.0.read();
        let app = state.data.app.clone();
        AppCredentials {
            app_id: app.id,
            slug: app.slug,
            private_key_pem: app.private_key_pem,
            webhook_secret: app.webhook_secret,
            client_id: app.client_id,
            client_secret: app.client_secret,
            callback_urls: app.callback_urls,
        }
    }

    /// Where webhooks go from now on. Those that happened before have waited, and go first.
    pub fn set_webhook(&self, url: &str) {
        self.0.read().webhook_url = Some(url.to_owned());
        self.0.webhooks.wake.notify_one();
    }

    /// Waits until every webhook has been sent and answered (or there is nowhere to send them).
    pub async fn idle(&self) {
        self.0.idle().await;
    }

    /// What the start page says from now on.
    pub fn set_guide(&self, tell: impl Fn(&Self) -> Guide + Send + Sync + 'static) {
        let mut guide = self.0.guide.lock().unwrap_or_else(PoisonError::into_inner);
        *guide = Some(Arc::new(tell));
    }

    pub(crate) fn guide(&self) -> Option<Guide> {
        let tell = self.0.guide.lock().unwrap_or_else(PoisonError::into_inner).clone();
        tell.map(|tell| tell(self))
    }
}
