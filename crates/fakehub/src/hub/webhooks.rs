//! The controls of webhook delivery: holding, losing and doubling deliveries, waking the sender.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize},
    time::Duration,
};

use tokio::sync::Notify;

use crate::api_error::ApiError;

/// How long GitHub waits for the answer to a webhook.
const TIMEOUT: Duration = Duration::from_secs(10);

pub struct Webhooks {
    pub(super) client: reqwest::Client,
    pub(super) is_held: AtomicBool,
    pub(super) lose: AtomicUsize,
    pub(super) double: AtomicUsize,
    pub(super) is_sending: AtomicBool,
    pub wake: Notify,
    pub(super) settled: Notify,
}

impl Webhooks {
    pub fn new() -> Result<Self, ApiError> {
        let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build();
        let client = client.map_err(|error| {
            ApiError::new(500, format!("fakehub could not set up its webhook client: {error}"))
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
        self.is_held.store(is_held, std::sync::atomic::Ordering::SeqCst);
        self.wake.notify_one();
        self.settled.notify_waiters();
    }

    /// Makes the next `times` deliveries fail without sending them. The deliveries API lists them.
    #[cfg(feature = "testing")]
    pub fn lose_next(&self, times: usize) {
        self.lose.fetch_add(times, std::sync::atomic::Ordering::SeqCst);
    }

    /// Sends the next `times` successful deliveries twice.
    #[cfg(feature = "testing")]
    pub fn double_next(&self, times: usize) {
        self.double.fetch_add(times, std::sync::atomic::Ordering::SeqCst);
    }
}
