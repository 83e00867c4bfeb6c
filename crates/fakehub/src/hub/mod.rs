//! The running local GitHub: its state behind a lock, the call log, faults and webhooks.

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
    /// The directory of all data. A second start on the same directory continues from it.
    pub data: PathBuf,
    /// The port on loopback; 0 means any free port.
    pub port: u16,
    /// A file that gets one line of JSON for each call and webhook, for the contract test.
    pub record: Option<PathBuf>,
}

impl Settings {
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self { data: data.into(), port: 0, record: None }
    }
}

/// The identity and the secrets that GitHub gives an app when it is registered.
#[derive(Clone, Debug)]
pub struct AppCredentials {
    pub app_id: i64,
    pub slug: String,
    pub private_key_pem: String,
    pub webhook_secret: String,
    pub client_id: String,
    pub client_secret: String,
    /// The URLs to which people who sign in may be redirected.
    pub callback_urls: Vec<String>,
}

/// Makes the guide. It is called each time that the start page is shown.
type GuideSource = Arc<dyn Fn(&Hub) -> Guide + Send + Sync>;

/// A handle of a running local GitHub. Clones refer to the same one.
#[derive(Clone)]
pub struct Hub(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) state: Mutex<State>,
    pub(crate) url: String,
    pub(crate) log: CallLog,
    pub(crate) faults: Faults,
    pub(crate) webhooks: Webhooks,
    /// Held from the start of a push over git until it is announced, so that each move of a branch
    /// is attributed to the right person.
    pub(crate) pushing: tokio::sync::Mutex<()>,
    /// What makes the guide of the start page.
    pub(crate) guide: Mutex<Option<GuideSource>>,
    pub(crate) stop: CancellationToken,
}

impl Inner {
    /// Applies `change` to the state and saves the state, even if `change` fails.
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
    /// Stops serving and delivering. The state has been saved already.
    pub fn stop(&self) {
        self.0.stop.cancel();
    }

    /// Returns `http://127.0.0.1:<port>`. REST is below `/api/v3`, GraphQL at `/api/graphql`.
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

    /// Sets the URL that webhooks are sent to. Webhooks that have waited are sent first.
    pub fn set_webhook(&self, url: &str) {
        self.0.read().webhook_url = Some(url.to_owned());
        self.0.webhooks.wake.notify_one();
    }

    /// Waits until every webhook has been sent and answered, or none can be sent.
    pub async fn idle(&self) {
        self.0.idle().await;
    }

    /// Sets what makes the guide of the start page.
    pub fn set_guide(&self, tell: impl Fn(&Self) -> Guide + Send + Sync + 'static) {
        let mut guide = self.0.guide.lock().unwrap_or_else(PoisonError::into_inner);
        *guide = Some(Arc::new(tell));
    }

    pub(crate) fn guide(&self) -> Option<Guide> {
        let tell = self.0.guide.lock().unwrap_or_else(PoisonError::into_inner).clone();
        tell.map(|tell| tell(self))
    }
}
