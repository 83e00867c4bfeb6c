//! The label for requests in a repository, if it is known.

use super::{Database, PR, at, on_both};

async fn a_label_is_known_until_it_is_old_or_the_settings_change(database: &Database) {
    let store = database.store().await;
    let known = async |since| store.issue_label(PR.repository, at(since)).await.unwrap();
    let record = async |label, second| {
        store.record_issue_label(PR.repository, label, at(second)).await.unwrap();
    };
    assert_eq!(known(0).await, None);
    record(Some("infra"), 10).await;
    assert_eq!((known(10).await.as_deref(), known(11).await), (Some("infra"), None));
    record(None, 20).await;
    assert_eq!(known(0).await, None);
    record(Some("infra"), 15).await;
    assert_eq!(known(0).await, None, "read before the settings changed");
    record(Some("wish"), 21).await;
    assert_eq!(known(0).await.as_deref(), Some("wish"));
}

on_both!(a_label_is_known_until_it_is_old_or_the_settings_change);
