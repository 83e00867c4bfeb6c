//! How answers are handled: retried, refused, limited or unknown; and which redirects are followed.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use planwright_core::{
    actor::{Actor, ActorKind, AppId, Permission},
    comment::CommentIdentity,
    names::{BranchName, CheckRunId, CommentId, Login, PrNumber, RepositoryId, Sha, UserId},
};
use planwright_github::{
    Annotation, AnnotationLevel, CheckRun, CheckState, Conclusion, Error, NewCommit,
    NewPullRequest, Reaction,
};

use super::stub::{APP, Answer, Seen, Stub, ok, repository, status};

fn comment(id: i64, app: Option<AppId>, body: &str) -> Value {
    json!({
        "id": id,
        "user": { "id": 5, "login": "planwright[bot]", "type": "Bot" },
        "performed_via_github_app": app.map(|app| json!({ "id": app })),
        "body": body,
        "created_at": "2026-11-20T10:00:00Z",
        "updated_at": "2026-11-20T10:00:01Z",
    })
}

async fn react(stub: &Stub) -> Result<(), Error> {
    stub.github.react(&repository(), CommentId(5), Reaction::Eyes).await
}

async fn find(stub: &Stub) -> Result<bool, Error> {
    let found = stub.github.find_comment(&repository(), PrNumber(3), "<!-- marker -->").await?;
    Ok(found.is_some())
}

#[tokio::test]
async fn a_read_is_tried_again_after_a_failure() {
    for failure in [|| Some(status(502, "Bad Gateway")), || None] {
        let stub =
            Stub::start(move |n, _| if n < 3 { failure() } else { Some(ok(json!([]))) }).await;
        assert!(!find(&stub).await.unwrap());
        assert_eq!(stub.seen().len(), 3);
    }
    let stub = Stub::answering(|| status(500, "Server Error")).await;
    assert!(matches!(find(&stub).await, Err(Error::Unavailable { .. })));
    assert_eq!(stub.seen().len(), 3, "not for ever");
}

#[tokio::test]
async fn a_write_is_sent_once_and_its_outcome_said_to_be_unknown() {
    for failure in [|| Some(status(502, "Bad Gateway")), || None, || Some(ok(json!("no comment")))]
    {
        let stub = Stub::start(move |_, _| failure()).await;
        let outcome = stub.github.create_comment(&repository(), PrNumber(3), "hello").await;
        assert!(matches!(outcome, Err(Error::Unknown { .. })), "{outcome:?}");
        assert_eq!(stub.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_write_that_never_left_has_changed_nothing() {
    let stub = Stub::answering(|| ok(json!({}))).await;
    react(&stub).await.unwrap();
    let settings = planwright_github::Settings {
        // Nothing listens on the port that is reserved for nothing.
        api_url: "http://127.0.0.1:1/api/v3".into(),
        app_id: APP,
        private_key: super::stub::private_key(),
    };
    let github = planwright_github::GitHub::new(&settings).unwrap();
    let outcome = github.redeliver(planwright_github::DeliveryAttempt(1)).await;
    assert!(matches!(outcome, Err(Error::Unavailable { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_refusal_is_told_with_its_reasons_and_not_repeated() {
    let refusal = || {
        let errors = json!([{ "resource": "IssueComment", "field": "body", "code": "unprocessable" },
            { "message": "body is too long" }]);
        Answer(422, Vec::new(), json!({ "message": "Validation Failed", "errors": errors }))
    };
    let stub = Stub::answering(refusal).await;
    let outcome = stub.github.create_comment(&repository(), PrNumber(3), "x").await;
    let Err(Error::Refused { status: 422, message, .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(message, "Validation Failed (IssueComment body unprocessable; body is too long)");
    assert_eq!(stub.seen().len(), 1);
}

#[tokio::test]
async fn a_rate_limit_is_told_and_nothing_is_sent_until_then() {
    let limited = || Answer(429, vec![("retry-after", "120".into())], json!({ "message": "slow" }));
    let stub = Stub::answering(limited).await;
    let Err(Error::RateLimited { until, .. }) = react(&stub).await else { panic!("not limited") };
    let wait = until.duration_since(Timestamp::now());
    assert!(wait > SignedDuration::from_secs(110) && wait <= SignedDuration::from_secs(120));
    assert!(matches!(find(&stub).await, Err(Error::RateLimited { .. })));
    assert_eq!(stub.seen().len(), 1);
}

#[tokio::test]
async fn what_is_not_there_is_told_apart() {
    for gone in [404, 410] {
        let stub = Stub::start(move |_, _| Some(status(gone, "Not Found"))).await;
        let outcome = stub.github.update_comment(&repository(), CommentId(1), "x").await;
        assert!(matches!(outcome, Err(Error::NotFound { .. })), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_followed_within_the_host_with_method_and_token() {
    let stub = Stub::start(|_, seen: &Seen| {
        let to = "/api/v3/repositories/7/issues/comments/5/reactions".to_owned();
        let is_old = seen.path.starts_with("/api/v3/repos/acme/infra");
        Some(match is_old {
            true => Answer(301, vec![("location", to)], json!({})),
            false => ok(json!({})),
        })
    })
    .await;
    react(&stub).await.unwrap();
    let seen = stub.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1].method, "POST");
    assert_eq!(seen[1].body, json!({ "content": "eyes" }));
    assert_eq!(seen[1].bearer(), seen[0].bearer());
}

#[tokio::test]
async fn a_redirect_to_another_host_or_in_circles_is_not_followed() {
    let elsewhere = Stub::answering(|| ok(json!([]))).await;
    let to = format!("{}/api/v3/x", elsewhere.url);
    let stub =
        Stub::start(move |_, _| Some(Answer(302, vec![("location", to.clone())], json!({})))).await;
    assert!(matches!(find(&stub).await, Err(Error::Unreadable { .. })));
    assert_eq!(elsewhere.seen().len(), 0);

    let circle = || Answer(302, vec![("location", "/api/v3/again".into())], json!({}));
    let stub = Stub::answering(circle).await;
    assert!(matches!(find(&stub).await, Err(Error::Unreadable { .. })));
    assert_eq!(stub.seen().len(), 4);
}

#[tokio::test]
async fn our_comment_is_found_on_page_two_and_a_forged_marker_is_not_ours() {
    let stub = Stub::start(|n, _| {
        let marked = "<!-- marker --> plan";
        let mut page: Vec<Value> = (0..100).map(|id| comment(id, None, marked)).collect();
        page[0] = comment(0, Some(AppId(1)), marked);
        page[1] = comment(1, Some(APP), "another of ours");
        Some(ok(Value::from(if n == 1 { page } else { vec![comment(500, Some(APP), marked)] })))
    })
    .await;
    let found = stub.github.find_comment(&repository(), PrNumber(3), "<!-- marker -->").await;
    assert_eq!(found.unwrap().map(|comment| comment.id), Some(CommentId(500)));
    let paths: Vec<String> = stub.seen().into_iter().map(|seen| seen.path).collect();
    let path = "/api/v3/repos/acme/infra/issues/3/comments?per_page=100&page=";
    assert_eq!(paths, [format!("{path}1"), format!("{path}2")]);
}

#[tokio::test]
async fn a_comment_tells_githubs_time_and_a_deleted_author_is_the_ghost() {
    let stub = Stub::answering(|| {
        let mut comment = comment(8, Some(APP), "hello");
        comment["user"] = Value::Null;
        ok(comment)
    })
    .await;
    let made = stub.github.create_comment(&repository(), PrNumber(3), "hello").await.unwrap();
    assert_eq!(made.created_at, "2026-11-20T10:00:00Z".parse().unwrap());
    assert_eq!((made.id, made.via_app, made.author.id), (CommentId(8), Some(APP), Actor::GHOST));
}

fn check(annotations: u32) -> CheckRun {
    let annotation = |line| Annotation {
        path: "stacks/web/stack.yaml".into(),
        start_line: line,
        end_line: line,
        level: AnnotationLevel::Failure,
        title: "unknown_param".into(),
        message: "no such param".into(),
    };
    CheckRun {
        name: "planwright".into(),
        head: Sha::parse("a".repeat(40)).unwrap(),
        external_id: "7/3".into(),
        state: CheckState::Completed(Conclusion::Failure),
        title: "1 error".into(),
        summary: "…".into(),
        text: None,
        annotations: (1..=annotations).map(annotation).collect(),
        details_url: None,
    }
}

#[tokio::test]
async fn a_check_with_many_annotations_is_completed_by_its_last_request() {
    let run = || ok(json!({ "id": 77, "name": "planwright", "external_id": "7/3" }));
    let stub = Stub::answering(run).await;
    let id = stub.github.create_check(&repository(), &check(60)).await.unwrap();
    assert_eq!(id, CheckRunId(77));
    let sent: Vec<(String, Value, usize)> = stub
        .seen()
        .into_iter()
        .map(|seen| {
            let annotations = seen.body["output"]["annotations"].as_array().unwrap().len();
            (format!("{} {}", seen.method, seen.path), seen.body["status"].clone(), annotations)
        })
        .collect();
    let expected = [
        ("POST /api/v3/repos/acme/infra/check-runs".to_owned(), json!("in_progress"), 50),
        ("PATCH /api/v3/repos/acme/infra/check-runs/77".to_owned(), json!("completed"), 10),
    ];
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn a_check_is_found_by_its_external_id_name_and_app() {
    let run = |id, name: &str, external_id: &str, app: i64| json!({ "id": id, "name": name, "external_id": external_id, "app": { "id": app } });
    let runs = json!({ "total_count": 4, "check_runs": [
        run(1, "planwright", "7/3", 1),
        run(2, "other", "7/3", 42),
        run(3, "planwright", "7/2", 42),
        run(4, "planwright", "7/3", 42),
    ]});
    let stub = Stub::start(move |_, _| Some(ok(runs.clone()))).await;
    let head = Sha::parse("a".repeat(40)).unwrap();
    let find = |external_id| {
        let (github, head, here) = (&stub.github, &head, repository());
        async move { github.find_check(&here, head, "planwright", external_id).await.unwrap() }
    };
    assert_eq!(find("7/3").await, Some(CheckRunId(4)));
    assert_eq!(find("7/9").await, None);
}

/// What GitHub answers about a comment of Bob on pull request 3.
fn current(typename: &str) -> Value {
    json!({ "data": { "node": {
        "__typename": typename,
        "fullDatabaseId": "5",
        "body": "/infra plan",
        "createdViaEmail": true,
        "author": { "__typename": "User", "login": "bob", "databaseId": 3 },
        "repository": { "databaseId": 7 },
        "pullRequest": { "number": 3 },
    } } })
}

#[tokio::test]
async fn a_comment_is_read_back_with_all_that_tells_it_from_others() {
    let read = async |answer: fn() -> Answer| {
        let stub = Stub::answering(answer).await;
        let read = stub.github.current_comment(&repository(), "IC_5", true).await;
        (read, stub.seen()[0].body["variables"].clone())
    };
    let (comment, variables) = read(|| ok(current("IssueComment"))).await;
    let comment = comment.unwrap().unwrap();
    assert_eq!(variables, json!({ "id": "IC_5", "onPullRequest": true }));
    assert_eq!((comment.body.as_str(), comment.by_mail), ("/infra plan", true));
    let identity = CommentIdentity {
        id: CommentId(5),
        repository: RepositoryId(7),
        number: Some(PrNumber(3)),
        author: Some(UserId(3)),
    };
    assert_eq!(comment.identity, identity);
    let (other, _) = read(|| ok(current("Commit"))).await;
    assert_eq!(other.unwrap(), None, "the id is of something else");
    let (gone, _) = read(|| {
        let error = json!({ "type": "NOT_FOUND", "message": "Could not resolve to a node" });
        ok(json!({ "data": { "node": null }, "errors": [error] }))
    })
    .await;
    assert_eq!(gone.unwrap(), None);
}

#[tokio::test]
async fn a_permission_is_asked_for_live() {
    let stub = Stub::answering(|| {
        let user = json!({ "id": 3, "login": "bob", "type": "User" });
        ok(json!({ "permission": "write", "role_name": "maintain", "user": user }))
    })
    .await;
    let bob = Actor { id: UserId(3), login: Login::parse("bob").unwrap(), kind: ActorKind::User };
    for _ in 0..2 {
        let permission = stub.github.permission(&repository(), &bob).await.unwrap();
        assert_eq!(permission, Permission::Maintain);
    }
    assert_eq!(stub.seen().len(), 2, "never remembered");
    let renamed = Actor { id: UserId(4), ..bob };
    assert_eq!(stub.github.permission(&repository(), &renamed).await.unwrap(), Permission::None);
}

#[tokio::test]
async fn a_pull_request_of_our_own_is_opened_as_a_draft() {
    let stub = Stub::answering(|| Answer(201, Vec::new(), json!({ "number": 12 }))).await;
    let branch = |name: &str| BranchName::parse(name).unwrap();
    let new = NewPullRequest {
        head: branch("planwright/3-logs"),
        base: branch("main"),
        title: "Add logs".into(),
        body: "…".into(),
    };
    let number = stub.github.open_pull_request(&repository(), &new).await.unwrap();
    assert_eq!(number, PrNumber(12));
    assert_eq!(stub.seen()[0].path, "/api/v3/repos/acme/infra/pulls");
    assert_eq!(stub.seen()[0].body["draft"], true);
}

#[tokio::test]
async fn a_commit_names_the_head_that_it_builds_on() {
    let stub = Stub::answering(|| {
        let commit = json!({ "commit": { "oid": "b".repeat(40) } });
        ok(json!({ "data": { "createCommitOnBranch": commit } }))
    })
    .await;
    let new = NewCommit {
        branch: BranchName::parse("planwright/3-logs").unwrap(),
        parent: Sha::parse("a".repeat(40)).unwrap(),
        headline: "Add logs".into(),
        body: String::new(),
        files: [("a".into(), Some(b"hi".to_vec())), ("b".into(), None)].into(),
    };
    let made = stub.github.commit(&repository(), &new).await.unwrap();
    assert_eq!(made, Sha::parse("b".repeat(40)).unwrap());
    let input = &stub.seen()[0].body["variables"]["input"];
    assert_eq!(input["expectedHeadOid"], "a".repeat(40));
    let changes = json!({
        "additions": [{ "path": "a", "contents": "aGk=" }],
        "deletions": [{ "path": "b" }],
    });
    assert_eq!(input["fileChanges"], changes);
}

#[tokio::test]
async fn a_commit_that_github_failed_over_may_have_been_made() {
    let stub =
        Stub::answering(|| ok(json!({ "data": null, "errors": [{ "message": "oops" }] }))).await;
    let new = NewCommit {
        branch: BranchName::parse("planwright/3-logs").unwrap(),
        parent: Sha::parse("a".repeat(40)).unwrap(),
        headline: "Add logs".into(),
        body: String::new(),
        files: Default::default(),
    };
    let error = stub.github.commit(&repository(), &new).await.unwrap_err();
    assert!(matches!(error, Error::Unknown { .. }), "{error:?}");
}
