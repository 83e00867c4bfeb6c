//! The main story with one crash in it: what people do, and what must be true at the end.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use planwright_fakehub::{CommentView, Hub, MergeMethod, Person, Role, Settings};
use planwright_store::{RunKind, Store};

use super::{effects::Effects, engine::Engine};
use crate::support::{
    bot::{CONFIG, REPO, borrowed, edit, hello},
    process::Process,
};

/// A story in which nothing happens for so long is lost. It is below the 30 s of a lease, so that
/// whoever has to wait for one is lost, too.
const PATIENCE: Duration = Duration::from_secs(20);
/// So is one that does not end.
const LONGEST: Duration = Duration::from_secs(180);
/// How often people look.
const LOOK: Duration = Duration::from_millis(20);

/// How a story ended.
pub struct Ended {
    pub effects: Vec<String>,
    pub killed_after: Option<String>,
    /// What is missing at the end.
    pub lost: Vec<String>,
    /// What is there more than once.
    pub doubled: Vec<String>,
    pub log: String,
}

pub struct Story {
    dir: TempDir,
    hub: Hub,
    alice: Person,
    bob: Person,
    effects: Arc<Effects>,
    engine: Engine,
    database: String,
    number: i64,
    has_approved: bool,
    has_merged: bool,
}

impl Story {
    /// Kills the bot after its k-th effect; never when there is no k.
    pub async fn play(kill_after: Option<usize>, postgres: Option<String>) -> Ended {
        let dir = TempDir::new().unwrap();
        let hub = Hub::start(Settings::new(dir.path().join("hub"))).await.unwrap();
        hub.add_repository(REPO, &[("planwright.yaml", CONFIG)]).unwrap();
        let [alice, bob] = ["alice", "bob"].map(|login| {
            let person = hub.add_user(login).unwrap();
            hub.set_permission(REPO, login, Some(Role::Write)).unwrap();
            person
        });
        let effects = Effects::new(kill_after);
        let engine = Engine::start(dir.path(), &effects).await;
        effects.watch(&hub);
        let sqlite = || format!("sqlite:{}", dir.path().join("bot/planwright.db").display());
        let database = postgres.unwrap_or_else(sqlite);
        let mut story = Self {
            alice,
            bob,
            effects,
            engine,
            database,
            hub,
            dir,
            number: 0,
            has_approved: false,
            has_merged: false,
        };
        story.run().await
    }

    async fn run(&mut self) -> Ended {
        self.start_bot();
        let store = Store::connect(&self.database).await.unwrap();
        self.alice.push(REPO, "hello", &edit(&borrowed(&hello("hello", "Hello")))).unwrap();
        self.number = self.alice.open_pull(REPO, "hello", "Say hello").unwrap();
        let longest = Instant::now() + LONGEST;
        let mut is_revived = false;
        let mut look = tokio::time::interval(LOOK);
        let is_silent = |effects: &Effects| effects.silence().is_some_and(|s| s > PATIENCE);
        while Instant::now() < longest && !is_silent(&self.effects) && !self.is_over(&store).await {
            look.tick().await;
            let is_dead = !is_revived && self.effects.killed_after().is_some();
            if is_dead || self.is_settled(&store).await {
                self.act();
            }
            if is_dead {
                // What people just did is delivered to nobody.
                self.hub.idle().await;
                self.start_bot();
                is_revived = true;
            }
        }
        let ended = self.ended(&store).await;
        self.effects.end();
        self.hub.on_effect(|_, _| ());
        self.hub.stop();
        ended
    }

    fn start_bot(&self) {
        let app = self.hub.app();
        let path = |name: &str| self.dir.path().join(name).display().to_string();
        fs::write(path("key.pem"), &app.private_key_pem).unwrap();
        fs::write(path("secret"), &app.webhook_secret).unwrap();
        let args = [
            ("--data", path("bot")),
            ("--database-url", self.database.clone()),
            ("--github-url", format!("{}/api/v3", self.hub.url())),
            ("--app-id", app.app_id.to_string()),
            ("--private-key-file", path("key.pem")),
            ("--webhook-secret-file", path("secret")),
            ("--engine", self.engine.wrapper.display().to_string()),
        ];
        let args: Vec<String> =
            args.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect();
        let address = self.effects.start(|| Process::start(&args, &BTreeMap::new(), &self.log()));
        self.hub.set_webhook(&format!("http://{address}/webhook"));
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("bot.log")
    }

    /// Everything was delivered and nothing is left to do.
    async fn is_settled(&self, store: &Store) -> bool {
        self.hub.idle().await;
        store.open_jobs().await.unwrap().is_empty()
    }

    async fn is_over(&self, store: &Store) -> bool {
        self.says("Applied and verified") && self.is_settled(store).await
    }

    /// People do what the comment asks them for, each thing once.
    fn act(&mut self) {
        if self.says("Waiting for approval") && !self.has_approved {
            self.bob.approve(REPO, self.number).unwrap();
            self.has_approved = true;
        } else if self.says("Merging applies this plan") && !self.has_merged {
            self.bob.merge(REPO, self.number, MergeMethod::Squash).unwrap();
            self.has_merged = true;
        }
    }

    fn comments(&self) -> Vec<CommentView> {
        let comments = self.hub.comments(REPO, self.number).unwrap();
        comments.into_iter().filter(|comment| comment.via_app).collect()
    }

    fn says(&self, words: &str) -> bool {
        self.comments().iter().any(|comment| comment.body.contains(words))
    }

    async fn ended(&self, store: &Store) -> Ended {
        let seen = self.effects.seen();
        let applies = seen.iter().filter(|effect| *effect == "engine apply-starts").count();
        let comments = self.comments();
        let head = self.hub.pull(REPO, self.number).unwrap().head_sha;
        let checks = self.hub.check_runs(REPO, &head).unwrap();
        let mut doubled = Vec::new();
        let mut lost = Vec::new();
        for (what, count) in
            [("comment", comments.len()), ("check run", checks.len()), ("apply", applies)]
        {
            match count {
                0 => lost.push(format!("no {what}")),
                1 => {}
                more => doubled.push(format!("{more} times {what}")),
            }
        }
        for place in self.effects.crowded() {
            doubled.push(format!("two engines at a time in {place}"));
        }
        if !self.says("Applied and verified") {
            lost.push(format!("the end; the comment says {comments:#?}"));
        }
        if checks.iter().any(|check| check.conclusion.as_deref() != Some("success")) {
            lost.push(format!("the success of the check {checks:#?}"));
        }
        if self.resources() != 2 {
            lost.push(format!("the resources: there are {}", self.resources()));
        }
        lost.extend(leftovers(store).await);
        lost.extend(self.plan_files());
        lost.extend(self.hub.unknown().iter().map(|call| format!("unknown call {call:?}")));
        let log = fs::read_to_string(self.log()).unwrap();
        Ended { killed_after: self.effects.killed_after(), effects: seen, lost, doubled, log }
    }

    /// Plan files have secrets in clear, so none may lie about.
    fn plan_files(&self) -> Vec<String> {
        let is_plan =
            |entry: &walkdir::DirEntry| entry.path().extension().is_some_and(|e| e == "tfplan");
        let all = walkdir::WalkDir::new(self.dir.path().join("bot")).into_iter().flatten();
        all.filter(is_plan).map(|file| format!("a plan file {}", file.path().display())).collect()
    }

    /// How many resources the state has, counted by hand.
    fn resources(&self) -> usize {
        let is_state = |entry: &walkdir::DirEntry| entry.file_name() == "terraform.tfstate";
        let states: Vec<_> = walkdir::WalkDir::new(self.dir.path().join("bot/state"))
            .into_iter()
            .flatten()
            .filter(is_state)
            .collect();
        let [state] = &states[..] else { return 0 };
        let state: serde_json::Value =
            serde_json::from_slice(&fs::read(state.path()).unwrap()).unwrap();
        let resources = state["resources"].as_array().unwrap();
        resources.iter().map(|resource| resource["instances"].as_array().unwrap().len()).sum()
    }
}

/// What a bot that has done everything leaves nothing of.
async fn leftovers(store: &Store) -> Vec<String> {
    let jobs = store.open_jobs().await.unwrap();
    let failed = store.failed_jobs(10).await.unwrap();
    let requests = store.unfinished_requests(jiff::Timestamp::MAX).await.unwrap();
    let runs = store.unfinished_runs(RunKind::Apply).await.unwrap();
    jobs.iter()
        .map(|job| format!("an open job {job:?}"))
        .chain(failed.iter().map(|job| format!("a failed job {job:?}")))
        .chain(requests.iter().map(|request| format!("an unsent request {}", request.key)))
        .chain(runs.iter().map(|run| format!("an unfinished run {run:?}")))
        .collect()
}
