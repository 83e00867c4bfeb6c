//! The bot as a process beside a local GitHub, both new for each round, and what it costs.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use planwright::localhub::{Hub, Kind, Person, Phase, Role, Settings};
use tempfile::TempDir;

use crate::{
    case::Case,
    row::Row,
    support::{
        bot::{CONFIG, REPO, borrowed, edit},
        process::Process,
        starts::Starts,
    },
};

/// When GitHub has not been called for so long and the check is done, all is done.
const SILENCE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);
const BRANCH: &str = "bench";

struct Round {
    hub: Hub,
    alice: Person,
    starts: Starts,
    process: Process,
    /// When GitHub was called last.
    called: Arc<Mutex<Instant>>,
    head: String,
}

/// One round: the start, a pull request that is opened, and the same head planned again.
pub async fn rows(case: &Case, bare: Duration) -> Vec<Row> {
    let dir = TempDir::new().unwrap();
    let hub = Hub::start(Settings::new(dir.path().join("hub"))).await.unwrap();
    hub.add_repository(REPO, &[("planwright.yaml", CONFIG)]).unwrap();
    let alice = hub.add_user("alice").unwrap();
    hub.set_permission(REPO, "alice", Some(Role::Write)).unwrap();
    let head = alice.push(REPO, BRANCH, &edit(&borrowed(&case.files))).unwrap();
    let starts = Starts::new();
    let start = Instant::now();
    let process = started(&hub, (case, &starts), dir.path());
    let ready = start.elapsed();
    hub.set_webhook(&format!("http://{}/webhook", process.address));
    let called = Arc::new(Mutex::new(Instant::now()));
    let last = called.clone();
    hub.on_effect(move |phase, _| {
        if phase == Phase::Performed {
            *last.lock().unwrap() = Instant::now();
        }
    });
    let round = Round { hub, alice, starts, process, called, head };
    round.silence().await;
    let calls = round.calls();
    let idle = round.row("started", 0, (ready, calls));

    let (opened, number) = round
        .measured("opened", case.stacks, |alice| alice.open_pull(REPO, BRANCH, "Bench").unwrap())
        .await;
    let opened = Row { bare_s: Some(bare.as_secs_f64()), ..opened };
    round.alice.close(REPO, number).unwrap();
    round.silence().await;
    let (again, _) = round
        .measured("same head again", case.stacks, |alice| {
            alice.reopen(REPO, number).unwrap();
            number
        })
        .await;
    round.hub.stop();
    [idle, opened, again]
        .map(|row| Row { name: format!("{}, {}", case.package, row.name), ..row })
        .into()
}

impl Round {
    /// What it costs until all is said about what a person does to a pull request, and its number.
    async fn measured(
        &self,
        name: &str,
        stacks: usize,
        act: impl FnOnce(&Person) -> i64,
    ) -> (Row, i64) {
        self.starts.take();
        let calls = self.calls();
        let start = Instant::now();
        let number = act(&self.alice);
        loop {
            self.silence().await;
            let last = *self.called.lock().unwrap();
            if last > start && self.is_planned(number) {
                return (self.row(name, stacks, (last - start, calls)), number);
            }
            assert!(start.elapsed() < LONGEST, "#{number} is not planned");
        }
    }

    /// Sleeps until GitHub has not been called for a while.
    async fn silence(&self) {
        loop {
            let silent = self.called.lock().unwrap().elapsed();
            match SILENCE.checked_sub(silent) {
                None => return tokio::time::sleep(Duration::from_millis(10)).await,
                Some(left) => tokio::time::sleep(left).await,
            }
        }
    }

    fn is_planned(&self, number: i64) -> bool {
        let checks = self.hub.check_runs(REPO, &self.head).unwrap();
        let comments = self.hub.comments(REPO, number).unwrap();
        checks.iter().any(|check| check.conclusion.as_deref() == Some("action_required"))
            && comments.iter().any(|comment| comment.body.contains("to add"))
    }

    fn calls(&self) -> usize {
        let is_api = |kind| matches!(kind, Kind::Rest | Kind::Graphql);
        self.hub.calls().iter().filter(|call| is_api(call.kind)).count()
    }

    fn row(&self, name: &str, stacks: usize, (wall, calls): (Duration, usize)) -> Row {
        Row {
            name: name.to_owned(),
            stacks,
            wall_s: wall.as_secs_f64(),
            bare_s: None,
            github_calls: self.calls() - calls,
            engine_processes: self.starts.take().len(),
            peak_rss_mb: peak_rss_mb(self.process.id()),
        }
    }
}

fn started(hub: &Hub, (case, starts): (&Case, &Starts), dir: &Path) -> Process {
    let app = hub.app();
    let file = |name: &str, text: &str| {
        let path = dir.join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let names: Vec<&str> = case.env.keys().map(String::as_str).collect();
    let names: Vec<&str> = names.into_iter().filter(|name| name.starts_with("AWS_")).collect();
    let args = [
        ("--data", dir.join("bot").display().to_string()),
        ("--github-url", format!("{}/api/v3", hub.url())),
        ("--app-id", app.app_id.to_string()),
        ("--private-key-file", file("key.pem", &app.private_key_pem)),
        ("--webhook-secret-file", file("secret", &app.webhook_secret)),
        ("--engine", starts.engine.display().to_string()),
        ("--provider-cache", case.provider_cache.display().to_string()),
        ("--plan-env", names.join(",")),
    ];
    let args: Vec<String> =
        args.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect();
    Process::start(&args, &case.env, &dir.join("bot.log"))
}

/// The most memory that a process has had resident, as the kernel counts it.
fn peak_rss_mb(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kibibytes / 1024.0
}
