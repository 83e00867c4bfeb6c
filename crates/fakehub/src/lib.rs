//! The local GitHub: REST, GraphQL, git over HTTP, webhooks and pages, on this machine alone.
//!
//! `planwright demo` and the tests play against it as against github.com, over HTTP. It imports
//! nothing of the rest of the crate, not one type, so that the two sides cannot share a
//! misunderstanding. It has only what the demo or a test calls: anything else is answered 501 and
//! listed by `Hub::unknown`. People get web pages at the same address.

mod actor;
mod authors;
mod bare;
mod branches;
mod call_log;
mod checks;
mod clock;
mod comments;
mod diff;
mod events;
mod faults;
mod git_http;
mod graphql;
mod issues;
mod merge;
mod pages;
mod people;
mod pulls;
mod readers;
mod refusal;
mod registration;
mod repositories;
mod rest;
mod reviews;
mod server;
mod shapes;
mod sign_in;
mod state;
#[cfg(feature = "testing")]
mod testing;
mod webhooks;
mod world;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use bare::FileChange;
pub use branches::Edit;
pub use merge::MergeMethod;
pub use pages::{Deed, Guide, Step};
pub use people::Person;
pub use readers::{CheckRunView, CommentView, PullView};
pub use refusal::Refusal;
pub use registration::AppEdit;
pub use state::{Level, ReviewState, Role};
#[cfg(feature = "testing")]
pub use {
    call_log::{Call, Kind, Phase},
    faults::Fault,
    issues::IssueEdit,
    pulls::NewPull,
    testing::{CommitView, DeliveryView, IssueView},
};

use call_log::CallLog;
use faults::Faults;
use webhooks::Webhooks;
use world::World;

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

/// A running local GitHub; clones are the same one.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    world: Mutex<World>,
    url: String,
    log: CallLog,
    faults: Faults,
    webhooks: Webhooks,
    /// Held by a push over git from its start to its announcement, so that whoever pushes is known.
    pushing: tokio::sync::Mutex<()>,
    /// What the start page tells.
    guide: Mutex<Option<pages::Teller>>,
    stop: CancellationToken,
}

impl Inner {
    /// Changes the world and saves it.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut World) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut world = self.read();
        let outcome = change(&mut world);
        world.save()?;
        drop(world);
        self.webhooks.wake.notify_one();
        outcome
    }

    fn read(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hub {
    /// Starts serving, and delivering webhooks once [`Hub::set_webhook`] has said where to.
    ///
    /// Errors when the data cannot be read or the port is taken.
    pub async fn start(settings: Settings) -> Result<Self, Refusal> {
        let mut world = World::open(settings.data)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        world.url.clone_from(&url);
        let inner = Inner {
            world: Mutex::new(world),
            url,
            log: CallLog::new(settings.record.as_deref())?,
            faults: Faults::default(),
            webhooks: Webhooks::new()?,
            pushing: tokio::sync::Mutex::new(()),
            guide: Mutex::default(),
            stop: CancellationToken::new(),
        };
        let hub = Self(Arc::new(inner));
        tokio::spawn(server::serve(hub.clone(), listener));
        let courier = hub.clone();
        tokio::spawn(async move {
            let stop = courier.0.stop.clone();
            stop.run_until_cancelled(courier.0.deliver()).await;
        });
        Ok(hub)
    }

    /// Stops serving and delivering; what was done is saved already.
    pub fn stop(&self) {
        self.0.stop.cancel();
    }

    /// `http://127.0.0.1:<port>`: REST is below `/api/v3`, GraphQL at `/api/graphql`.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    pub fn app(&self) -> AppCredentials {
        let world = self.0.read();
        let app = world.state.app.clone();
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
}
