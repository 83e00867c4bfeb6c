//! One mutex per key, so that only one task makes a value while the others wait for it.

use std::{collections::HashMap, sync::Arc};

use planwright_core::digest::Digest;

type KeyMutex = Arc<tokio::sync::Mutex<()>>;

#[derive(Default)]
pub(super) struct KeyedMutex(HashMap<Digest, KeyMutex>);

impl KeyedMutex {
    /// Returns the mutex to lock while making the value of this key.
    pub(super) fn lock_for(&mut self, key: &Digest) -> KeyMutex {
        self.forget();
        Arc::clone(self.0.entry(key.clone()).or_default())
    }

    /// Drops the mutexes that no task holds or waits for.
    pub(super) fn forget(&mut self) {
        self.0.retain(|_, mutex| Arc::strong_count(mutex) > 1);
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
