//! The calls to GitHub since the start, and what is left of its limits, for metrics.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use http::Method;

use crate::{call::CallFacts, rate_limit::LimitLeft};

/// The number of calls of one family that had the same status.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallCount {
    pub resource: &'static str,
    /// The method and the path template, or the name of a GraphQL document.
    pub family: String,
    /// `None` if there was no answer.
    pub status: Option<u16>,
    pub calls: u64,
}

/// The calls since the start, and the limits as GitHub last reported them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub calls: Vec<CallCount>,
    pub limits: Vec<LimitLeft>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct CallKey {
    resource: &'static str,
    family: String,
    status: Option<u16>,
}

/// The counts of all exchanges of this process.
#[derive(Debug, Default)]
pub(crate) struct CallCounts(Mutex<BTreeMap<CallKey, u64>>);

impl CallCounts {
    pub fn count(&self, method: &Method, facts: &CallFacts, status: Option<u16>) {
        let key = CallKey { resource: facts.resource.name(), family: facts.family(method), status };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(key).or_default() += 1;
    }

    pub fn calls(&self) -> Vec<CallCount> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |key: &CallKey, calls: &u64| CallCount {
            resource: key.resource,
            family: key.family.clone(),
            status: key.status,
            calls: *calls,
        };
        counts.iter().map(|(key, calls)| count(key, calls)).collect()
    }
}

/// Returns for each resource the limit that has the least left.
pub(crate) fn least(limits: impl Iterator<Item = LimitLeft>) -> Vec<LimitLeft> {
    let mut least: BTreeMap<&'static str, LimitLeft> = BTreeMap::new();
    for left in limits {
        let kept = least.entry(left.resource).or_insert_with(|| left.clone());
        if left.remaining < kept.remaining {
            *kept = left;
        }
    }
    least.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_installation_with_the_least_left_is_told_of() {
        let left = |resource, remaining| LimitLeft { resource, limit: 5_000, remaining };
        let all = [left("core", 40), left("graphql", 9), left("core", 3), left("core", 7)];
        assert_eq!(least(all.into_iter()), [left("core", 3), left("graphql", 9)]);
    }
}
