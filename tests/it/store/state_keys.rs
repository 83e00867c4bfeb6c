//! Which stack each state belongs to.

use std::collections::BTreeMap;

use planwright_core::names::{RepositoryId, StackId};

use super::{Database, at, on_both};

const REPOSITORY: RepositoryId = RepositoryId(7);

fn owners(all: &[(&str, &str)]) -> BTreeMap<String, StackId> {
    all.iter().map(|(key, stack)| ((*key).to_owned(), StackId::parse(stack).unwrap())).collect()
}

async fn a_state_stays_with_its_first_stack(database: &Database) {
    let store = database.store().await;
    let record = async |all, time| {
        store.record_state_owners(REPOSITORY, &owners(all), at(time)).await.unwrap();
    };
    record(&[("logs", "logs"), ("web/prod", "web/prod")], 1).await;
    record(&[("logs", "other"), ("new", "new")], 2).await;
    let all = store.state_owners(REPOSITORY).await.unwrap();
    assert_eq!(all, owners(&[("logs", "logs"), ("new", "new"), ("web/prod", "web/prod")]));
    assert!(store.state_owners(RepositoryId(8)).await.unwrap().is_empty());
    let stack = |name: &str| StackId::parse(name).unwrap();
    for (key, by, has) in
        [("logs", "other", "logs"), ("free", "other", "other"), ("free", "new", "other")]
    {
        let owner = store.claim_state(REPOSITORY, key, &stack(by), at(3)).await.unwrap();
        assert_eq!(owner, stack(has), "{key}");
    }
}

on_both!(a_state_stays_with_its_first_stack);
