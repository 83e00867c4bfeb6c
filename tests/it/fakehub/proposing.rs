//! An app that commits to a branch and opens its own pull request, over the API only.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use planwright_fakehub::{Edit, NewPull};

use super::{
    REPO, Scene,
    client::{Answer, Client},
    receiver::Receiver,
};

const REFS: &str = "/repos/acme/infra/git/refs";
const PULLS: &str = "/repos/acme/infra/pulls";

pub const COMMIT: &str = include_str!("commit.graphql");
pub const READY: &str = include_str!("ready.graphql");

/// Variables of [`COMMIT`]: `files` is `(path, text)`, no text deletes.
pub fn changes(expected: &str, message: (&str, &str), files: &[(&str, Option<&str>)]) -> Value {
    let additions: Vec<Value> = files
        .iter()
        .filter_map(|(path, text)| Some((path, (*text)?)))
        .map(|(path, text)| json!({ "path": path, "contents": STANDARD.encode(text) }))
        .collect();
    let deletions: Vec<Value> = files
        .iter()
        .filter(|(_, text)| text.is_none())
        .map(|(path, _)| json!({ "path": path }))
        .collect();
    json!({ "input": {
        "branch": { "repositoryNameWithOwner": REPO, "branchName": "planwright/1" },
        "expectedHeadOid": expected,
        "message": { "headline": message.0, "body": message.1 },
        "fileChanges": { "additions": additions, "deletions": deletions },
    } })
}

struct Bot {
    scene: Scene,
    app: Client,
    main: String,
}

impl Bot {
    /// With a branch `planwright/1` at main.
    async fn new() -> Self {
        let scene = Scene::new().await;
        let permissions = json!({ "contents": "write", "pull_requests": "write" });
        let app = Client::installation(&scene.hub, permissions).await;
        let main = scene.hub.sha(REPO, "main").unwrap();
        let bot = Self { scene, app, main };
        assert_eq!(bot.branch("planwright/1", &bot.main).await.status, 201);
        bot
    }

    async fn branch(&self, name: &str, sha: &str) -> Answer {
        let body = json!({ "ref": format!("refs/heads/{name}"), "sha": sha });
        self.app.post(REFS, body).await
    }

    async fn commit(&self, expected: &str, files: &[(&str, Option<&str>)]) -> Value {
        let message = ("Add a bucket", "As asked in #1.");
        self.app.graphql(COMMIT, changes(expected, message, files)).await.body
    }

    /// Draft pull request 1 of one commit on `planwright/1`.
    async fn draft(&self) -> Answer {
        self.commit(&self.main, &[("b.txt", Some("b"))]).await;
        let new = json!({ "title": "A bucket", "body": "For #1", "head": "planwright/1",
            "base": "main", "draft": true });
        self.app.post(PULLS, new).await
    }
}

fn oid(answer: &Value) -> &str {
    answer["data"]["createCommitOnBranch"]["commit"]["oid"].as_str().unwrap()
}

fn error(answer: &Value) -> (&str, &str) {
    let error = &answer["errors"][0];
    (error["type"].as_str().unwrap(), error["message"].as_str().unwrap())
}

#[tokio::test]
async fn a_branch_is_made_once_and_only_of_a_commit_that_is_there() {
    let bot = Bot::new().await;
    let path = "/repos/acme/infra/git/ref/heads/planwright/1";
    let found = bot.app.get(path).await;
    assert_eq!((found.status, &found.body["object"]["sha"]), (200, &json!(bot.main)));
    assert_eq!(found.body["ref"], "refs/heads/planwright/1");
    assert_eq!(bot.app.get("/repos/acme/infra/git/ref/heads/planwright").await.status, 404);
    let again = bot.branch("planwright/1", &bot.main).await;
    assert_eq!((again.status, &again.body["message"]), (422, &json!("Reference already exists")));
    for (name, sha) in [("x", "0".repeat(40)), ("x", "main".into()), ("a..b", bot.main.clone())] {
        assert_eq!(bot.branch(name, &sha).await.status, 422, "{name} at {sha}");
    }
    let reader = Client::installation(&bot.scene.hub, json!({ "contents": "read" })).await;
    assert_eq!(reader.get(path).await.status, 200);
    let new = json!({ "ref": "refs/heads/y", "sha": bot.main });
    assert_eq!(reader.post(REFS, new.clone()).await.status, 403);
    let eve = Client::new(&bot.scene.hub, format!("token {}", bot.scene.eve.token().unwrap()));
    assert_eq!(eve.post(REFS, new).await.status, 403);
}

#[tokio::test]
async fn a_commit_of_the_app_is_its_bots_with_those_whom_it_names() {
    let bot = Bot::new().await;
    let alice = format!("{}+alice@users.noreply.github.com", bot.scene.alice.id());
    let body = format!("As asked in #1.\n\nCo-authored-by: alice <{alice}>");
    let files = [("stacks/logs/stack.yaml", Some("a: 1\n")), ("a.txt", None)];
    let variables = changes(&bot.main, ("Add a bucket", &body), &files);
    let answer = bot.app.graphql(COMMIT, variables).await.body;
    let sha = oid(&answer);
    let url = format!("{}/acme/infra/commit/{sha}", bot.scene.hub.url());
    assert_eq!(answer["data"]["createCommitOnBranch"]["commit"]["url"], url);
    let commit = bot.scene.hub.commit(REPO, "planwright/1").unwrap();
    assert_eq!(commit.sha, sha);
    assert_eq!(commit.message, format!("Add a bucket\n\n{body}"));
    assert_eq!(commit.parents, std::slice::from_ref(&bot.main));
    assert_eq!(commit.authors, ["planwright[bot]", "alice"]);
    assert_eq!(commit.committer, "web-flow");
    let paths = bot.scene.hub.paths(REPO, "planwright/1").unwrap();
    assert_eq!(paths, ["README.md", "stacks/logs/stack.yaml"]);
    let text = bot.scene.hub.file(REPO, "planwright/1", "stacks/logs/stack.yaml").unwrap();
    assert_eq!(text.as_deref(), Some("a: 1\n"));
}

#[tokio::test]
async fn a_commit_on_a_branch_that_has_moved_is_stale() {
    let bot = Bot::new().await;
    let moved =
        bot.scene.alice.push(REPO, "planwright/1", &Edit::new("Me").write("c", "c")).unwrap();
    let answer = bot.commit(&bot.main, &[("b.txt", Some("b"))]).await;
    let message = format!(
        "Expected branch to point to \"{}\" but it did not.  Pull and try again.",
        bot.main
    );
    assert_eq!(error(&answer), ("STALE_DATA", message.as_str()));
    assert_eq!(answer["data"], json!({ "createCommitOnBranch": null }));
    assert_eq!(bot.scene.hub.sha(REPO, "planwright/1").unwrap(), moved);
    assert!(answer["errors"][0]["path"] == json!(["createCommitOnBranch"]), "{answer}");
    let answer = bot.commit(&moved, &[("b.txt", Some("b"))]).await;
    assert_eq!(bot.scene.hub.sha(REPO, "planwright/1").unwrap(), oid(&answer));
}

#[tokio::test]
async fn a_commit_that_github_would_not_make_changes_nothing() {
    let bot = Bot::new().await;
    for (path, text, kind) in [
        ("nothing.txt", None, "UNPROCESSABLE"),
        ("../b.txt", Some("b"), "UNPROCESSABLE"),
        ("/b.txt", Some("b"), "UNPROCESSABLE"),
        ("b/.git/config", Some("b"), "UNPROCESSABLE"),
        (".github/workflows/ci.yml", Some("b"), "FORBIDDEN"),
    ] {
        let answer = bot.commit(&bot.main, &[(path, text)]).await;
        assert_eq!(error(&answer).0, kind, "{path}: {answer}");
    }
    let reader = json!({ "contents": "read", "pull_requests": "write" });
    let reader = Client::installation(&bot.scene.hub, reader).await;
    let variables = changes(&bot.main, ("No", ""), &[("b.txt", Some("b"))]);
    let answer = reader.graphql(COMMIT, variables.clone()).await.body;
    assert_eq!(error(&answer), ("FORBIDDEN", "Resource not accessible by integration"));
    let eve = Client::new(&bot.scene.hub, format!("token {}", bot.scene.eve.token().unwrap()));
    assert_eq!(error(&eve.graphql(COMMIT, variables.clone()).await.body).0, "FORBIDDEN");
    bot.scene.hub.set_archived(REPO, true).unwrap();
    assert_eq!(error(&bot.app.graphql(COMMIT, variables).await.body).0, "FORBIDDEN");
    assert_eq!(bot.scene.hub.sha(REPO, "planwright/1").unwrap(), bot.main);
}

#[tokio::test]
async fn what_the_app_pushes_and_opens_is_announced_with_its_bot_as_sender() {
    let bot = Bot::new().await;
    let receiver = Receiver::start().await;
    bot.scene.hub.set_webhook(&receiver.url);
    bot.scene.hub.idle().await;
    receiver.forget();
    let opened = bot.draft().await;
    assert_eq!((opened.status, &opened.body["draft"]), (201, &json!(true)), "{}", opened.body);
    let head = opened.body["head"]["sha"].as_str().unwrap();
    bot.commit(head, &[("c.txt", Some("c"))]).await;
    bot.app.patch(&format!("{PULLS}/1"), json!({ "title": "A better bucket" })).await;
    let ready = json!({ "id": opened.body["node_id"] });
    for _ in 0..2 {
        let answer = bot.app.graphql(READY, ready.clone()).await.body;
        let pull = &answer["data"]["markPullRequestReadyForReview"]["pullRequest"];
        assert_eq!(pull["isDraft"], false, "{answer}");
    }
    bot.scene.hub.idle().await;
    assert_eq!(
        receiver.events(),
        [
            "push",
            "pull_request.opened",
            "push",
            "pull_request.synchronize",
            "pull_request.edited",
            "pull_request.ready_for_review",
        ]
    );
    let letters: Vec<Value> = receiver.letters().iter().map(|letter| letter.json()).collect();
    for letter in &letters {
        let sender = &letter["sender"];
        assert_eq!((&sender["login"], &sender["type"]), (&json!("planwright[bot]"), &json!("Bot")));
    }
    assert_eq!(letters[1]["pull_request"]["draft"], true);
    assert_eq!(letters[1]["pull_request"]["user"]["login"], "planwright[bot]");
    assert_eq!(letters[4]["changes"]["title"]["from"], "A bucket");
    assert_eq!(letters[5]["pull_request"]["draft"], false);
}

#[tokio::test]
async fn a_draft_is_not_merged_until_it_is_ready() {
    let bot = Bot::new().await;
    let pull = bot.draft().await.body;
    let merge = planwright_fakehub::MergeMethod::Squash;
    assert_eq!(bot.scene.bob.merge(REPO, 1, merge).unwrap_err().status, 405);
    let id = json!({ "id": pull["node_id"] });
    for lacking in ["contents", "pull_requests"] {
        let mut permissions = json!({ "contents": "write", "pull_requests": "write" });
        permissions[lacking] = "read".into();
        let app = Client::installation(&bot.scene.hub, permissions).await;
        let answer = app.graphql(READY, id.clone()).await.body;
        assert_eq!(error(&answer).0, "FORBIDDEN", "without {lacking}");
    }
    let nothing = bot.app.graphql(READY, json!({ "id": "PR_x" })).await.body;
    assert_eq!(error(&nothing).0, "NOT_FOUND");
    bot.scene.hub.set_archived(REPO, true).unwrap();
    assert_eq!(error(&bot.app.graphql(READY, id.clone()).await.body).0, "FORBIDDEN");
    bot.scene.hub.set_archived(REPO, false).unwrap();
    assert!(bot.scene.hub.pull(REPO, 1).unwrap().draft);
    bot.app.graphql(READY, id).await;
    bot.scene.bob.merge(REPO, 1, merge).unwrap();
    let merged = bot.scene.hub.commit(REPO, "main").unwrap();
    assert_eq!(merged.authors, ["planwright[bot]"]);
}

#[tokio::test]
async fn a_second_pull_request_of_a_branch_or_one_of_nothing_is_refused() {
    let bot = Bot::new().await;
    let new = json!({ "title": "A bucket", "head": "planwright/1", "base": "main" });
    let empty = bot.app.post(PULLS, new.clone()).await;
    assert_eq!(empty.status, 422);
    let message = &empty.body["errors"][0]["message"];
    assert_eq!(message, "No commits between main and planwright/1");
    assert_eq!(bot.draft().await.status, 201);
    let second = bot.app.post(PULLS, new.clone()).await;
    assert_eq!(second.status, 422);
    let message = &second.body["errors"][0]["message"];
    assert_eq!(message, "A pull request already exists for acme:planwright/1.");
    let reader = Client::installation(&bot.scene.hub, json!({ "pull_requests": "read" })).await;
    assert_eq!(reader.post(PULLS, new).await.status, 403);
    let edit = json!({ "body": "x" });
    assert_eq!(reader.patch(&format!("{PULLS}/1"), edit).await.status, 403);
}

#[tokio::test]
async fn a_pull_request_is_found_by_owner_and_branch() {
    let bot = Bot::new().await;
    bot.draft().await;
    let fork = bot.scene.eve.fork(REPO).unwrap();
    let edit = Edit::new("Mine").write("e.txt", "e");
    bot.scene.eve.push(&fork, "planwright/1", &edit).unwrap();
    let new = NewPull {
        title: "Mine".into(),
        head: "eve:planwright/1".into(),
        base: "main".into(),
        ..NewPull::default()
    };
    bot.scene.eve.open(REPO, &new).unwrap();
    let numbers = async |query: &str| -> Vec<i64> {
        let all = bot.app.get(&format!("{PULLS}?{query}")).await.body;
        all.as_array().unwrap().iter().map(|pull| pull["number"].as_i64().unwrap()).collect()
    };
    assert_eq!(numbers("head=acme:planwright/1&state=open").await, [1]);
    assert_eq!(numbers("head=eve%3Aplanwright%2F1&state=open").await, [2]);
    assert_eq!(numbers("head=acme:planwright&state=open").await, [0; 0]);
    assert_eq!(numbers("head=planwright/1&direction=asc").await, [1, 2], "GitHub ignores it then");
    bot.scene.bob.close(REPO, 1).unwrap();
    assert_eq!(numbers("head=acme:planwright/1&state=open").await, [0; 0]);
    let ours = bot.scene.hub.pulls_of(REPO, "planwright/1").unwrap();
    assert_eq!(ours.iter().map(|pull| pull.number).collect::<Vec<_>>(), [1]);
    assert_eq!((ours[0].author.as_str(), ours[0].open), ("planwright[bot]", false));
}
