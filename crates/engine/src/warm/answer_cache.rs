//! A cache of a provider's answers to pure calls: its schema, and whether a configuration is valid.
//!
//! The key is the provider's content, its environment, and the bytes of the request. Nothing that a
//! provider read from a remote API is cached.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use hyper::body::Bytes;

use planwright_core::digest::Digest;

use super::keyed_mutex::KeyedMutex;

/// The most bytes of all answers together; the oldest are dropped first.
const MOST: usize = 32 << 20;

#[derive(Default)]
pub(super) struct AnswerCache {
    kept: Mutex<Answers>,
}

#[derive(Default)]
struct Answers {
    answers: HashMap<Digest, Bytes>,
    order: VecDeque<Digest>,
    size: usize,
    /// Locked by whoever makes a call that is not cached yet.
    mutexes: KeyedMutex,
}

/// Returns the key of a call: a digest of everything that its answer depends on.
pub(super) fn question(parts: &[&[u8]]) -> Digest {
    Digest::of_parts("question-v1", parts.iter().copied())
}

impl AnswerCache {
    pub(super) fn get(&self, question: &Digest) -> Option<Bytes> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).answers.get(question).cloned()
    }

    /// Returns the mutex to lock while making a call, so that it is made only once.
    pub(super) fn mutex(&self, question: &Digest) -> Arc<tokio::sync::Mutex<()>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.mutexes.lock_for(question)
    }

    /// Drops these answers, because one of them may be wrong.
    pub(super) fn forget<'q>(&self, questions: impl IntoIterator<Item = &'q Digest>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        for question in questions {
            if let Some(answer) = kept.answers.remove(question) {
                kept.size -= answer.len();
                kept.order.retain(|other| other != question);
            }
        }
    }

    pub(super) fn insert(&self, question: Digest, answer: Bytes) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.size += answer.len();
        if let Some(old) = kept.answers.insert(question.clone(), answer) {
            kept.size -= old.len();
        } else {
            kept.order.push_back(question);
        }
        while kept.size > MOST
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.size -= kept.answers.remove(&oldest).map_or(0, |answer| answer.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_answers_make_room() {
        let cache = AnswerCache::default();
        let ask = |i: u8| question(&[&[i]]);
        for i in 0..3 {
            cache.insert(ask(i), vec![i; MOST / 2 - 1].into());
        }
        assert_eq!(cache.get(&ask(0)), None);
        assert_eq!(cache.get(&ask(2)).unwrap()[0], 2);
        cache.insert(ask(2), Bytes::from_static(b"new"));
        assert_eq!(cache.get(&ask(2)).unwrap(), "new");
        assert!(cache.get(&ask(1)).is_some());
        cache.forget([&ask(1), &ask(7)]);
        assert_eq!(cache.get(&ask(1)), None);
        assert!(cache.get(&ask(2)).is_some());
    }
}
