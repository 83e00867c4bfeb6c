//! One at a time for each key: whoever makes something that the others wait for.

use std::{collections::HashMap, sync::Arc};

use planwright_core::digest::Digest;

type Turn = Arc<tokio::sync::Mutex<()>>;

#[derive(Default)]
pub(super) struct Turns(HashMap<Digest, Turn>);

impl Turns {
    /// What has to be held to make what this key stands for.
    pub fn of(&mut self, key: &Digest) -> Turn {
        self.forget();
        Arc::clone(self.0.entry(key.clone()).or_default())
    }

    /// Forgets the keys that nobody waits for.
    pub fn forget(&mut self) {
        self.0.retain(|_, turn| Arc::strong_count(turn) > 1);
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
