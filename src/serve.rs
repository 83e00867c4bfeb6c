//! The bot as a process: the web server, the workers, and catching up at the start.
//!
//! What the parts do is theirs; here they are started and ended together.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use secrecy::ExposeSecret as _;
use tokio::{net::TcpListener, sync::Mutex, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use planwright_core::job::Role;
use planwright_github::webhook::Secrets;

use crate::{
    app::{App, Clock, Environment},
    flow::catch_up::{SyncCursor, catch_up},
    http::{self, AppInbox},
    retention,
    settings::Serve,
    worker,
};

/// How often what was missed is fetched: GitHub takes up to ten seconds to
/// find that nobody listens, and never sends a delivery again by itself.
const CATCH_UP: Duration = Duration::from_secs(300);
/// How often is deleted what is older than the retention.
const DELETE: Duration = Duration::from_hours(1);

/// A bot whose web server listens; its workers run once [`Bot::work`] is called.
pub struct Bot {
    pub app: Arc<App>,
    /// Where webhooks are received; none without the role `web`.
    pub address: Option<SocketAddr>,
    /// Where metrics are served besides.
    pub metrics_address: Option<SocketAddr>,
    missed: Mutex<SyncCursor>,
    stop: CancellationToken,
    servers: Vec<JoinHandle<std::io::Result<()>>>,
}

impl Bot {
    /// Opens everything that `settings` name and listens.
    pub async fn start(settings: &Serve, clock: Clock) -> Result<Self> {
        if !settings.process.roles.contains(&Role::Web) {
            return Self::on(settings, clock, None).await;
        }
        let listener = bind(settings.process.listen).await?;
        Self::on(settings, clock, Some(listener)).await
    }

    /// Returns the same for whoever has to know the address before; without a listener nothing is
    /// served.
    pub async fn on(settings: &Serve, clock: Clock, listener: Option<TcpListener>) -> Result<Self> {
        let app = Arc::new(App::open(settings, clock).await?);
        has_engine(&app)?;
        let missed = Mutex::new(SyncCursor::load(&app).await?);
        let stop = CancellationToken::new();
        let (mut address, mut metrics_address, mut servers) = (None, None, Vec::new());
        if let Some(listener) = listener {
            address = Some(listener.local_addr().context("the address that we listen on")?);
            let router = http::router(Arc::new(AppInbox(app.clone())), secrets(&app)?);
            let router = router.merge(http::pages(app.clone())).merge(http::metrics(app.clone()));
            servers.push(tokio::spawn(http::serve(listener, router, stop.clone())));
        }
        if let Some(listen) = settings.process.metrics_listen {
            let listener = bind(listen).await?;
            metrics_address = Some(listener.local_addr().context("the address of the metrics")?);
            let router = http::metrics(app.clone());
            servers.push(tokio::spawn(http::serve(listener, router, stop.clone())));
        }
        Ok(Self { app, address, metrics_address, missed, stop, servers })
    }

    /// Makes up for what was missed and works on jobs until [`Bot::stop`] is called elsewhere.
    pub async fn work(&self) -> Result<()> {
        let registration = worker::ProcessRegistration::register(&self.app).await?;
        self.catch_up().await;
        let worked = worker::run_until(self.app.clone(), &registration, self.stop.clone());
        let prewarmed = async {
            if self.app.roles.contains(&Role::Plan) {
                let Environment { variables, secrets } = &self.app.plan_env;
                self.app.engine.prewarm(variables, secrets).await;
            }
        };
        let prewarmed = self.stop.run_until_cancelled(prewarmed);
        tokio::join!(worked, self.keep_up(CATCH_UP), self.delete_old(), prewarmed).0
    }

    /// Looks for what was missed every so often, until [`Bot::stop`] is called elsewhere.
    pub async fn keep_up(&self, every: Duration) {
        while self.stop.run_until_cancelled(tokio::time::sleep(every)).await.is_some() {
            self.catch_up().await;
        }
    }

    /// Deletes what is older than the retention every so often, until [`Bot::stop`] is called
    /// elsewhere.
    async fn delete_old(&self) {
        loop {
            if let Err(error) = retention::delete_old(&self.app).await {
                tracing::warn!(error = format!("{error:#}"), "what is old is still there");
            }
            if self.stop.run_until_cancelled(tokio::time::sleep(DELETE)).await.is_none() {
                return;
            }
        }
    }

    async fn catch_up(&self) {
        if !self.app.roles.contains(&Role::Web) {
            return;
        }
        if let Err(error) = catch_up(&self.app, &mut *self.missed.lock().await).await {
            // GitHub may be away just now; webhooks that come are worked on all the same.
            tracing::warn!(%error, "what was missed could not be made up for; it is tried again");
        }
    }

    /// Asks server and workers to end; those under way end first.
    pub fn stopper(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Waits until the web servers have ended.
    pub async fn stop(self) -> Result<()> {
        self.stop.cancel();
        for server in self.servers {
            server.await.context("the web server")?.context("the web server")?;
        }
        Ok(())
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("listening on {address}"))
}

/// Fails now rather than at the first plan; whether the version will do, each stack's lock says.
fn has_engine(app: &App) -> Result<()> {
    let runs_engine = app.roles.iter().any(|role| matches!(role, Role::Plan | Role::Apply));
    match app.engine.find() {
        Err(error) if runs_engine => bail!("{error}: `--engine PATH` or PLANWRIGHT_ENGINE"),
        _ => Ok(()),
    }
}

fn secrets(app: &App) -> Result<Secrets> {
    let mut secrets = app.webhook_secrets.iter().cloned();
    let current = secrets.next().context("there is no webhook secret")?;
    ensure!(!current.expose_secret().is_empty(), "the webhook secret is empty");
    Secrets::new(current, secrets.next()).context("the webhook secret cannot be used")
}

/// `planwright serve`: until the process is asked to end.
pub async fn serve(settings: &Serve) -> Result<()> {
    #[expect(clippy::disallowed_methods, reason = "the rim: from here on time is an argument")]
    let clock = Arc::new(jiff::Timestamp::now);
    let bot = Bot::start(settings, clock).await?;
    match bot.address {
        Some(address) => {
            tracing::info!(%address, roles = ?bot.app.roles, "Planwright listens on http://{address}/webhook");
        }
        None => tracing::info!(roles = ?bot.app.roles, "Planwright works without a web server"),
    }
    let stop = bot.stopper();
    tokio::spawn(async move {
        asked_to_end().await;
        // First of all: whoever reads the log may be gone, and then writing to it fails.
        stop.cancel();
        tracing::info!("ending; jobs under way are finished first");
    });
    bot.work().await?;
    bot.stop().await
}

/// Until the process is interrupted or asked to end.
pub async fn asked_to_end() {
    let interrupt = tokio::signal::ctrl_c();
    let terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
    match terminate {
        Ok(mut terminate) => {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
        }
        // Without the one there is still the other.
        Err(_) => drop(interrupt.await),
    }
}
