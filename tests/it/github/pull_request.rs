//! The snapshot of a pull request is complete, or it is an error.

use serde_json::{Value, json};

use planwright_core::{
    actor::{Actor, ActorKind},
    names::{PrNumber, RepositoryId, UserId},
    pull_request::{PullRequest, PullRequestState, ReviewState},
};
use planwright_github::Error;

use super::stub::{Answer, Stub, ok, repository};

fn oid(digit: char) -> String {
    digit.to_string().repeat(40)
}

fn user(id: i64, login: &str) -> Value {
    json!({ "__typename": "User", "login": login, "databaseId": id })
}

fn commit(digit: char) -> Value {
    json!({ "commit": {
        "oid": oid(digit),
        "parents": { "nodes": [{ "oid": oid('a') }] },
        "authors": { "totalCount": 2, "nodes": [
            { "user": { "databaseId": 1, "login": "alice" } },
            { "user": null },
        ]},
        "committer": { "user": { "databaseId": 2, "login": "web-flow" } },
    }})
}

fn review(id: i64, author: Value, state: &str) -> Value {
    json!({
        "fullDatabaseId": id.to_string(),
        "state": state,
        "submittedAt": "2026-11-20T10:00:00Z",
        "createdViaEmail": false,
        "authorCanPushToRepository": true,
        "commit": { "oid": oid('c') },
        "author": author,
    })
}

fn connection(nodes: Vec<Value>, next: Option<&str>) -> Value {
    json!({
        "totalCount": nodes.len(),
        "pageInfo": { "hasNextPage": next.is_some(), "endCursor": next },
        "nodes": nodes,
    })
}

/// An open pull request of alice with one commit, approved by bob.
fn answer() -> Value {
    json!({ "data": { "repository": {
        "databaseId": 7,
        "nameWithOwner": "acme/infra",
        "isArchived": false,
        "defaultBranchRef": { "name": "main" },
        "pullRequest": {
            "id": "PR_3",
            "number": 3,
            "title": "A bucket",
            "state": "OPEN",
            "isDraft": false,
            "createdAt": "2026-11-20T09:00:00Z",
            "mergedAt": null,
            "headRefOid": oid('c'),
            "headRefName": "topic",
            "headRepository": { "databaseId": 7 },
            "baseRefOid": oid('a'),
            "baseRefName": "main",
            "baseRef": { "target": { "oid": oid('b') } },
            "mergeCommit": null,
            "mergedBy": null,
            "author": user(1, "alice"),
            "timelineItems": { "nodes": [] },
            "commits": connection(vec![commit('c')], None),
            "latestOpinionatedReviews": connection(vec![review(5, user(3, "bob"), "APPROVED")], None),
        },
    }}})
}

/// The answer with the value at `pointer` below the pull request replaced.
fn with(pointer: &str, value: Value) -> Value {
    let mut answer = answer();
    let place = format!("/data/repository/pullRequest{pointer}");
    *answer.pointer_mut(&place).unwrap_or_else(|| panic!("nothing at {place}")) = value;
    answer
}

async fn snapshot(answer: Value) -> Result<PullRequest, Error> {
    let stub = Stub::start(move |_, _| Some(ok(answer.clone()))).await;
    stub.github.pull_request(&repository(), PrNumber(3)).await
}

#[tokio::test]
async fn one_query_makes_the_whole_snapshot() {
    let stub = Stub::answering(|| ok(answer())).await;
    let pull_request = stub.github.pull_request(&repository(), PrNumber(3)).await.unwrap();

    assert_eq!(stub.seen().len(), 1);
    let seen = &stub.seen()[0];
    assert_eq!(seen.path, "/api/graphql");
    let variables = json!({ "owner": "acme", "name": "infra", "number": 3,
        "commitsAfter": null, "reviewsAfter": null });
    assert_eq!(seen.body["variables"], variables);
    assert_eq!(pull_request.state, PullRequestState::Open);
    assert_eq!(pull_request.head.as_str(), oid('c'));
    assert_eq!(pull_request.base.as_str(), oid('b'), "the tip of the base now");
    assert!(!pull_request.is_from_fork());
    let commit = &pull_request.commits[0];
    assert_eq!(commit.users.keys().copied().collect::<Vec<_>>(), [UserId(1)]);
    assert_eq!((commit.unknown, commit.parents[0].as_str()), (1, oid('a').as_str()));
    let review = &pull_request.reviews[0];
    assert_eq!((review.id.0, review.state, review.may_write), (5, ReviewState::Approved, true));
}

#[tokio::test]
async fn an_approval_on_page_two_counts() {
    let stub = Stub::start(|n, seen| {
        let page = |first: bool| {
            let reviews = match first {
                true => vec![review(1, user(3, "bob"), "CHANGES_REQUESTED")],
                false => vec![review(2, user(4, "carol"), "APPROVED")],
            };
            let mut answer =
                with("/latestOpinionatedReviews", connection(reviews, first.then_some("r1")));
            if !first {
                // A list that has ended is asked for what follows its end.
                let mut rest = connection(Vec::new(), None);
                rest["totalCount"] = json!(1);
                answer["data"]["repository"]["pullRequest"]["commits"] = rest;
            }
            answer
        };
        assert_eq!(seen.body["variables"]["reviewsAfter"].is_null(), n == 1);
        Some(ok(page(n == 1)))
    })
    .await;
    let pull_request = stub.github.pull_request(&repository(), PrNumber(3)).await.unwrap();
    let ids: Vec<i64> = pull_request.reviews.iter().map(|review| review.id.0).collect();
    assert_eq!(ids, [1, 2]);
    assert_eq!((pull_request.commits.len(), stub.seen().len()), (1, 2));
}

#[tokio::test]
async fn pages_of_two_moments_make_no_snapshot() {
    let stub = Stub::start(|n, _| {
        let mut page = with("/headRefOid", json!(oid(if n == 1 { 'c' } else { 'd' })));
        page["data"]["repository"]["pullRequest"]["commits"]["pageInfo"]["hasNextPage"] =
            json!(n == 1);
        Some(ok(page))
    })
    .await;
    let outcome = stub.github.pull_request(&repository(), PrNumber(3)).await;
    assert!(matches!(outcome, Err(Error::Unavailable { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_list_without_end_is_refused() {
    let endless = || ok(with("/latestOpinionatedReviews", connection(Vec::new(), Some("more"))));
    let stub = Stub::answering(endless).await;
    let outcome = stub.github.pull_request(&repository(), PrNumber(3)).await;
    assert!(matches!(outcome, Err(Error::Refused { .. })), "{outcome:?}");
    assert_eq!(stub.seen().len(), 10);
}

#[tokio::test]
async fn a_deleted_fork_is_a_fork_and_a_deleted_author_the_ghost() {
    let pull_request = snapshot(with("/headRepository", Value::Null)).await.unwrap();
    assert!(pull_request.is_from_fork());
    let elsewhere = json!({ "databaseId": 8 });
    let pull_request = snapshot(with("/headRepository", elsewhere)).await.unwrap();
    assert_eq!(pull_request.head_repository, Some(RepositoryId(8)));
    assert!(pull_request.is_from_fork());
    let pull_request = snapshot(with("/author", Value::Null)).await.unwrap();
    assert_eq!(pull_request.author, Actor::ghost());
}

#[tokio::test]
async fn a_review_of_a_deleted_account_carries_no_permission() {
    let pull_request =
        snapshot(with("/latestOpinionatedReviews/nodes/0/author", Value::Null)).await.unwrap();
    assert_eq!(pull_request.reviews[0].by, Actor::ghost());
    assert!(!pull_request.reviews[0].may_write);
}

#[tokio::test]
async fn github_itself_is_nobody_as_committer_and_unknown_as_author() {
    let github = json!({ "user": { "databaseId": 2, "login": "web-flow" } });
    let alice = json!({ "user": { "databaseId": 1, "login": "alice" } });
    let nobody = json!({ "user": null });
    for (author, committer, unknown) in [
        (&alice, &github, 0),
        (&alice, &alice, 0),
        (&alice, &nobody, 1),
        (&alice, &Value::Null, 1),
        (&github, &alice, 1),
        (&github, &github, 1),
    ] {
        let mut answer = answer();
        let at = "/data/repository/pullRequest/commits/nodes/0/commit";
        let commit = answer.pointer_mut(at).unwrap();
        commit["authors"] = json!({ "totalCount": 1, "nodes": [author] });
        commit["committer"] = committer.clone();
        let commit = snapshot(answer).await.unwrap().commits.remove(0);
        assert_eq!(commit.unknown, unknown, "{author} {committer}");
        assert!(!commit.users.contains_key(&UserId(2)));
    }
}

#[tokio::test]
async fn the_last_reopening_is_known_by_its_time() {
    let event = json!({ "__typename": "ReopenedEvent", "createdAt": "2026-11-20T10:30:00Z" });
    let pull_request = snapshot(with("/timelineItems/nodes", json!([event]))).await.unwrap();
    assert_eq!(pull_request.reopened_at, Some("2026-11-20T10:30:00Z".parse().unwrap()));
    let untimed = json!([{ "__typename": "ReopenedEvent" }]);
    let outcome = snapshot(with("/timelineItems/nodes", untimed)).await;
    assert!(matches!(outcome, Err(Error::Unreadable { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_bot_is_called_as_in_rest() {
    let bot = json!({ "__typename": "Bot", "login": "planwright", "databaseId": 9 });
    let author = snapshot(with("/author", bot)).await.unwrap().author;
    assert_eq!((author.login.as_str(), author.kind), ("planwright[bot]", ActorKind::Bot));
}

#[tokio::test]
async fn a_merged_one_has_its_commit_and_a_base_that_may_be_gone() {
    let mut merged = with("/state", json!("MERGED"));
    let fields = &mut merged["data"]["repository"]["pullRequest"];
    fields["mergedAt"] = json!("2026-11-20T11:00:00Z");
    fields["mergeCommit"] = json!({ "oid": oid('e') });
    fields["mergedBy"] = user(3, "bob");
    fields["baseRef"] = Value::Null;
    let pull_request = snapshot(merged).await.unwrap();
    assert_eq!(pull_request.merge_commit.unwrap().as_str(), oid('e'));
    assert_eq!(pull_request.base.as_str(), oid('a'));
}

#[tokio::test]
async fn missing_or_unknown_data_is_an_error() {
    let two_of_three = json!({ "totalCount": 3, "nodes": [{ "user": null }, { "user": null }] });
    let nobody = json!({ "__typename": "Robot", "login": "r", "databaseId": 1 });
    let nameless = json!({ "__typename": "User", "login": "x" });
    for (pointer, value) in [
        ("/state", json!("PAUSED")),
        ("/state", json!("MERGED")),
        ("/number", json!(4)),
        ("/baseRef", Value::Null),
        ("/headRefOid", json!("abc")),
        ("/author", nobody),
        ("/author", nameless),
        ("/commits/totalCount", json!(2)),
        ("/commits/nodes/0", Value::Null),
        ("/commits/nodes/0/commit/authors", two_of_three),
        ("/latestOpinionatedReviews/nodes/0", Value::Null),
        ("/latestOpinionatedReviews/nodes/0/state", json!("PENDING")),
        ("/latestOpinionatedReviews/nodes/0/submittedAt", Value::Null),
        ("/latestOpinionatedReviews/nodes/0/authorCanPushToRepository", Value::Null),
        ("/latestOpinionatedReviews/nodes/0/createdViaEmail", Value::Null),
        ("/latestOpinionatedReviews/nodes/0/fullDatabaseId", json!("x")),
    ] {
        let outcome = snapshot(with(pointer, value.clone())).await;
        assert!(matches!(outcome, Err(Error::Unreadable { .. })), "{pointer} {value}: {outcome:?}");
    }
}

#[tokio::test]
async fn another_repository_under_the_same_name_is_not_taken_for_it() {
    let mut other = answer();
    other["data"]["repository"]["databaseId"] = json!(8);
    assert!(matches!(snapshot(other).await, Err(Error::Unreadable { .. })));
}

#[tokio::test]
async fn errors_with_http_200_are_errors_even_beside_data() {
    let problem = |kind: Value, message: &str| {
        let mut answer = answer();
        answer["errors"] = json!([{ "type": kind, "message": message }]);
        answer
    };
    let outcome = snapshot(problem(json!("NOT_FOUND"), "no such repository")).await;
    assert!(matches!(outcome, Err(Error::NotFound { .. })), "{outcome:?}");
    let outcome = snapshot(problem(json!("FORBIDDEN"), "protected by SAML")).await;
    assert!(matches!(outcome, Err(Error::Refused { .. })), "{outcome:?}");
    let outcome = snapshot(problem(Value::Null, "Something went wrong")).await;
    assert!(matches!(outcome, Err(Error::Unavailable { .. })), "{outcome:?}");
    for (kind, message) in [
        (json!("RATE_LIMITED"), "API rate limit exceeded"),
        (Value::Null, "You have exceeded a secondary rate limit"),
    ] {
        let outcome = snapshot(problem(kind, message)).await;
        assert!(matches!(outcome, Err(Error::RateLimited { .. })), "{outcome:?}");
    }
    let outcome = snapshot(json!({ "data": { "repository": null } })).await;
    assert!(matches!(outcome, Err(Error::NotFound { .. })), "{outcome:?}");
    assert!(snapshot(json!({})).await.is_err());
}

#[tokio::test]
async fn the_reset_of_a_graphql_limit_is_githubs() {
    let reset = jiff::Timestamp::now().as_second() + 600;
    let stub = Stub::start(move |_, _| {
        let headers =
            vec![("x-ratelimit-remaining", "0".into()), ("x-ratelimit-reset", reset.to_string())];
        let errors = json!([{ "type": "RATE_LIMITED", "message": "API rate limit exceeded" }]);
        Some(Answer(200, headers, json!({ "errors": errors })))
    })
    .await;
    let outcome = stub.github.pull_request(&repository(), PrNumber(3)).await;
    let Err(Error::RateLimited { until, .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(until.as_second(), reset);
}
