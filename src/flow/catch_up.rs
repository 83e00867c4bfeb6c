//! What was missed while nobody listened: deliveries that never arrived, changes never applied.
//!
//! Runs at the start. A webhook is only a hint, so looking at GitHub makes up for any lost one.

use anyhow::Context as _;
use jiff::SignedDuration;

use crate::{
    app::App,
    domain::{
        job::{Job, Target},
        names::DeliveryId,
        pull_request::PullRequestState,
    },
    github::{self, webhook},
    queue,
};

use super::{Result, id_of, outbox};

/// GitHub keeps deliveries for three days.
const KEPT: SignedDuration = SignedDuration::from_hours(72);

/// Fetches deliveries that never arrived and finishes writes that were begun, at the start.
pub async fn catch_up(app: &App) -> Result<()> {
    fetch_missed(app).await?;
    outbox::send_unfinished(app).await
}

/// Fetches deliveries that never arrived.
pub async fn fetch_missed(app: &App) -> Result<()> {
    let oldest = app.now().checked_sub(KEPT).context("the clock is before all webhooks")?;
    let since = app.store.last_delivery_at().await?.map_or(oldest, |last| last.max(oldest));
    // Some may have come while an earlier one was already lost.
    let since = since.checked_sub(SignedDuration::from_mins(10)).unwrap_or(oldest);
    let missed = app.github.missed_deliveries(since).await?;
    let ids: Vec<DeliveryId> = missed.iter().map(|delivery| delivery.id.clone()).collect();
    let unknown = app.store.missing_deliveries(&ids).await?;
    for delivery in missed.iter().filter(|delivery| unknown.contains(&delivery.id)) {
        let payload = app.github.delivery(delivery.attempt).await?;
        match webhook::parse(&payload.event, &payload.body) {
            Ok(envelope) => {
                let _ =
                    queue::receive(app, &payload.id, (&payload.event, &payload.body), &envelope)
                        .await?;
            }
            Err(error) => {
                tracing::warn!(delivery = %payload.id, %error, "a missed delivery is unreadable");
            }
        }
    }
    Ok(())
}

/// Does what a missed webhook of a pull request would have done.
pub async fn reconcile(app: &App, target: &Target) -> Result<Vec<Job>> {
    let pull = match app.github.pull_request(&target.repository, target.number).await {
        Ok(pull) => pull,
        Err(github::Error::NotFound { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let shown = app.store.latest_plan_set(id_of(target)).await?;
    let target = target.clone();
    let is_shown = shown.is_some_and(|shown| shown.plan_set.head == pull.head);
    Ok(match pull.state {
        PullRequestState::Merged => vec![Job::Apply { target, asked: None, digest: None }],
        PullRequestState::Closed => vec![Job::Release { target }],
        PullRequestState::Open if is_shown => vec![Job::Verdict { target, review: None }],
        PullRequestState::Open => vec![Job::Plan { target, asked: None, stacks: Vec::new() }],
    })
}
