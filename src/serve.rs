//! The bot as a process: starts and ends the web server and the workers, and catches up on what was
//! missed.

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

/// How often missed deliveries are fetched. GitHub never resends a delivery by itself.
const CATCH_UP: Duration = Duration::from_secs(300);
/// How often old data is deleted.
const DELETE: Duration = Duration::from_hours(1);

/// A bot whose web server listens; its workers run once [`Bot::work`] is called.
pub struct Bot {
    pub app: Arc<App>,
    /// The address for webhooks; `None` without the role `web`.
    pub address: Option<SocketAddr>,
    /// The additional address for metrics, if any.
    pub metrics_address: Option<SocketAddr>,
    missed: Mutex<SyncCursor>,
    stop: CancellationToken,
    servers: Vec<JoinHandle<std::io::Result<()>>>,
}

impl Bot {
    /// Opens everything that `settings` name, and listens.
    pub async fn start(settings: &Serve, clock: Clock) -> Result<Self> {
        if !settings.process.roles.contains(&Role::Web) {
            return Self::on(settings, clock, None).await;
        }
        let listener = bind(settings.process.listen).await?;
        Self::on(settings, clock, Some(listener)).await
    }

    /// Does the same with an existing listener, for callers that need the address in advance;
    /// without a listener, no webhooks or pages are served.
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

    /// Catches up on what was missed, and runs jobs until the token of [`Bot::stopper`] is
    /// cancelled.
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

    /// Catches up at the given interval until the token of [`Bot::stopper`] is cancelled.
    pub async fn keep_up(&self, every: Duration) {
        while self.stop.run_until_cancelled(tokio::time::sleep(every)).await.is_some() {
            self.catch_up().await;
        }
    }

    /// Deletes old data at regular intervals until the token of [`Bot::stopper`] is cancelled.
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
            // GitHub may be unavailable now; incoming webhooks are processed all the same.
            tracing::warn!(%error, "what was missed could not be made up for; it is tried again");
        }
    }

    /// Returns the token whose cancellation ends server and workers; work in progress ends first.
    pub fn stopper(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Cancels the token, and waits until the web servers have ended.
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

/// Fails if an engine is needed and not found, so that this is noticed before the first plan. Its
/// version is checked later, against the lock of each stack.
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

/// Runs `planwright serve` until the process is asked to end.
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
        // Cancelled before logging: the reader of the log may be gone, and then writing to it
        // fails.
        stop.cancel();
        tracing::info!("ending; jobs under way are finished first");
    });
    bot.work().await?;
    bot.stop().await
}

/// Waits until the process is interrupted or asked to end.
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
        // If one signal cannot be listened to, the other still works.
        Err(_) => drop(interrupt.await),
    }
}
