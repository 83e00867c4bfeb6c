//! A round of a benchmark: a local GitHub of its own, whose calls show when the bot is done.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use planwright_fakehub::{Hub, Kind, Person, Phase, Role, Settings};

use crate::{
    row::Row,
    support::{bot::REPO, starts::Starts},
};

/// How long GitHub must not be called before the bot counts as done.
const SILENCE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);
pub const BRANCH: &str = "bench";

pub struct Round {
    pub hub: Hub,
    pub alice: Person,
    pub starts: Starts,
    /// The time of the last call to GitHub.
    called: Arc<Mutex<Instant>>,
}

impl Round {
    /// Starts a local GitHub with a repository of `files`, to which Alice may write.
    pub async fn start(dir: &Path, files: &[(&str, &str)]) -> Self {
        let hub = Hub::start(Settings::new(dir.join("hub"))).await.unwrap();
        hub.add_repository(REPO, files).unwrap();
        let alice = hub.add_user("alice").unwrap();
        hub.set_permission(REPO, "alice", Some(Role::Write)).unwrap();
        let called = Arc::new(Mutex::new(Instant::now()));
        let last = called.clone();
        hub.on_effect(move |phase, _| {
            if phase == Phase::Performed {
                *last.lock().unwrap() = Instant::now();
            }
        });
        Self { hub, alice, starts: Starts::new(), called }
    }

    /// Lets a person act on a pull request, and waits until `is_planned` and the bot is done.
    ///
    /// Returns what that costs `process`, and the number of the pull request, which `act` returns.
    pub async fn measured(
        &self,
        (process, is_planned): (u32, &dyn Fn(i64) -> bool),
        stacks: usize,
        act: impl FnOnce(&Person) -> i64,
    ) -> (Row, i64) {
        self.starts.take();
        let calls = self.calls();
        let start = Instant::now();
        let number = act(&self.alice);
        // Until the first calls arrive, `is_planned` can see the results of an earlier plan.
        tokio::time::sleep(SILENCE).await;
        loop {
            self.silence().await;
            let last = *self.called.lock().unwrap();
            if last > start && is_planned(number) {
                let row = self.row(process, (last - start, calls));
                return (Row { stacks, ..row }, number);
            }
            assert!(start.elapsed() < LONGEST, "#{number} is not planned");
        }
    }

    /// Sleeps until GitHub has not been called for [`SILENCE`].
    pub async fn silence(&self) {
        loop {
            let silent = self.called.lock().unwrap().elapsed();
            match SILENCE.checked_sub(silent) {
                None => return tokio::time::sleep(Duration::from_millis(10)).await,
                Some(left) => tokio::time::sleep(left).await,
            }
        }
    }

    /// Returns the number of REST and GraphQL calls so far.
    pub fn calls(&self) -> usize {
        let is_api = |kind| matches!(kind, Kind::Rest | Kind::Graphql);
        self.hub.calls().iter().filter(|call| is_api(call.kind)).count()
    }

    /// Returns the row of a process that has taken `wall`, and had made `calls` before.
    pub fn row(&self, process: u32, (wall, calls): (Duration, usize)) -> Row {
        Row {
            name: String::new(),
            stacks: 0,
            wall_s: wall.as_secs_f64(),
            bare_s: None,
            github_calls: self.calls() - calls,
            engine_processes: self.starts.take().len(),
            peak_rss_mb: peak_rss_mb(process),
        }
    }
}

/// Returns the peak of a process's resident memory in MiB, as the kernel counts it.
fn peak_rss_mb(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kibibytes / 1024.0
}
