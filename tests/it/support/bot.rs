//! The whole bot against fakehub over HTTP. People act, `settle` lets the bot work until nothing is
//! left to do, and the test looks at what people see.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tokio::net::TcpListener;

use planwright::{app::App, queue, serve::Bot, settings, worker};
use planwright_core::{
    names::{PrNumber, RepositoryId},
    public_url::PublicUrl,
};
use planwright_fakehub::{
    AppEdit, CheckRunView, CommentView, Edit, Hub, MergeMethod, Person, Role, Settings,
};
use planwright_store::{PullRequestId, Store};

use super::postgres;

pub const REPO: &str = "acme/infra";

pub const CONFIG: &str = "apiVersion: planwright.dev/v1
kind: Repository
packages:
  - hello
  - aws-bucket
  - packages/*
backend:
  type: local
approvals:
  required: 1
  self: false
engine:
  version: \">=1.9, <2\"
";

/// The local GitHub, the bot, and the people of a story.
pub struct Story {
    pub hub: Hub,
    pub bot: Bot,
    pub alice: Person,
    pub bob: Person,
    pub carol: Person,
    pub eve: Person,
    ahead: Arc<AtomicI64>,
    settings: settings::Serve,
    pub dir: TempDir,
}

/// The options of a story.
pub struct Setup<'a> {
    /// Files of `main` besides `planwright.yaml`.
    pub files: &'a [(&'a str, &'a str)],
    pub config: &'a str,
    pub on_postgres: bool,
    /// Variables for the engine, by `--plan-env` and `--apply-env`.
    pub env: BTreeMap<String, OsString>,
    /// Further variables in the environment of the bot.
    pub variables: BTreeMap<String, OsString>,
    pub provider_cache: Option<PathBuf>,
    pub engine: Option<PathBuf>,
    /// Whether providers are kept between plans, as `--warm`.
    pub warm: settings::Warm,
    /// The file that calls are recorded in, if not one for the contract test.
    pub record: Option<PathBuf>,
    /// The URL of a model server.
    pub model: Option<String>,
    /// Whether the bot serves the pages of runs.
    pub has_pages: bool,
    /// The prices of the model, as `--model-prices`.
    pub prices: Option<String>,
    /// What an earlier bot left behind.
    pub before: Option<Before<'a>>,
}

/// The database of an earlier bot, and what has happened since.
#[derive(Clone, Copy)]
pub struct Before<'a> {
    /// The file that the database is copied from.
    pub database: &'a Path,
    /// What people do while no bot receives webhooks.
    pub people: fn(&Hub, &Person),
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self {
            files: &[],
            config: CONFIG,
            on_postgres: false,
            env: BTreeMap::new(),
            variables: BTreeMap::new(),
            provider_cache: None,
            engine: None,
            warm: settings::Warm::Auto,
            record: None,
            model: None,
            has_pages: false,
            prices: None,
            before: None,
        }
    }
}

impl Story {
    pub async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    /// Starts a story in which Alice, Bob and Carol may write, and Eve has no role.
    pub async fn with(setup: Setup<'_>) -> Self {
        let dir = TempDir::new().unwrap();
        let hub = Settings {
            record: setup.record.clone().or_else(|| Some(recording())),
            ..Settings::new(dir.path().join("hub"))
        };
        let hub = Hub::start(hub).await.unwrap();
        let files: Vec<(&str, &str)> = [("planwright.yaml", setup.config)]
            .into_iter()
            .chain(setup.files.iter().copied())
            .collect();
        hub.add_repository(REPO, &files).unwrap();
        let [alice, bob, carol, eve] =
            ["alice", "bob", "carol", "eve"].map(|login| hub.add_user(login).unwrap());
        for login in ["alice", "bob", "carol"] {
            hub.set_permission(REPO, login, Some(Role::Write)).unwrap();
        }
        let mut settings = serve_settings(&hub, dir.path(), &setup).await;
        if let Some(before) = setup.before {
            std::fs::create_dir_all(&settings.storage.data).unwrap();
            std::fs::copy(before.database, settings.storage.data.join("planwright.db")).unwrap();
            hub.set_webhook("http://127.0.0.1:9/gone");
            (before.people)(&hub, &alice);
            hub.idle().await;
        }
        let listener = TcpListener::bind(settings.process.listen).await.unwrap();
        if setup.has_pages {
            let url = PublicUrl::parse(&format!("http://{}", listener.local_addr().unwrap()));
            let callback_urls = Some(vec![url.as_ref().unwrap().signed_in()]);
            hub.edit_app(AppEdit { callback_urls, ..AppEdit::default() }).unwrap();
            settings.process.public_url = Some(url.unwrap().to_string());
        }
        let ahead = Arc::new(AtomicI64::new(0));
        let bot = start(&settings, &ahead, listener).await;
        hub.set_webhook(&format!("http://{}/webhook", bot.address.unwrap()));
        Self { hub, bot, alice, bob, carol, eve, ahead, settings, dir }
    }

    /// Starts a new bot on the same data, and stops the old one in order.
    pub async fn restart(&mut self) {
        let listener = TcpListener::bind(self.settings.process.listen).await.unwrap();
        let bot = start(&self.settings, &self.ahead, listener).await;
        self.hub.set_webhook(&format!("http://{}/webhook", bot.address.unwrap()));
        std::mem::replace(&mut self.bot, bot).stop().await.unwrap();
    }

    /// Returns the settings that the bot was started with.
    pub fn settings(&self) -> settings::Serve {
        self.settings.clone()
    }

    /// Returns the address that the bot listens on.
    pub fn address(&self) -> std::net::SocketAddr {
        self.bot.address.unwrap()
    }

    pub fn app(&self) -> &App {
        &self.bot.app
    }

    pub fn store(&self) -> &Store {
        &self.bot.app.store
    }

    /// Returns the key of an issue or pull request in the store.
    pub fn id(&self, number: i64) -> PullRequestId {
        let repository = RepositoryId(self.hub.repository_id(REPO).unwrap());
        PullRequestId { repository, number: PrNumber(number) }
    }

    /// Delivers webhooks and runs jobs until nothing is left to do. Moves the clock forward for
    /// what waits for a time.
    pub async fn settle(&self) {
        self.settle_with(1).await;
    }

    /// Does the same with four workers at a time.
    pub async fn settle_together(&self) {
        self.settle_with(4).await;
    }

    async fn settle_with(&self, workers: usize) {
        let kinds = queue::kinds(&self.app().roles).unwrap();
        for _ in 0..200 {
            self.hub.idle().await;
            let work = (0..workers).map(|_| worker::run_until_idle(self.app()));
            futures::future::try_join_all(work).await.unwrap();
            self.hub.idle().await;
            match self.store().next_due(&kinds).await.unwrap() {
                None => return,
                Some(due) => {
                    let wait = due.duration_since(self.app().now()).as_millis();
                    let wait = i64::try_from(wait).unwrap().max(0) + 1;
                    self.ahead.fetch_add(wait, Ordering::SeqCst);
                }
            }
        }
        panic!("it does not settle: {:?}", self.store().open_jobs().await.unwrap());
    }

    /// Moves the clock forward, without running jobs.
    pub fn pass(&self, time: SignedDuration) {
        self.ahead.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Settles, and stops the bot. Fails if a job is left over or has failed, or if fakehub got a
    /// call that it does not know.
    pub async fn finish(self) {
        self.settle().await;
        assert!(self.hub.unknown().is_empty(), "{:#?}", self.hub.unknown());
        assert_eq!(self.store().open_jobs().await.unwrap(), Vec::new());
        assert_eq!(self.store().failed_jobs(10).await.unwrap(), Vec::new());
        self.bot.stop().await.unwrap();
        self.hub.stop();
    }

    /// Pushes `files` to `branch` as `person`, opens a pull request, and returns its number.
    pub fn open(&self, person: &Person, branch: &str, files: &[(&str, &str)]) -> i64 {
        person.push(REPO, branch, &edit(files)).unwrap();
        person.open_pull(REPO, branch, &format!("Change {branch}")).unwrap()
    }

    pub fn merge(&self, person: &Person, number: i64) -> String {
        person.merge(REPO, number, MergeMethod::Squash).unwrap()
    }

    pub fn bot_comments(&self, number: i64) -> Vec<CommentView> {
        let comments = self.hub.comments(REPO, number).unwrap();
        comments.into_iter().filter(|comment| comment.via_app).collect()
    }

    /// Returns the report, the one comment that the bot edits in place.
    pub fn report(&self, number: i64) -> String {
        let reports: Vec<String> = self
            .bot_comments(number)
            .into_iter()
            .map(|comment| comment.body)
            .filter(|body| body.starts_with("<!-- planwright:report -->"))
            .collect();
        assert_eq!(reports.len(), 1, "{reports:#?}");
        reports.into_iter().next().unwrap()
    }

    /// Returns the last reply of the bot, or an empty string. The report is no reply.
    pub fn reply(&self, number: i64) -> String {
        let mut comments = self.bot_comments(number).into_iter();
        let reply = comments.rfind(|comment| comment.body.starts_with("<!-- planwright:reply"));
        reply.map_or(String::new(), |comment| comment.body)
    }

    /// Returns the check run of a pull request's head. Fails unless there is exactly one.
    pub fn check(&self, number: i64) -> CheckRunView {
        let head = self.hub.pull(REPO, number).unwrap().head_sha;
        let mut checks = self.hub.check_runs(REPO, &head).unwrap();
        assert_eq!(checks.len(), 1, "{checks:#?}");
        checks.remove(0)
    }

    pub fn conclusion(&self, number: i64) -> String {
        self.check(number).conclusion.unwrap_or_default()
    }
}

/// Returns a new file for the calls of a story, which the contract test compares with GitHub's own
/// descriptions afterwards.
fn recording() -> PathBuf {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/contract");
    std::fs::create_dir_all(&dir).unwrap();
    dir.join(format!("{}.jsonl", uuid::Uuid::now_v7()))
}

/// Returns a commit that writes `files`.
pub fn edit(files: &[(&str, &str)]) -> Edit {
    files.iter().fold(Edit::new("Change stacks"), |edit, (path, text)| edit.write(*path, *text))
}

async fn start(settings: &settings::Serve, ahead: &Arc<AtomicI64>, listener: TcpListener) -> Bot {
    let ahead = ahead.clone();
    let clock = move || {
        let ahead = SignedDuration::from_millis(ahead.load(Ordering::SeqCst));
        Timestamp::now().checked_add(ahead).unwrap()
    };
    Bot::on(settings, Arc::new(clock), Some(listener)).await.unwrap()
}

async fn serve_settings(hub: &Hub, dir: &Path, setup: &Setup<'_>) -> settings::Serve {
    let app = hub.app();
    let file = |name: &str, text: &str| {
        let path = dir.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let database_url = if setup.on_postgres { Some(postgres::fresh_url().await) } else { None };
    let mut variables = settings::Variables::of_process();
    let own = setup.env.iter().chain(&setup.variables);
    variables.0.extend(own.map(|(name, value)| (name.into(), value.clone())));
    let data = dir.join("bot");
    settings::Serve {
        process: settings::Process {
            listen: "127.0.0.1:0".parse().unwrap(),
            workers: 2,
            ..settings::Process::default()
        },
        storage: settings::Storage { data, database_url, ..settings::Storage::default() },
        github: settings::GitHub {
            github_url: format!("{}/api/v3", hub.url()),
            app_id: app.app_id,
            private_key_file: Some(file("key.pem", &app.private_key_pem)),
            private_key: None,
            webhook_secret_file: Some(file("secret", &app.webhook_secret)),
            webhook_secret: None,
            client_id: Some(app.client_id.clone()),
            client_secret_file: Some(file("client", &app.client_secret)),
            client_secret: None,
        },
        engine: settings::Engine {
            engine: setup.engine.clone(),
            provider_cache: setup.provider_cache.clone(),
            plan_env: setup.env.keys().cloned().collect(),
            apply_env: setup.env.keys().cloned().collect(),
            plan_timeout: 300,
            apply_timeout: 300,
            warm: setup.warm,
            variables,
            ..settings::Engine::default()
        },
        model: settings::Model {
            model_url: setup.model.clone(),
            model: setup.model.as_ref().map(|_| "scripted".into()),
            model_key_file: Some(file("model.key", super::model::KEY)),
            model_timeout: 20,
            model_prices: setup.prices.clone(),
            ..settings::Model::default()
        },
    }
}

/// Returns the files of a stack of `hello`, with its lock.
pub fn hello(stack: &str, greeting: &str) -> Vec<(String, String)> {
    locked(
        stack,
        &format!(
            "apiVersion: planwright.dev/v1\nkind: Stack\npackage: hello\nversion: \"^0.1\"\nparams:\n  greeting: {greeting}\n  audience: [world]\n"
        ),
    )
}

/// Returns a stack file with the lock that belongs to it.
pub fn locked(stack: &str, text: &str) -> Vec<(String, String)> {
    use planwright_core::names::StackId;
    use planwright_package::{files::MemoryFiles, lock::Lock, stack::Stack};
    let path = format!("stacks/{stack}/stack.yaml");
    let files: MemoryFiles = [(path.clone(), text.to_owned())].into_iter().collect();
    let id = StackId::parse(stack).unwrap();
    let read = Stack::read(&files, &id).unwrap();
    let package = read.source.package(&files, &read.source_place).unwrap();
    let lock = Lock::new(&read, &package, None).unwrap();
    let lock = String::from_utf8(lock.bytes()).unwrap();
    vec![(path, text.to_owned()), (format!("stacks/{stack}/stack.lock.json"), lock)]
}

pub fn borrowed(files: &[(String, String)]) -> Vec<(&str, &str)> {
    files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect()
}

/// Returns the number of the pull request to which an answer on an issue links.
pub fn linked(answer: &str) -> i64 {
    let (_, rest) = answer.split_once("opened #").unwrap_or_else(|| panic!("{answer}"));
    rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}
