//! The setting of the demo: a repository of a few stacks, three people, and the bot.

use std::{
    fs,
    io::Write as _,
    net::Ipv4Addr,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use tokio::net::TcpListener;

use planwright_core::{
    change::Change,
    names::{CommentId, PrNumber, RepositoryId, StackId},
    public_url::PublicUrl,
};
use planwright_engine::Control;
use planwright_fakehub as fakehub;
use planwright_fakehub::{AppEdit, CheckRunView, Hub, Person, Role};
use planwright_package::{files::MemoryFiles, lock::Lock, stack::Stack};
use planwright_store::PullRequestId;
use planwright_view::Marker;

use super::{home::Home, sample};
use crate::{queue, serve::Bot, settings, worker};

/// The repository of the demo.
pub const REPO: &str = "acme/infra";
/// The stack of the story that is played.
pub const STACK: &str = "hello";
/// The greeting after a change outside of the configuration.
pub const TAMPERED: &str = "Boo";

/// The versions of the engine that the settings and the package allow.
const ENGINE: &str = ">=1.9, <2";

pub struct Sandbox {
    pub hub: Hub,
    pub bot: Bot,
    pub alice: Person,
    pub bob: Person,
    data: PathBuf,
    repository: i64,
}

impl Sandbox {
    /// Opens what an earlier demo left in the directory, or creates everything.
    pub async fn open(home: &Home, engine: Option<&Path>, port: u16) -> Result<Self> {
        let dir = home.dir.as_path();
        let kept = fakehub::Settings { port, ..fakehub::Settings::new(dir.join("hub")) };
        let hub = Hub::start(kept).await?;
        if hub.sha(REPO, "main").is_err() {
            let files = sample::files()?;
            let files: Vec<(&str, &str)> =
                files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
            hub.add_repository(REPO, &files)?;
        }
        let person = |login| hub.person(login).or_else(|_| hub.add_user(login));
        let (alice, bob, carol) = (person("alice")?, person("bob")?, person("carol")?);
        for person in [&alice, &bob, &carol] {
            hub.set_permission(REPO, &person.login, Some(Role::Write))?;
        }
        let data = dir.join("bot");
        let listener = listener(port).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let url = PublicUrl::parse(&url).map_err(anyhow::Error::msg)?;
        let settings = settings(&hub, dir, &url, engine)?;
        #[expect(clippy::disallowed_methods, reason = "the rim: from here on time is an argument")]
        let clock = Arc::new(Timestamp::now);
        let bot = Bot::on(&settings, clock, Some(listener)).await?;
        let callback_urls = Some(vec![url.signed_in()]);
        hub.edit_app(AppEdit { callback_urls, ..AppEdit::default() })?;
        hub.set_webhook(&url.webhook());
        let repository = hub.repository_id(REPO)?;
        Ok(Self { hub, bot, alice, bob, data, repository })
    }

    /// Fails unless the engine's version is suitable; otherwise the story would end at its first
    /// plan.
    pub async fn engine(&self) -> Result<()> {
        Ok(self.bot.app.engine.binary(ENGINE, &Control::default()).await.map(drop)?)
    }

    /// Returns the number of the newest pull request; 0 if there is none.
    pub fn newest(&self) -> i64 {
        let pulls = self.hub.pulls(REPO).unwrap_or_default();
        pulls.last().map_or(0, |pull| pull.number)
    }

    /// Delivers webhooks and runs jobs until nothing is left to do.
    pub async fn settle(&self) -> Result<()> {
        let app = &self.bot.app;
        let kinds = queue::kinds(&app.roles)?;
        loop {
            self.hub.idle().await;
            worker::run_until_idle(app).await?;
            self.hub.idle().await;
            let Some(due) = app.store.next_due(&kinds).await? else { return Ok(()) };
            let wait = due.duration_since(app.now());
            tokio::time::sleep(Duration::try_from(wait).unwrap_or_default()).await;
        }
    }

    /// Returns the change as the bot has stored it.
    pub async fn change(&self, number: i64) -> Result<Change> {
        let kept = self.bot.app.store.latest_plan_set(self.id(number)).await?;
        Ok(kept.context("the bot has no plan of it")?.change)
    }

    /// Returns the id by which the bot stores a pull request.
    pub fn id(&self, number: i64) -> PullRequestId {
        let repository = RepositoryId(self.repository);
        PullRequestId { repository, number: PrNumber(number) }
    }

    /// Returns the text of the bot's report comment.
    pub fn report(&self, number: i64) -> Result<String> {
        let comments = self.hub.comments(REPO, number)?;
        let mut ours = comments.into_iter().filter(|comment| comment.via_app);
        let report = ours.find(|comment| Marker::Report.is_on(&comment.body));
        Ok(report.context("there is no comment of Planwright")?.body)
    }

    /// Returns the bot's reply to the only command of a comment.
    pub fn reply(&self, number: i64, comment: i64) -> Result<String> {
        let marker = Marker::Reply(CommentId(comment), 0);
        let comments = self.hub.comments(REPO, number)?;
        let mut ours = comments.into_iter().filter(|comment| comment.via_app);
        let reply = ours.find(|comment| marker.is_on(&comment.body));
        Ok(reply.context("there is no reply of Planwright")?.body)
    }

    /// Returns the check run of a pull request's head.
    pub fn check(&self, number: i64) -> Result<CheckRunView> {
        let head = self.hub.pull(REPO, number)?.head_sha;
        let mut checks = self.hub.check_runs(REPO, &head)?;
        checks.pop().context("there is no check of Planwright")
    }

    /// Changes the greeting in the state, as a person would who bypasses the configuration.
    pub fn tamper(&self, from: &str, to: &str) -> Result<()> {
        tamper(&self.states().join(STACK).join("terraform.tfstate"), from, to)
    }

    /// Returns the folder of the states of the repository's stacks.
    pub fn states(&self) -> PathBuf {
        self.data.join("state").join(self.repository.to_string())
    }

    pub async fn close(self) -> Result<()> {
        self.bot.stop().await?;
        self.hub.stop();
        Ok(())
    }
}

/// Replaces one string in a state file by another.
pub fn tamper(file: &Path, from: &str, to: &str) -> Result<()> {
    let text = fs::read_to_string(file).context("reading the state")?;
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    if !text.contains(&quoted(from)) {
        bail!("the state does not have `{from}`");
    }
    fs::write(file, text.replace(&quoted(from), &quoted(to))).context("writing the state")
}

/// Returns the files of the stack with this greeting, including its lock.
pub fn stack_files(greeting: &str) -> Result<Vec<(String, String)>> {
    let path = format!("stacks/{STACK}/stack.yaml");
    let text = format!(
        "apiVersion: planwright.dev/v1\nkind: Stack\npackage: hello\nversion: \"^0.1\"\nparams:\n  \
         greeting: {greeting}\n  audience: [world]\n"
    );
    let files: MemoryFiles = [(path.clone(), text.clone())].into_iter().collect();
    let unreadable = |findings: Vec<planwright_core::finding::Finding>| {
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the demo's own stack: {}", lines.join("; "))
    };
    let stack = Stack::read(&files, &StackId::parse(STACK)?).map_err(unreadable)?;
    let package = stack.source.package(&files, &stack.source_place).map_err(unreadable)?;
    let lock = Lock::new(&stack, &package, None).map_err(unreadable)?;
    let lock = String::from_utf8(lock.bytes()).context("the lock is text")?;
    Ok(vec![(path, text), (format!("stacks/{STACK}/stack.lock.json"), lock)])
}

/// Listens on the port after that of the pages if it is free, so that links of an earlier demo
/// still work; otherwise on any free port.
async fn listener(port: u16) -> Result<TcpListener> {
    let next = port.checked_add(1).filter(|_| port != 0).unwrap_or(0);
    match TcpListener::bind((Ipv4Addr::LOCALHOST, next)).await {
        Ok(listener) => Ok(listener),
        Err(_) => Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?),
    }
}

fn settings(
    hub: &Hub,
    dir: &Path,
    url: &PublicUrl,
    engine: Option<&Path>,
) -> Result<settings::Serve> {
    let app = hub.app();
    let secret = |name: &str, text: &str| -> Result<PathBuf> {
        let path = dir.join(name);
        let mut options = fs::OpenOptions::new();
        let file = options.create(true).truncate(true).write(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    };
    Ok(settings::Serve {
        process: settings::Process {
            listen: ([127, 0, 0, 1], 0).into(),
            public_url: Some(url.to_string()),
            workers: 2,
            ..settings::Process::default()
        },
        storage: settings::Storage { data: dir.join("bot"), ..settings::Storage::default() },
        github: settings::GitHub {
            github_url: format!("{}/api/v3", hub.url()),
            app_id: app.app_id,
            private_key_file: Some(secret("app.pem", &app.private_key_pem)?),
            private_key: None,
            webhook_secret_file: Some(secret("webhook.secret", &app.webhook_secret)?),
            webhook_secret: None,
            client_id: Some(app.client_id.clone()),
            client_secret_file: Some(secret("client.secret", &app.client_secret)?),
            client_secret: None,
        },
        engine: settings::Engine {
            engine: engine.map(Path::to_owned),
            ..settings::Engine::default()
        },
        model: settings::Model::default(),
    })
}
