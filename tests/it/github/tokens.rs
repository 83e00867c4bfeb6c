//! Authentication: the App's JWT, and tokens that allow one task on one repository.

use secrecy::ExposeSecret as _;
use serde_json::json;

use planwright_core::{
    names::{CommentId, PrNumber, RepositoryId},
    repository::Repository,
};
use planwright_github::{Error, Reaction};

use super::stub::{Answer, Stub, claims, minted, ok, repository, status, token};

#[tokio::test]
async fn a_token_is_for_one_repository_and_the_least_permissions() {
    let stub = Stub::answering(|| ok(json!({}))).await;
    stub.github.react(&repository(), CommentId(5), Reaction::Eyes).await.unwrap();
    let mint = &stub.mints()[0];
    assert_eq!(mint.path, "/api/v3/app/installations/9/access_tokens");
    let permissions = json!({ "issues": "write", "metadata": "read", "pull_requests": "write" });
    assert_eq!(mint.body, json!({ "repository_ids": [7], "permissions": permissions }));
    assert_eq!(stub.seen()[0].bearer(), token(1));
}

#[tokio::test]
async fn the_claim_is_signed_and_lives_nine_minutes_from_a_minute_ago() {
    let stub = Stub::answering(|| ok(json!({}))).await;
    stub.github.git_token(&repository()).await.unwrap();
    let claims = claims(stub.mints()[0].bearer());
    let (iat, exp) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    assert_eq!(claims["iss"], "42");
    assert_eq!(exp - iat, 600);
    let age = jiff::Timestamp::now().as_second() - iat;
    assert!((59..65).contains(&age), "{age}");
}

#[tokio::test]
async fn a_token_is_minted_once_however_many_need_it() {
    let stub = Stub::answering(|| ok(json!([]))).await;
    let (github, here) = (&stub.github, repository());
    let asks = (0..8).map(|_| github.find_comment(&here, PrNumber(1), "m"));
    assert!(futures::future::join_all(asks).await.into_iter().all(|found| found.is_ok()));
    assert_eq!(stub.mints().len(), 1);

    let other = Repository { id: RepositoryId(8), ..repository() };
    github.find_comment(&other, PrNumber(1), "m").await.unwrap();
    assert_eq!(stub.mints().len(), 2, "another repository, another token");
    github.git_token(&here).await.unwrap();
    assert_eq!(stub.mints().len(), 3, "another task, another token");
}

#[tokio::test]
async fn a_token_about_to_end_is_minted_anew() {
    let stub = Stub::minting(|n| minted(n, 599), |_, _| Some(ok(json!([])))).await;
    for _ in 0..2 {
        stub.github.git_token(&repository()).await.unwrap();
    }
    assert_eq!(stub.mints().len(), 2);
}

#[tokio::test]
async fn a_token_that_was_revoked_is_replaced_once() {
    let stub = Stub::start(|_, seen| {
        let is_revoked = seen.bearer() == token(1);
        Some(if is_revoked { status(401, "Bad credentials") } else { ok(json!({})) })
    })
    .await;
    stub.github.react(&repository(), CommentId(5), Reaction::Eyes).await.unwrap();
    assert_eq!(stub.seen().len(), 2);

    let stub = Stub::answering(|| status(401, "Bad credentials")).await;
    let refused = stub.github.react(&repository(), CommentId(5), Reaction::Eyes).await;
    assert!(matches!(refused, Err(Error::Refused { status: 401, .. })), "{refused:?}");
    assert_eq!(stub.seen().len(), 2, "not for ever");
}

#[tokio::test]
async fn a_token_is_in_no_debug_output_and_no_error() {
    let stub = Stub::answering(|| status(403, "Resource not accessible by integration")).await;
    let secret = stub.github.git_token(&repository()).await.unwrap();
    assert_eq!(secret.expose_secret(), token(1));
    let error = stub.github.react(&repository(), CommentId(5), Reaction::Eyes).await.unwrap_err();
    for text in [format!("{secret:?}"), format!("{error} {error:?}")] {
        assert!(!text.contains("ghs_"), "{text}");
    }

    // A message about the wrong type would quote the value.
    let odd = |_| Answer(201, Vec::new(), json!("ghs_odd"));
    let stub = Stub::minting(odd, |_, _| None).await;
    let error = stub.github.git_token(&repository()).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("ghs_odd"), "{error:?}");
}

#[tokio::test]
async fn an_uninstalled_app_gets_no_token() {
    let stub = Stub::minting(|_| status(404, "Not Found"), |_, _| Some(ok(json!({})))).await;
    let outcome = stub.github.git_token(&repository()).await;
    assert!(matches!(outcome, Err(Error::NotFound { .. })), "{outcome:?}");
}
