//! The handles of webhook sending: held, lost, doubled, and when to wake up.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize},
    time::Duration,
};

use tokio::sync::Notify;

use crate::api_error::ApiError;

/// How long GitHub waits for an answer.
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

    /// The next `times` deliveries fail without arriving; the deliveries API knows them.
    #[cfg(feature = "testing")]
    pub fn lose_next(&self, times: usize) {
        self.lose.fetch_add(times, std::sync::atomic::Ordering::SeqCst);
    }

    /// The next `times` deliveries arrive twice.
    #[cfg(feature = "testing")]
    pub fn double_next(&self, times: usize) {
        self.double.fetch_add(times, std::sync::atomic::Ordering::SeqCst);
    }
}
