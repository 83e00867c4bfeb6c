//! Kills the bot with `kill -9` before each event of a run is written, when what the event records
//! has already happened, and starts it again. The run must end the same, nothing may happen twice,
//! and no budget may be refilled.

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, SqliteConnection};
use tempfile::TempDir;

use planwright_core::{
    agent::{event::Entry, run::Run},
    names::{PrNumber, RepositoryId},
};
use planwright_fakehub::{Hub, Role, Settings};
use planwright_store::{PullRequestId, Store};

use super::story::{LABEL, plain};
use crate::{
    crash::step,
    support::{
        bot::{CONFIG, REPO},
        model::{KEY, Model, Said},
        process::Process,
    },
};

/// A story that takes longer is lost.
const LONGEST: Duration = Duration::from_secs(120);

/// How a story ended.
#[derive(Debug)]
struct Ended {
    /// What people see on the issue.
    told: String,
    log: Vec<Entry>,
    /// How often the bot did each thing at GitHub that must be done once.
    effects: Vec<(&'static str, usize)>,
    title: String,
    /// Requests that the model got.
    asked: usize,
    was_killed: bool,
}

const ONCE: [&str; 4] = [
    "POST /repos/{owner}/{repo}/git/refs",
    "graphql mutation CreateCommit",
    "POST /repos/{owner}/{repo}/pulls",
    "graphql mutation MarkReady",
];

/// Answers by how far the conversation is, so that whoever asks again hears the same.
fn steady(request: &Value, _: usize) -> Said {
    let messages = request["messages"].as_array().unwrap();
    let step = messages.iter().filter(|message| message["role"] == "tool").count();
    plain("hi").swap_remove(step)
}

/// Plays the plain request; the bot dies when it is about to write the event of that number.
async fn play(fatal: Option<u64>) -> Ended {
    let dir = TempDir::new().unwrap();
    let hub = Hub::start(Settings::new(dir.path().join("hub"))).await.unwrap();
    hub.add_repository(REPO, &[("planwright.yaml", CONFIG)]).unwrap();
    let alice = hub.add_user("alice").unwrap();
    hub.set_permission(REPO, "alice", Some(Role::Write)).unwrap();
    let model = Model::minded(steady).await;
    let file = dir.path().join("planwright.db");
    let url = format!("sqlite:{}", file.display());
    let store = Store::connect(&url).await.unwrap();
    if let Some(seq) = fatal {
        let trigger = format!(
            "CREATE TRIGGER fatal BEFORE INSERT ON agent_events WHEN NEW.seq = {seq} \
             BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        );
        execute(&url, trigger).await;
    }
    let args = args(&hub, &dir, (&url, &model.url));
    let log = dir.path().join("bot.log");
    let mut bot = Some(start(&hub, &args, &log));
    let issue = alice.open_labeled_issue(REPO, "Greet", "Please greet.", &[LABEL]).unwrap();
    let (begin, mut was_killed) = (Instant::now(), false);
    loop {
        assert!(
            begin.elapsed() < LONGEST,
            "killed before {fatal:?}: {}\n{}",
            told(&hub, issue),
            fs::read_to_string(&log).unwrap()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
        let jobs = store.open_jobs().await.unwrap();
        if !was_killed && jobs.iter().any(|job| job.error.is_some()) {
            drop(bot.take());
            execute(&url, "DROP TRIGGER fatal".into()).await;
            bot = Some(start(&hub, &args, &log));
            was_killed = true;
        }
        hub.idle().await;
        let is_over = told(&hub, issue).contains("opened #") && jobs.is_empty();
        if is_over && was_killed == fatal.is_some() {
            break;
        }
    }
    drop(bot);
    let ended = ended(&hub, &store, issue, (model.asked().len(), was_killed)).await;
    store.close().await;
    hub.stop();
    ended
}

/// What stands at the end.
async fn ended(hub: &Hub, store: &Store, issue: i64, (asked, was_killed): (usize, bool)) -> Ended {
    let id = PullRequestId {
        repository: RepositoryId(hub.repository_id(REPO).unwrap()),
        number: PrNumber(issue),
    };
    let runs = store.agent_runs(id).await.unwrap();
    assert_eq!(runs.len(), 1, "{runs:#?}");
    let calls = hub.calls();
    let count = |operation: &&'static str| {
        let is_it = |call: &&planwright_fakehub::Call| call.operation == **operation;
        (*operation, calls.iter().filter(is_it).count())
    };
    let pull = hub.pull(REPO, issue + 1).unwrap();
    Ended {
        told: told(hub, issue),
        log: store.agent_log(runs[0].id).await.unwrap(),
        effects: ONCE.iter().map(count).collect(),
        title: pull.title,
        asked,
        was_killed,
    }
}

async fn execute(url: &str, sql: String) {
    let mut connection = SqliteConnection::connect(url).await.unwrap();
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
}

fn start(hub: &Hub, args: &[String], log: &std::path::Path) -> Process {
    let bot = Process::start(args, &BTreeMap::new(), log);
    hub.set_webhook(&format!("http://{}/webhook", bot.address));
    bot
}

fn args(hub: &Hub, dir: &TempDir, (database, model): (&str, &str)) -> Vec<String> {
    let app = hub.app();
    let path = |name: &str| dir.path().join(name).display().to_string();
    fs::write(path("key.pem"), &app.private_key_pem).unwrap();
    fs::write(path("secret"), &app.webhook_secret).unwrap();
    fs::write(path("model.key"), KEY).unwrap();
    [
        ("--data", path("bot")),
        ("--database-url", database.to_owned()),
        ("--github-url", format!("{}/api/v3", hub.url())),
        ("--app-id", app.app_id.to_string()),
        ("--private-key-file", path("key.pem")),
        ("--webhook-secret-file", path("secret")),
        ("--model-url", model.to_owned()),
        ("--model", "steady".to_owned()),
        ("--model-key-file", path("model.key")),
    ]
    .into_iter()
    .flat_map(|(flag, value)| [flag.to_owned(), value])
    .collect()
}

/// The comments on the issue, of which there is at most one.
fn told(hub: &Hub, issue: i64) -> String {
    let comments = hub.comments(REPO, issue).unwrap();
    assert!(comments.len() <= 1, "{comments:#?}");
    comments.into_iter().map(|comment| comment.body).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_run_that_is_killed_before_any_event_ends_as_if_nothing_had_happened() {
    let unharmed = play(None).await;
    let golden = Run::from_log(&unharmed.log).unwrap();
    assert!(golden.is_complete(), "{}", unharmed.told);
    let events = unharmed.log.len() as u64;
    assert!(events > 20);
    let ended: Vec<(u64, Ended)> = futures::stream::iter((0..events).step_by(step()))
        .map(|seq| async move { (seq, play(Some(seq)).await) })
        .buffer_unordered(3)
        .collect()
        .await;
    for (seq, ended) in ended {
        assert!(ended.was_killed);
        let run = Run::from_log(&ended.log).unwrap();
        assert_eq!(run.change_set, golden.change_set, "killed before {seq}");
        assert_eq!(run.conversation, golden.conversation, "killed before {seq}");
        assert!(run.is_complete(), "killed before {seq}: {}", ended.told);
        assert_eq!(ended.title, unharmed.title);
        for (operation, count) in &ended.effects {
            assert_eq!(*count, 1, "killed before {seq}: {operation}");
        }
        let spent = run.spent();
        assert!(spent.model_calls >= golden.spent().model_calls, "killed before {seq}");
        assert_eq!(
            spent.model_calls, ended.asked as u64,
            "killed before {seq}: what was asked is paid"
        );
        assert_eq!(spent.plans, golden.spent().plans, "killed before {seq}");
    }
}
