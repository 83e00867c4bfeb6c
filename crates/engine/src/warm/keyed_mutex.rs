//! One at a time for each key: whoever makes something that the others wait for.

use std::{collections::HashMap, sync::Arc};

use planwright_core::digest::Digest;

type KeyMutex = Arc<tokio::sync::Mutex<()>>;

#[derive(Default)]
pub(super) struct KeyedMutex(HashMap<Digest, KeyMutex>);

impl KeyedMutex {
    /// Returns what has to be held to make what this key stands for.
    pub(super) fn lock_for(&mut self, key: &Digest) -> KeyMutex {
        self.forget();
        Arc::clone(self.0.entry(key.clone()).or_default())
    }

    /// Forgets the keys that nobody waits for.
    pub(super) fn forget(&mut self) {
        self.0.retain(|_, mutex| Arc::strong_count(mutex) > 1);
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
