//! Catches up on what was missed while no bot ran: deliveries that never arrived, writes that were
//! not completed.
//!
//! GitHub keeps deliveries for three days and does not resend them by itself. For older ones, a
//! person comments `/infra plan` or `/infra apply`.

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};

use planwright_github::{Delivery, webhook};

use super::{Result, outbox};
use crate::{app::App, queue};

/// GitHub keeps deliveries for three days:
/// <https://docs.github.com/webhooks/testing-and-troubleshooting-webhooks/redelivering-webhooks>.
const KEPT: SignedDuration = SignedDuration::from_hours(72);

/// An earlier delivery may have been lost although a later one arrived.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);

/// The time since which deliveries may have been missed.
#[derive(Clone, Copy, Debug)]
pub struct SyncCursor(Timestamp);

impl SyncCursor {
    /// Returns the time up to which this database has received everything. Call this before any
    /// delivery is received: the first one that arrives would hide all that were missed before it.
    pub async fn load(app: &App) -> Result<Self> {
        let last = app.store.last_delivery_at().await?;
        let oldest = app.now().checked_sub(KEPT).context("the clock is before all webhooks")?;
        if let Some(last) = last.filter(|last| *last < oldest) {
            tracing::warn!(
                %last,
                "nothing was heard for more than three days, and GitHub keeps no webhook longer; \
                 comment `/infra plan` or `/infra apply` where one is missed"
            );
        }
        Ok(Self(last.unwrap_or(oldest)))
    }
}

/// Fetches missed deliveries and completes unfinished writes. The cursor advances only if every
/// missed delivery was taken in.
pub async fn catch_up(app: &App, cursor: &mut SyncCursor) -> Result<()> {
    let now = app.now();
    let fetched = fetch_missed(app, *cursor).await;
    outbox::send_unfinished(app).await?;
    fetched?;
    *cursor = SyncCursor(now);
    Ok(())
}

/// Takes in missed deliveries; one that fails does not keep the others from being taken in.
async fn fetch_missed(app: &App, cursor: SyncCursor) -> Result<()> {
    let oldest = app.now().checked_sub(KEPT).context("the clock is before all webhooks")?;
    let since = cursor.0.checked_sub(OVERLAP).unwrap_or(oldest).max(oldest);
    let missed = app.github.missed_deliveries(since).await?;
    let ids: Vec<_> = missed.iter().map(|delivery| delivery.id.clone()).collect();
    let unknown = app.store.missing_deliveries(&ids).await?;
    let mut left = Ok(());
    for delivery in missed.iter().filter(|delivery| unknown.contains(&delivery.id)) {
        if let Err(error) = take_in(app, delivery).await {
            tracing::warn!(delivery = %delivery.id, %error, "a missed delivery was not taken in");
            left = Err(error);
        }
    }
    left
}

async fn take_in(app: &App, delivery: &Delivery) -> Result<()> {
    let payload = app.github.delivery(delivery.attempt).await?;
    match webhook::parse(&payload.event, &payload.body) {
        Ok(envelope) => {
            let (event, body) = (&payload.event, &payload.body);
            let _ = queue::receive(app, &payload.id, event, body, &envelope).await?;
        }
        Err(error) => {
            // It will not become readable, so it is not tried again.
            tracing::warn!(delivery = %payload.id, %error, "a missed delivery is unreadable");
        }
    }
    Ok(())
}
