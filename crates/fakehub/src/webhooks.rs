//! Sending webhooks: signed, in order, one after the other, with faults on demand.
//!
//! As on GitHub nothing is sent again by itself; the deliveries API does that when it is asked.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hmac::{Hmac, Mac};
use jiff::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::sync::Notify;

use super::Inner;
use super::refusal::Refusal;
use super::state::{Delivery, DeliveryAnswer};
use super::world::World;

/// How long GitHub waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Webhooks {
    client: reqwest::Client,
    is_held: AtomicBool,
    lose: AtomicUsize,
    double: AtomicUsize,
    is_sending: AtomicBool,
    pub wake: Notify,
    settled: Notify,
}

/// All that is needed to send one delivery, copied out of the world.
struct Letter {
    id: i64,
    url: String,
    headers: Vec<(&'static str, String)>,
    event: String,
    payload: Box<RawValue>,
}

impl Webhooks {
    pub fn new() -> Result<Self, Refusal> {
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build();
        let client = client.map_err(|error| {
            Refusal::new(500, format!("fakehub could not set up its webhook client: {error}"))
        })?;
        Ok(Self {
            client,
            is_held: AtomicBool::default(),
            lose: AtomicUsize::default(),
            double: AtomicUsize::default(),
            is_sending: AtomicBool::default(),
            wake: Notify::new(),
            settled: Notify::new(),
        })
    }

    #[cfg(feature = "testing")]
    pub fn hold(&self, is_held: bool) {
        self.is_held.store(is_held, Ordering::SeqCst);
        self.wake.notify_one();
        self.settled.notify_waiters();
    }

    /// The next `times` deliveries fail without arriving; the deliveries API knows them.
    #[cfg(feature = "testing")]
    pub fn lose_next(&self, times: usize) {
        self.lose.fetch_add(times, Ordering::SeqCst);
    }

    /// The next `times` deliveries arrive twice.
    #[cfg(feature = "testing")]
    pub fn double_next(&self, times: usize) {
        self.double.fetch_add(times, Ordering::SeqCst);
    }
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

/// `sha256=` and the HMAC of the body under the webhook secret.
pub fn signature(secret: &str, body: &[u8]) -> String {
    // An HMAC key can have any length, so this cannot fail; an empty signature fits nothing.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// The headers that a delivery is sent with.
fn headers(world: &World, delivery: &Delivery) -> Vec<(&'static str, String)> {
    let app = &world.state.app;
    vec![
        ("Accept", "*/*".to_owned()),
        ("Content-Type", "application/json".to_owned()),
        ("User-Agent", "GitHub-Hookshot/fakehub".to_owned()),
        ("X-GitHub-Delivery", delivery.guid.clone()),
        ("X-GitHub-Event", delivery.event.clone()),
        ("X-GitHub-Hook-ID", app.id.to_string()),
        ("X-GitHub-Hook-Installation-Target-ID", app.id.to_string()),
        ("X-GitHub-Hook-Installation-Target-Type", "integration".to_owned()),
        ("X-Hub-Signature-256", signature(&app.webhook_secret, delivery.payload.get().as_bytes())),
    ]
}

/// What the deliveries API shows of one delivery: its request and the answer to it.
pub fn request_and_response_json(world: &World, delivery: &Delivery) -> Result<Value, Refusal> {
    let headers: serde_json::Map<String, Value> = headers(world, delivery)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    let payload: Value = serde_json::from_str(delivery.payload.get())?;
    let body = delivery.answer.as_ref().map(|answer| answer.body.clone());
    Ok(json!({
        "request": { "headers": headers, "payload": payload },
        "response": { "headers": {}, "payload": body },
    }))
}

fn took_one(counter: &AtomicUsize) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_in_githubs_documentation() {
        assert_eq!(
            signature("It's a Secret to Everybody", b"Hello, World!"),
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }
}
