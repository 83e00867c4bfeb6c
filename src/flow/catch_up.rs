//! What was missed while nobody listened: deliveries that never arrived, writes that were begun.
//!
//! GitHub keeps deliveries for three days and sends none again by itself. What it has forgotten, a
//! person makes up for with `/infra plan` or `/infra apply`.

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};

use planwright_github::{Delivery, webhook};

use super::{Result, outbox};
use crate::{app::App, queue};

/// GitHub keeps deliveries for three days.
const KEPT: SignedDuration = SignedDuration::from_hours(72);

/// Some may have come while an earlier one was already lost.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);

/// From when on deliveries may have been missed.
#[derive(Clone, Copy, Debug)]
pub struct SyncCursor(Timestamp);

impl SyncCursor {
    /// Returns up to when this database has heard of everything. To be asked before anything is received: the first
    /// delivery that comes would hide all that were missed before it.
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

/// Fetches deliveries that never arrived and finishes writes that were begun. The cursor moves on
/// only when nothing has to be looked at again.
pub async fn catch_up(app: &App, cursor: &mut SyncCursor) -> Result<()> {
    let now = app.now();
    let fetched = fetch_missed(app, *cursor).await;
    outbox::send_unfinished(app).await?;
    fetched?;
    *cursor = SyncCursor(now);
    Ok(())
}

/// Takes in deliveries that never arrived; one that cannot be had keeps nothing from the others.
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
            // It stays so, however often it is looked at.
            tracing::warn!(delivery = %payload.id, %error, "a missed delivery is unreadable");
        }
    }
    Ok(())
}
