//! Approvals and allowances are kept as they were given.

use planwright_core::{digest::Digest, names::UserId};
use planwright_store::{Allowance, Approval, ApprovalKind};

use super::{Database, PR, at, login, on_both, pull_request, sha, stack};

fn review(id: i64) -> Approval {
    Approval {
        kind: ApprovalKind::Review,
        user: UserId(2),
        login: login("bob"),
        review: Some(id),
        head: sha('a'),
        plan_set: Digest::from_text("v1:one"),
        settings_digest: Digest::from_text("sha256:settings"),
        submitted_at: at(20),
    }
}

async fn an_approval_stays_bound_to_what_was_first_seen(database: &Database) {
    let store = database.store().await;
    store.record_approval(PR, &review(1)).await.unwrap();
    let redelivered =
        Approval { head: sha('b'), plan_set: Digest::from_text("v1:two"), ..review(1) };
    store.record_approval(PR, &redelivered).await.unwrap();
    let second = Approval { submitted_at: at(30), ..review(2) };
    store.record_approval(PR, &second).await.unwrap();
    assert_eq!(store.approvals(PR).await.unwrap(), [review(1), second]);
    assert_eq!(store.approvals(pull_request(8)).await.unwrap(), []);
}

async fn a_confirmation_is_one_per_person_digest_and_time(database: &Database) {
    let store = database.store().await;
    let confirm = Approval { kind: ApprovalKind::Confirm, review: None, ..review(0) };
    let others = [
        Approval { user: UserId(3), ..confirm.clone() },
        Approval { plan_set: Digest::from_text("v1:two"), ..confirm.clone() },
        Approval { submitted_at: at(21), ..confirm.clone() },
    ];
    for approval in [&confirm, &confirm].into_iter().chain(&others) {
        store.record_approval(PR, approval).await.unwrap();
    }
    assert_eq!(store.approvals(PR).await.unwrap().len(), 4);
}

async fn an_allowance_names_its_plan_set_and_is_kept_once(database: &Database) {
    let store = database.store().await;
    let allowance = Allowance {
        stack: stack("website/prod"),
        address: r#"aws_s3_bucket.this["a'b"]"#.into(),
        user: UserId(2),
        login: login("bob"),
        head: sha('a'),
        plan_set: Digest::from_text("v1:one"),
        at: at(20),
    };
    let other =
        Allowance { plan_set: Digest::from_text("v1:two"), at: at(30), ..allowance.clone() };
    let again = Allowance { at: at(25), ..allowance.clone() };
    for allowance in [&allowance, &again, &other] {
        store.record_allowance(PR, allowance).await.unwrap();
    }
    assert_eq!(store.allowances(PR).await.unwrap(), [allowance, other]);
}

on_both!(
    an_approval_stays_bound_to_what_was_first_seen,
    a_confirmation_is_one_per_person_digest_and_time,
    an_allowance_names_its_plan_set_and_is_kept_once,
);
