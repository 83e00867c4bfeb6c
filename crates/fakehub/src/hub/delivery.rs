//! Sends webhooks: signed, one after the other in their order, with faults on demand.
//!
//! As on GitHub, nothing is sent again by itself. The deliveries API sends it again on request.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use jiff::Timestamp;
use serde_json::value::RawValue;

use crate::{
    api_error::ApiError, hub::Inner, json::delivery::headers, state::data::DeliveryAnswer,
};

/// What is needed to send one delivery, copied out of the state.
struct Outgoing {
    id: i64,
    url: String,
    headers: Vec<(&'static str, String)>,
    event: String,
    payload: Box<RawValue>,
}

impl Inner {
    /// Sends each waiting delivery, and never returns.
    pub async fn deliver(&self) {
        loop {
            // Set before looking, so that `idle` always sees this flag or the waiting delivery.
            self.webhooks.is_sending.store(true, Ordering::SeqCst);
            let outgoing = self.next_outgoing();
            if let Some(outgoing) = outgoing {
                let answer = self.send(&outgoing).await;
                self.file_answer(outgoing.id, answer);
                continue;
            }
            self.webhooks.is_sending.store(false, Ordering::SeqCst);
            self.webhooks.settled.notify_waiters();
            self.webhooks.wake.notified().await;
        }
    }

    /// Waits until every delivery has been answered, or none can be sent because there is no
    /// address or they are held.
    pub async fn idle(&self) {
        loop {
            let settled = self.webhooks.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            let is_sending = self.webhooks.is_sending.load(Ordering::SeqCst);
            if self.stop.is_cancelled() || (!is_sending && self.next_outgoing().is_none()) {
                return;
            }
            self.webhooks.wake.notify_one();
            settled.await;
        }
    }

    fn next_outgoing(&self) -> Option<Outgoing> {
        if self.webhooks.is_held.load(Ordering::SeqCst) {
            return None;
        }
        let state = self.read();
        let url = state.webhook_url.clone()?;
        let waiting = state.data.deliveries.iter().find(|delivery| delivery.answer.is_none())?;
        let (event, payload) = (waiting.event.clone(), waiting.payload.clone());
        Some(Outgoing { id: waiting.id, url, headers: headers(&state, waiting), event, payload })
    }

    async fn send(&self, outgoing: &Outgoing) -> DeliveryAnswer {
        self.log.record_webhook(&outgoing.event, &outgoing.payload);
        let started = Instant::now();
        let outcome = match took_one(&self.webhooks.lose) {
            true => (502, "failed to connect to host".to_owned(), String::new()),
            false => self.post(outgoing).await,
        };
        if outcome.0 < 300 && took_one(&self.webhooks.double) {
            self.post(outgoing).await;
        }
        let (status_code, status, body) = outcome;
        let delivered_at = Timestamp::now();
        let seconds = (started.elapsed().as_secs_f64() * 100.0).round() / 100.0;
        DeliveryAnswer { delivered_at, seconds, status, status_code, body }
    }

    async fn post(&self, outgoing: &Outgoing) -> (u16, String, String) {
        let body = outgoing.payload.get().to_owned();
        let mut request = self.webhooks.client.post(&outgoing.url).body(body);
        for (name, value) in &outgoing.headers {
            request = request.header(*name, value);
        }
        match request.send().await {
            Ok(response) => {
                let status = response.status();
                let reason = status.canonical_reason().unwrap_or("unknown").to_owned();
                (status.as_u16(), reason, response.text().await.unwrap_or_default())
            }
            Err(error) if error.is_timeout() => (504, "timed out".to_owned(), String::new()),
            Err(_) => (502, "failed to connect to host".to_owned(), String::new()),
        }
    }

    fn file_answer(&self, id: i64, answer: DeliveryAnswer) {
        let filed = self.change(|state| {
            let delivery = state.data.deliveries.iter_mut().find(|delivery| delivery.id == id);
            delivery.ok_or_else(ApiError::not_found)?.answer = Some(answer);
            Ok(())
        });
        if let Err(error) = filed {
            tracing::error!(%error, "the answer to a webhook could not be kept");
        }
    }
}

fn took_one(counter: &AtomicUsize) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}
