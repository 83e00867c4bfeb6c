//! The query by which the bot reads a pull request, and the parts of GraphQL that it uses.

use serde_json::{Value, json};

use planwright_fakehub::{Edit, MergeMethod, ReviewState, Role};

use super::{REPO, Scene, client::Client};

pub const SNAPSHOT: &str = include_str!("snapshot.graphql");

async fn reader(scene: &Scene) -> Client {
    let permissions = json!({ "contents": "read", "pull_requests": "read" });
    Client::installation(&scene.hub, permissions).await
}

fn variables(number: i64) -> Value {
    json!({ "owner": "acme", "name": "infra", "number": number })
}

#[tokio::test]
async fn the_snapshot_tells_who_shaped_a_change_and_who_thinks_what_of_it() {
    let scene = Scene::new().await;
    let edit = Edit::new("Add b").write("b.txt", "b").author("eve").co_author("bob");
    scene.alice.push(REPO, "feature", &edit).unwrap();
    let number = scene.alice.open_pull(REPO, "feature", "Add b").unwrap();
    scene.bob.approve(REPO, number).unwrap();
    scene.bob.review(REPO, number, ReviewState::Commented, "by the way").unwrap();
    scene.eve.request_changes(REPO, number, "no").unwrap();

    let answer = reader(&scene).await.graphql(SNAPSHOT, variables(number)).await;
    assert_eq!((answer.status, &answer.body["errors"]), (200, &Value::Null), "{}", answer.body);
    let pull = &answer.body["data"]["repository"]["pullRequest"];
    assert_eq!(pull["author"]["login"], "alice");
    assert_eq!(pull["author"]["databaseId"], scene.alice.id());
    let authors = &pull["commits"]["nodes"][0]["commit"]["authors"]["nodes"];
    assert_eq!(authors[0]["user"]["login"], "eve");
    assert_eq!(authors[1]["user"]["login"], "bob");
    let opinions = pull["latestOpinionatedReviews"]["nodes"].as_array().unwrap();
    let opinion = |nth: usize| {
        let review = &opinions[nth];
        (&review["state"], &review["author"]["login"], &review["authorCanPushToRepository"])
    };
    assert_eq!(opinion(0), (&json!("APPROVED"), &json!("bob"), &json!(true)));
    assert_eq!(opinion(1), (&json!("CHANGES_REQUESTED"), &json!("eve"), &json!(false)));
    assert_eq!(pull["reviews"]["totalCount"], 3);
    assert!(answer.body["data"]["rateLimit"]["remaining"].is_i64());
}

#[tokio::test]
async fn the_snapshot_of_a_merged_pull_request_names_commit_and_person() {
    let scene = Scene::new().await;
    let number = scene.pull();
    let base = scene.hub.sha(REPO, "main").unwrap();
    let sha = scene.bob.merge(REPO, number, MergeMethod::Squash).unwrap();
    scene.bob.delete_branch(REPO, "feature").unwrap();
    let answer = reader(&scene).await.graphql(SNAPSHOT, variables(number)).await.body;
    let pull = &answer["data"]["repository"]["pullRequest"];
    assert_eq!((&pull["state"], &pull["merged"]), (&json!("MERGED"), &json!(true)));
    assert_eq!(pull["mergeCommit"]["oid"], sha);
    assert_eq!(pull["mergedBy"]["login"], "bob");
    assert_eq!(
        (&pull["baseRefOid"], &pull["baseRef"]["target"]["oid"]),
        (&json!(base), &json!(sha))
    );
}

#[tokio::test]
async fn the_snapshot_tells_strangers_parents_and_when_it_was_reopened() {
    let scene = Scene::new().await;
    let edit = Edit::new("Add b").write("b.txt", "b").email("somebody@work.example");
    let first = scene.alice.push(REPO, "feature", &edit).unwrap();
    let number = scene.alice.open_pull(REPO, "feature", "Add b").unwrap();
    let main = scene.bob.push(REPO, "main", &Edit::new("Add c").write("c.txt", "c")).unwrap();
    scene.bob.update_branch(REPO, number).unwrap();
    let client = reader(&scene).await;
    let read = || client.graphql(SNAPSHOT, variables(number));
    let pull = read().await.body["data"]["repository"]["pullRequest"].clone();
    let commit = |nth: usize| &pull["commits"]["nodes"][nth]["commit"];
    assert_eq!(commit(0)["authors"]["nodes"], json!([{ "user": null }]));
    assert_eq!(commit(0)["committer"]["user"], Value::Null);
    assert_eq!(commit(1)["authors"]["nodes"][0]["user"]["login"], "bob");
    assert_eq!(commit(1)["committer"]["user"]["login"], "web-flow");
    assert_eq!(commit(1)["parents"]["nodes"], json!([{ "oid": first }, { "oid": main }]));
    assert_eq!(pull["timelineItems"]["nodes"], json!([]));

    scene.alice.close(REPO, number).unwrap();
    scene.hub.pass(jiff::SignedDuration::from_mins(1)).unwrap();
    scene.alice.reopen(REPO, number).unwrap();
    let pull = read().await.body["data"]["repository"]["pullRequest"].clone();
    let at = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let reopened = at(&pull["timelineItems"]["nodes"][0]["createdAt"]);
    assert!(reopened.duration_since(at(&pull["createdAt"])) >= jiff::SignedDuration::from_mins(1));
}

#[tokio::test]
async fn the_activity_of_a_branch_is_its_moves_the_newest_first() {
    let scene = Scene::new().await;
    let write = |name: &str| Edit::new("Write").write(name, "x");
    let one = scene.alice.push(REPO, "feature", &write("one")).unwrap();
    let two = scene.bob.push(REPO, "feature", &write("two")).unwrap();
    let three = scene.alice.force_push(REPO, "feature", "main", &write("three")).unwrap();
    scene.bob.delete_branch(REPO, "feature").unwrap();
    scene.alice.push(REPO, "other", &write("four")).unwrap();
    let path = "/repos/acme/infra/activity?ref=refs/heads/feature&per_page=100";
    let moves = reader(&scene).await.get(path).await.body;
    let zero = "0".repeat(40);
    let told: Vec<Value> = moves
        .as_array()
        .unwrap()
        .iter()
        .map(|it| json!([it["activity_type"], it["actor"]["login"], it["before"], it["after"]]))
        .collect();
    let expected = json!([
        ["branch_deletion", "bob", three, zero],
        ["force_push", "alice", two, three],
        ["push", "bob", one, two],
        ["branch_creation", "alice", zero, one],
    ]);
    assert_eq!(json!(told), expected);
    let narrow = Client::installation(&scene.hub, json!({ "checks": "write" })).await;
    assert_eq!(narrow.get(path).await.status, 403);
}

#[tokio::test]
async fn a_connection_is_read_page_by_page() {
    let scene = Scene::new().await;
    let number = scene.pull();
    for nth in 0..4 {
        scene.alice.push(REPO, "feature", &Edit::new("More").write(format!("{nth}"), "x")).unwrap();
    }
    let client = reader(&scene).await;
    let query = "query Commits($after: String) { repository(owner: \"acme\", name: \"infra\") {
        pullRequest(number: 1) { commits(first: 2, after: $after) {
            totalCount pageInfo { hasNextPage endCursor } nodes { commit { oid } } } } } }";
    let (mut after, mut oids) = (Value::Null, vec![]);
    loop {
        let answer = client.graphql(query, json!({ "after": after })).await.body;
        let commits = &answer["data"]["repository"]["pullRequest"]["commits"];
        assert_eq!(commits["totalCount"], 5);
        oids.extend(
            commits["nodes"].as_array().unwrap().iter().map(|n| n["commit"]["oid"].clone()),
        );
        after = commits["pageInfo"]["endCursor"].clone();
        if commits["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(oids.len(), 5);
    assert_eq!(oids[4], scene.hub.pull(REPO, number).unwrap().head_sha);
}

#[tokio::test]
async fn what_is_missing_or_not_allowed_is_null_with_an_error() {
    let scene = Scene::new().await;
    let number = scene.pull();
    let client = reader(&scene).await;
    let kind = |answer: &Value| answer["errors"][0]["type"].clone();
    let missing = client.graphql(SNAPSHOT, variables(99)).await.body;
    assert_eq!(kind(&missing), "NOT_FOUND");
    assert_eq!(missing["data"]["repository"]["pullRequest"], Value::Null);
    let query = "{ repository(owner: \"acme\", name: \"nothing\") { id } }";
    let nowhere = client.graphql(query, json!({})).await.body;
    assert_eq!(
        (kind(&nowhere), &nowhere["data"]["repository"]),
        (json!("NOT_FOUND"), &Value::Null)
    );
    let narrow = Client::installation(&scene.hub, json!({ "checks": "write" })).await;
    let refused = narrow.graphql(SNAPSHOT, variables(number)).await.body;
    assert_eq!(kind(&refused), "FORBIDDEN");
    let unbounded = "{ repository(owner: \"acme\", name: \"infra\") {
        pullRequest(number: 1) { commits { totalCount } } } }";
    let refused = client.graphql(unbounded, json!({})).await.body;
    assert_eq!(kind(&refused), "MISSING_PAGINATION_BOUNDARIES");
}

#[tokio::test]
async fn fragments_aliases_and_conditions_are_followed() {
    let scene = Scene::new().await;
    scene.pull();
    scene.hub.set_permission(REPO, "eve", Some(Role::Read)).unwrap();
    let query = "query Q($skip: Boolean!) {
        r: repository(owner: \"acme\", name: \"infra\") { ...Names nameWithOwner @skip(if: $skip)
            pullRequest(number: 1) { author { ... on User { login } ... on Bot { databaseId } } } } }
        fragment Names on Repository { short: name }";
    let answer = reader(&scene).await.graphql(query, json!({ "skip": true })).await.body;
    let expected = json!({ "short": "infra", "pullRequest": { "author": { "login": "alice" } } });
    assert_eq!(answer["data"]["r"], expected);
}
