//! Parsing webhooks, with payloads that have only what is read of them.

use serde_json::{Value, json};

use planwright_core::{
    actor::{Actor, AppId},
    event::{
        CommentAction, Event, InstallationAction, PullRequestAction, RepositoryAction, ReviewAction,
    },
    names::{InstallationId, PrNumber, RepositoryId, UserId},
    pull_request::ReviewState,
};
use planwright_github::webhook::parse;

fn oid(digit: char) -> String {
    digit.to_string().repeat(40)
}

fn account(id: i64, login: &str, kind: &str) -> Value {
    json!({ "id": id, "login": login, "type": kind })
}

/// `fields` in what every event of a repository has around it.
fn body(fields: &Value) -> Value {
    let mut body = json!({
        "installation": { "id": 9 },
        "repository": { "id": 7, "full_name": "acme/infra" },
        "sender": account(1, "alice", "User"),
    });
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn event(name: &str, fields: Value) -> Event {
    parse(name, body(&fields).to_string().as_bytes()).unwrap().event
}

fn pull_request(action: &str) -> Value {
    json!({
        "action": action,
        "number": 3,
        "before": oid('a'),
        "after": oid('b'),
        "pull_request": { "user": account(1, "alice", "User"), "head": { "sha": oid('b') }, "merged": true },
    })
}

fn comment(action: &str) -> Value {
    json!({
        "action": action,
        "issue": { "number": 3, "pull_request": { "url": "…" } },
        "comment": {
            "id": 5,
            "node_id": "IC_5",
            "user": account(2, "planwright[bot]", "Bot"),
            "body": "/infra plan",
            "created_at": "2026-11-20T10:00:00Z",
            "performed_via_github_app": { "id": 42 },
        },
    })
}

fn review(state: &str) -> Value {
    json!({
        "action": "submitted",
        "review": {
            "id": 5,
            "user": account(3, "bob", "User"),
            "state": state,
            "commit_id": oid('b'),
            "submitted_at": "2026-11-20T10:00:00Z",
        },
        "pull_request": { "number": 3, "head": { "sha": oid('c') } },
    })
}

fn push() -> Value {
    json!({
        "ref": "refs/heads/main",
        "before": oid('0'),
        "after": oid('b'),
        "forced": false,
        "commits": [{ "id": oid('b') }],
    })
}

#[test]
fn an_envelope_names_place_and_sender() {
    let envelope =
        parse("pull_request", body(&pull_request("opened")).to_string().as_bytes()).unwrap();
    let repository = envelope.repository().unwrap();
    assert_eq!(repository.id, RepositoryId(7));
    assert_eq!(repository.name.to_string(), "acme/infra");
    assert_eq!(repository.installation, InstallationId(9));
    assert_eq!(envelope.sender.id, UserId(1));
}

#[test]
fn each_action_on_a_pull_request_is_told() {
    let mut retargeted = pull_request("edited");
    retargeted["changes"] =
        json!({ "base": { "ref": { "from": "develop" }, "sha": { "from": "x" } } });
    let sha = |digit| oid(digit).parse().unwrap();
    for (fields, expected) in [
        (pull_request("opened"), PullRequestAction::Opened),
        (
            pull_request("synchronize"),
            PullRequestAction::Pushed { before: sha('a'), after: sha('b') },
        ),
        (pull_request("reopened"), PullRequestAction::Reopened),
        (pull_request("ready_for_review"), PullRequestAction::ReadyForReview),
        (pull_request("closed"), PullRequestAction::Closed { merged: true }),
        (retargeted, PullRequestAction::Retargeted { from: "develop".into() }),
    ] {
        let event = event("pull_request", fields);
        let Event::PullRequest { number, action, head, .. } = event else { panic!("{event:?}") };
        assert_eq!((number, action, head), (PrNumber(3), expected, sha('b')));
    }
}

#[test]
fn a_new_title_or_label_is_nothing_to_us() {
    let mut titled = pull_request("edited");
    titled["changes"] = json!({ "title": { "from": "Old" } });
    assert_eq!(event("pull_request", titled), Event::Ignored);
    assert_eq!(event("pull_request", pull_request("labeled")), Event::Ignored);
}

#[test]
fn a_review_is_told_with_the_commit_that_was_looked_at() {
    let Event::Review(told) = event("pull_request_review", review("approved")) else { panic!() };
    assert_eq!((told.action, told.state), (ReviewAction::Submitted, ReviewState::Approved));
    assert_eq!(told.head.unwrap().as_str(), oid('b'));
    assert_eq!(told.pull_request_head.as_str(), oid('c'));
    let mut dismissed = review("dismissed");
    dismissed["action"] = json!("dismissed");
    dismissed["review"]["commit_id"] = Value::Null;
    let Event::Review(told) = event("pull_request_review", dismissed) else { panic!() };
    assert_eq!((told.action, told.head), (ReviewAction::Dismissed, None));
}

#[test]
fn an_edited_comment_is_told_apart_from_a_created_one() {
    for (action, expected) in
        [("created", CommentAction::Created), ("edited", CommentAction::Edited)]
    {
        let Event::Comment(told) = event("issue_comment", comment(action)) else { panic!() };
        assert_eq!((told.action, told.on_pull_request), (expected, true));
        assert_eq!(told.author.id, UserId(2), "the author, not the sender");
        assert_eq!(told.node_id, "IC_5");
    }
    assert_eq!(event("issue_comment", comment("deleted")), Event::Ignored);
    let mut on_issue = comment("created");
    on_issue["issue"] = json!({ "number": 3 });
    let Event::Comment(told) = event("issue_comment", on_issue) else { panic!() };
    assert!(!told.on_pull_request);
}

#[test]
fn our_own_comment_is_known_by_the_app_and_not_by_its_author() {
    let parsed =
        |fields: &Value| parse("issue_comment", body(fields).to_string().as_bytes()).unwrap();
    assert!(parsed(&comment("created")).is_echo_of(AppId(42)));
    assert!(!parsed(&comment("created")).is_echo_of(AppId(43)));
    let mut by_hand = comment("created");
    by_hand["comment"]["performed_via_github_app"] = Value::Null;
    assert!(!parsed(&by_hand).is_echo_of(AppId(42)));
}

#[test]
fn a_push_tells_whether_the_ref_was_there() {
    let Event::Push(told) = event("push", push()) else { panic!() };
    assert_eq!((told.git_ref.as_str(), told.before), ("refs/heads/main", None));
    assert_eq!(told.after.unwrap().as_str(), oid('b'));
    assert_eq!(told.commits.len(), 1);
}

#[test]
fn a_push_tells_whether_other_settings_may_hold() {
    let commit = |field: &str, files: Value| {
        let mut commit = json!({ "id": oid('b') });
        commit[field] = files;
        commit
    };
    let of = |commits: Value, default_branch: &str, forced: bool| {
        let mut fields = push();
        fields["commits"] = commits;
        fields["forced"] = json!(forced);
        fields["repository"] =
            json!({ "id": 7, "full_name": "acme/infra", "default_branch": default_branch });
        let Event::Push(told) = event("push", fields) else { panic!() };
        told.changes_settings
    };
    let settings = json!(["stacks/a/stack.yaml", "planwright.yaml"]);
    for field in ["added", "modified", "removed"] {
        let commits = json!([{ "id": oid('a') }, commit(field, settings.clone())]);
        assert!(of(commits.clone(), "main", false), "{field}");
        assert!(!of(commits, "trunk", false), "{field}, on another branch");
    }
    let other = json!([commit("modified", json!(["docs/planwright.yaml"]))]);
    assert!(!of(other.clone(), "main", false));
    // What is not told in full may be anything.
    assert!(of(other, "main", true));
    assert!(of(json!([]), "main", false));
    assert!(of(json!(vec![json!({ "id": oid('a') }); 2_048]), "main", false));
    assert!(of(json!([commit("modified", json!(vec!["a"; 3_000]))]), "main", false));
}

#[test]
fn a_check_rerun_tells_whose_check_it_is() {
    let run = json!({ "action": "rerequested",
        "check_run": { "id": 5, "head_sha": oid('b'), "app": { "id": 42 } } });
    let suite = json!({ "action": "rerequested",
        "check_suite": { "head_sha": oid('b'), "app": { "id": 42 } } });
    for (name, fields) in [("check_run", run), ("check_suite", suite)] {
        let told = event(name, fields);
        assert!(matches!(told, Event::CheckRerequested { app: AppId(42), .. }), "{told:?}");
    }
    assert_eq!(event("check_run", json!({ "action": "created" })), Event::Ignored);
}

#[test]
fn what_happens_to_a_repository_or_installation_is_told() {
    let event_of = |name, action| event(name, json!({ "action": action }));
    assert_eq!(event_of("repository", "renamed"), Event::Repository(RepositoryAction::Renamed));
    let suspended = Event::Installation(InstallationAction::Suspended);
    assert_eq!(event_of("installation", "suspend"), suspended);
    let added = json!({ "action": "added", "repositories_added": [{ "id": 7 }], "repositories_removed": [] });
    let expected = InstallationAction::RepositoriesAdded(vec![RepositoryId(7)]);
    assert_eq!(event("installation_repositories", added), Event::Installation(expected));
}

#[test]
fn what_is_unknown_is_ignored_whatever_it_holds() {
    for (name, text) in [
        ("sponsorship", r#"{"action":"created"}"#),
        ("sponsorship", "not json"),
        ("ping", r#"{"repository":{"id":"odd"}}"#),
        ("", "{}"),
        ("pull_request", r#"{"action":"brand_new"}"#),
    ] {
        let envelope = parse(name, text.as_bytes()).unwrap();
        assert_eq!(envelope.event, Event::Ignored, "{name} {text}");
        assert_eq!(envelope.sender, Actor::ghost());
    }
}

#[test]
fn a_known_event_without_what_we_need_is_an_error() {
    for (name, fields, pointer) in [
        ("pull_request", pull_request("opened"), "/number"),
        ("pull_request", pull_request("opened"), "/pull_request/head/sha"),
        ("pull_request", pull_request("synchronize"), "/after"),
        ("pull_request", pull_request("closed"), "/pull_request/merged"),
        ("pull_request_review", review("approved"), "/review/state"),
        ("issue_comment", comment("created"), "/comment/id"),
        ("issue_comment", comment("created"), "/comment/node_id"),
        ("push", push(), "/forced"),
        ("push", push(), "/after"),
        ("push", push(), "/commits"),
    ] {
        let mut fields = fields;
        let (parent, name_of_field) = pointer.rsplit_once('/').unwrap();
        fields.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name_of_field);
        let outcome = parse(name, body(&fields).to_string().as_bytes());
        assert!(outcome.is_err(), "{name} without {pointer}: {outcome:?}");
    }
    assert!(parse("push", b"not json").is_err());
    assert!(parse("pull_request_review", body(&review("blessed")).to_string().as_bytes()).is_err());
    let mut robot = pull_request("opened");
    robot["sender"] = account(1, "x", "Robot");
    assert!(parse("pull_request", body(&robot).to_string().as_bytes()).is_err());
}
