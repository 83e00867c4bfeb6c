//! Sending webhooks: signed, in order, one after the other, with faults on demand.
//!
//! As on GitHub nothing is sent again by itself; the deliveries API does that when it is asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use jiff::Timestamp;
use serde_json::value::RawValue;

use crate::api_error::Refusal;
use crate::hub::Inner;
use crate::json::delivery::headers;
use crate::state::data::DeliveryAnswer;

/// All that is needed to send one delivery, copied out of the world.
struct Letter {
    id: i64,
    url: String,
    headers: Vec<(&'static str, String)>,
    event: String,
    payload: Box<RawValue>,
}

impl Inner {
    /// Sends what waits, for ever.
    pub async fn deliver(&self) {
        loop {
            // Claimed before looking, so that `idle` never sees a gap between the two.
            self.webhooks.is_sending.store(true, Ordering::SeqCst);
            let letter = self.next_letter();
            if let Some(letter) = letter {
                let answer = self.send(&letter).await;
                self.file_answer(letter.id, answer);
                continue;
            }
            self.webhooks.is_sending.store(false, Ordering::SeqCst);
            self.webhooks.settled.notify_waiters();
            self.webhooks.wake.notified().await;
        }
    }

    /// Waits until every webhook has been answered, or cannot be sent: none configured, or held.
    pub async fn idle(&self) {
        loop {
            let settled = self.webhooks.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            let is_sending = self.webhooks.is_sending.load(Ordering::SeqCst);
            if self.stop.is_cancelled() || (!is_sending && self.next_letter().is_none()) {
                return;
            }
            self.webhooks.wake.notify_one();
            settled.await;
        }
    }

    fn next_letter(&self) -> Option<Letter> {
        if self.webhooks.is_held.load(Ordering::SeqCst) {
            return None;
        }
        let world = self.read();
        let url = world.webhook_url.clone()?;
        let waiting = world.state.deliveries.iter().find(|delivery| delivery.answer.is_none())?;
        let (event, payload) = (waiting.event.clone(), waiting.payload.clone());
        Some(Letter { id: waiting.id, url, headers: headers(&world, waiting), event, payload })
    }

    async fn send(&self, letter: &Letter) -> DeliveryAnswer {
        self.log.record_webhook(&letter.event, &letter.payload);
        let started = Instant::now();
        let outcome = match took_one(&self.webhooks.lose) {
            true => (502, "failed to connect to host".to_owned(), String::new()),
            false => self.post(letter).await,
        };
        if outcome.0 < 300 && took_one(&self.webhooks.double) {
            self.post(letter).await;
        }
        let (status_code, status, body) = outcome;
        let delivered_at = Timestamp::now();
        let seconds = (started.elapsed().as_secs_f64() * 100.0).round() / 100.0;
        DeliveryAnswer { delivered_at, seconds, status, status_code, body }
    }

    async fn post(&self, letter: &Letter) -> (u16, String, String) {
        let body = letter.payload.get().to_owned();
        let mut request = self.webhooks.client.post(&letter.url).body(body);
        for (name, value) in &letter.headers {
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
        let filed = self.change(|world| {
            let delivery = world.state.deliveries.iter_mut().find(|delivery| delivery.id == id);
            delivery.ok_or_else(Refusal::not_found)?.answer = Some(answer);
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
