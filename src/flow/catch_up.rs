//! What was missed while nobody listened: deliveries that never arrived, changes never applied.
//!
//! Runs at the start. A webhook is only a hint, so looking at GitHub makes up for any lost one.

use anyhow::Context as _;
use jiff::SignedDuration;

use crate::{
    app::App,
    domain::{
        event::Envelope,
        inbox,
        job::{Job, Target},
        names::DeliveryId,
        pull_request::PullRequestState,
    },
    github::{self, webhook},
    store::{Delivery, Effects, PullRequestId, Push, Receipt},
};

use super::{Result, id_of, outbox, queue};

/// GitHub keeps deliveries for three days.
const KEPT: SignedDuration = SignedDuration::from_hours(72);

/// Fetches deliveries that never arrived and finishes writes that were begun.
pub async fn catch_up(app: &App) -> Result<()> {
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
                receive(app, &payload.id, (&payload.event, &payload.body), &envelope).await?;
            }
            Err(error) => tracing::warn!(delivery = %payload.id, %error, "a missed delivery is unreadable"),
        }
    }
    outbox::send_unfinished(app).await
}

/// Stores a delivery with everything that it causes, once.
pub async fn receive(
    app: &App,
    id: &DeliveryId,
    (event, body): (&str, &[u8]),
    envelope: &Envelope,
) -> Result<Receipt> {
    let now = app.now();
    let caused = inbox::effects(envelope, id, app.github.app_id());
    let number = caused.jobs.first().map(|job| job.target().number);
    let mut jobs = Vec::new();
    for job in &caused.jobs {
        jobs.push(queue::new_job(job, None, now)?);
    }
    let of_number = |number| Some(PullRequestId { repository: envelope.repository?, number });
    let effects = Effects {
        raise_generation: caused.supersedes.and_then(of_number),
        push: caused.push.and_then(|push| recorded_push(envelope, push, now)),
        jobs,
    };
    let delivery = Delivery {
        id: id.clone(),
        event: event.to_owned(),
        action: None,
        repository: envelope.repository,
        number,
        body: String::from_utf8_lossy(body).into_owned(),
        received_at: now,
    };
    Ok(app.store.receive(&delivery, &effects).await?)
}

fn recorded_push(
    envelope: &Envelope,
    push: crate::domain::event::Push,
    at: jiff::Timestamp,
) -> Option<Push> {
    let zero = || crate::domain::names::Sha::parse("0".repeat(40)).ok();
    Some(Push {
        repository: envelope.repository?,
        git_ref: push.git_ref,
        before: push.before.or_else(zero)?,
        after: push.after.or_else(zero)?,
        user: envelope.sender.id,
        login: envelope.sender.login.clone(),
        at,
    })
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
