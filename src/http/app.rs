//! The bot's [`Inbox`]: stores a delivery in the database with everything that it causes.

use std::sync::Arc;

use anyhow::Context as _;

use planwright_store as store;

use super::{Inbox, Incoming, Receipt};
use crate::{app::App, queue};

/// The bot as an inbox.
pub struct AppInbox(pub Arc<App>);

impl Inbox for AppInbox {
    async fn receive(&self, incoming: Incoming) -> anyhow::Result<Receipt> {
        let Incoming { delivery, event, envelope, body } = incoming;
        let received = queue::receive(&self.0, &delivery, &event, &body, &envelope).await;
        let outcome = match &received {
            Ok(store::Receipt::Received) => "stored",
            Ok(store::Receipt::Duplicate) => "duplicate",
            Err(_) => "failed",
        };
        self.0.metrics.delivery(&event, outcome);
        Ok(match received? {
            store::Receipt::Received => Receipt::Stored,
            store::Receipt::Duplicate => Receipt::Duplicate,
        })
    }

    async fn readiness(&self) -> anyhow::Result<()> {
        self.0.store.ping().await.context("the database does not answer")
    }
}
