//! The record of the code that may run.

use std::collections::BTreeMap;

use planwright_core::{
    digest::Digest,
    names::{PrNumber, RepositoryId, UserId},
};
use planwright_store::{CodeApproval, CodeBasis, Lift, PullRequestId};

use super::{Database, at, login, on_both, sha};

const REPOSITORY: RepositoryId = RepositoryId(7);
const OTHER: RepositoryId = RepositoryId(8);

fn digest(text: &str) -> Digest {
    Digest::sha256(text.as_bytes())
}

async fn what_was_first_seen_is_recorded_once(database: &Database) {
    let store = database.store().await;
    assert!(!store.was_first_seen(REPOSITORY).await.unwrap());
    store.record_first_seen(REPOSITORY, &sha('a'), [digest("one")], at(1)).await.unwrap();
    store.record_first_seen(REPOSITORY, &sha('b'), [digest("two")], at(2)).await.unwrap();
    assert!(store.was_first_seen(REPOSITORY).await.unwrap());
    let code = store.approved_code(REPOSITORY).await.unwrap();
    assert!(code.may_apply(&digest("one")) && code.may_plan(&digest("one")));
    assert!(!code.may_plan(&digest("two")), "later code is not first seen");
    assert!(!store.approved_code(OTHER).await.unwrap().may_plan(&digest("one")));
    store.record_first_seen(OTHER, &sha('a'), [], at(3)).await.unwrap();
    assert!(store.was_first_seen(OTHER).await.unwrap(), "without any code, too");
}

async fn what_is_lifted_may_be_planned_and_what_is_approved_applied(database: &Database) {
    let store = database.store().await;
    let lifted = CodeApproval {
        digest: digest("one"),
        basis: CodeBasis::Lifted,
        number: Some(PrNumber(3)),
        by: Some((UserId(2), login("bob"))),
        at: at(1),
    };
    for _ in 0..2 {
        store.approve_code(REPOSITORY, &lifted).await.unwrap();
    }
    let code = store.approved_code(REPOSITORY).await.unwrap();
    assert!(code.may_plan(&digest("one")) && !code.may_apply(&digest("one")));
    let approved = CodeApproval { basis: CodeBasis::Approved, by: None, ..lifted };
    store.approve_code(REPOSITORY, &approved).await.unwrap();
    assert!(store.approved_code(REPOSITORY).await.unwrap().may_apply(&digest("one")));
}

async fn authors_are_kept_by_content(database: &Database) {
    let store = database.store().await;
    let people: BTreeMap<_, _> = [(UserId(1), login("alice")), (UserId(2), login("bob"))].into();
    for _ in 0..2 {
        store.record_code_authors(REPOSITORY, &digest("one"), &people).await.unwrap();
    }
    assert_eq!(store.code_authors(REPOSITORY, &digest("one")).await.unwrap(), people);
    assert!(store.code_authors(REPOSITORY, &digest("two")).await.unwrap().is_empty());
    assert!(store.code_authors(OTHER, &digest("one")).await.unwrap().is_empty());
}

async fn who_lifted_is_known_by_head_and_by_code(database: &Database) {
    let store = database.store().await;
    let id = PullRequestId { repository: REPOSITORY, number: PrNumber(3) };
    let lift = Lift { head: sha('a'), user: UserId(2), login: login("bob"), at: at(1) };
    for at_second in [1, 2] {
        store.record_lift(id, &Lift { at: at(at_second), ..lift.clone() }).await.unwrap();
    }
    let bob: BTreeMap<_, _> = [(UserId(2), login("bob"))].into();
    assert_eq!(store.lifters(id, &sha('a')).await.unwrap(), bob);
    assert!(store.lifters(id, &sha('b')).await.unwrap().is_empty());
    let other = PullRequestId { number: PrNumber(4), ..id };
    assert!(store.lifters(other, &sha('a')).await.unwrap().is_empty());

    let lifted = CodeApproval {
        digest: digest("one"),
        basis: CodeBasis::Lifted,
        number: Some(PrNumber(3)),
        by: Some((UserId(2), login("bob"))),
        at: at(1),
    };
    store.approve_code(REPOSITORY, &lifted).await.unwrap();
    let approved = CodeApproval { basis: CodeBasis::Approved, by: None, ..lifted };
    store.approve_code(REPOSITORY, &approved).await.unwrap();
    assert_eq!(store.code_lifters(REPOSITORY, &digest("one")).await.unwrap(), bob);
    assert!(store.code_lifters(REPOSITORY, &digest("two")).await.unwrap().is_empty());
    assert!(store.code_lifters(OTHER, &digest("one")).await.unwrap().is_empty());
}

on_both!(
    who_lifted_is_known_by_head_and_by_code,
    what_was_first_seen_is_recorded_once,
    what_is_lifted_may_be_planned_and_what_is_approved_applied,
    authors_are_kept_by_content,
);
