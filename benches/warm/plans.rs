//! The engine adapter on prepared directories, cold and warm.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::Path,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream};
use tempfile::TempDir;

use planwright::flow::work::{Home, Site, Tree, Work};
use planwright_core::{names::StackId, repo_config::RepoConfig};
use planwright_engine::{Control, Engine, Mode, Root, Secrets, Settings, WarmSettings};
use planwright_package::{Prepared, Trusted, files::MemoryFiles, repository};

use crate::{
    Line,
    case::Case,
    peak::Peak,
    support::{bot::CONFIG, engine::settings},
};

struct Stacks {
    engine: Engine,
    works: Vec<Work>,
    env: BTreeMap<String, OsString>,
    secrets: Secrets,
}

/// Measures plans without a state, and with one.
pub async fn lines(case: &Case) -> Vec<Line> {
    let dir = TempDir::new().unwrap();
    let stacks = Stacks::of(case, dir.path()).await;
    let mut lines = Vec::new();
    for state in [false, true] {
        // After either, the engine can plan in the directories at once.
        match state {
            true => stacks.each(Stacks::apply, true).await,
            false => stacks.each(Stacks::prepare, true).await,
        };
        let cold = stacks.each(Stacks::plan, false).await;
        stacks.each(Stacks::plan, true).await;
        let peak = Peak::of(std::process::id());
        let warm = stacks.each(Stacks::plan, true).await;
        let tree_peak_mb = peak.megabytes();
        let status = stacks.engine.warm_status();
        assert_eq!(status.fallbacks, 0, "{status:?}");
        let (cold, warm) = (cold.as_secs_f64(), warm.as_secs_f64());
        lines.push(Line { name: "plan", stacks: case.stacks, state, cold, warm, tree_peak_mb });
    }
    lines
}

impl Stacks {
    async fn of(case: &Case, dir: &Path) -> Self {
        let files: MemoryFiles = std::iter::once(("planwright.yaml", CONFIG))
            .chain(case.files.iter().map(|(path, text)| (path.as_str(), text.as_str())))
            .collect();
        let config = repository::config(&files).unwrap();
        let engine = Engine::new(Settings {
            plugin_cache: Some(case.provider_cache.clone()),
            warm: WarmSettings::trusted(),
            ..settings("terraform", dir)
        });
        let mut works = Vec::new();
        for i in 0..case.stacks {
            let id = StackId::parse(&format!("{}-{i}", case.package)).unwrap();
            works.push(work(&engine, (&files, &config), &id, dir).await);
        }
        let (env, secrets) = (case.env.clone(), Secrets::default());
        Self { engine, works, env, secrets }
    }

    /// Runs `act` for all stacks, as many at a time as the adapter allows, and returns how long
    /// that takes.
    async fn each<'a, F: Future<Output = ()>>(
        &'a self,
        act: impl Fn(&'a Self, Root<'a>) -> F,
        is_warm: bool,
    ) -> Duration {
        let start = Instant::now();
        let roots = self.works.iter().map(|work| {
            let root = work.root(&self.env, &self.secrets);
            act(self, Root { warm: root.warm.filter(|_| is_warm), ..root })
        });
        stream::iter(roots).buffer_unordered(self.works.len()).collect::<Vec<()>>().await;
        start.elapsed()
    }

    async fn prepare(&self, root: Root<'_>) {
        self.engine.outputs(&root, &Control::default()).await.unwrap();
    }

    async fn plan(&self, root: Root<'_>) {
        self.engine.plan(&root, Mode::Normal, &Control::default()).await.unwrap();
    }

    async fn apply(&self, root: Root<'_>) {
        let control = Control::default();
        let planned = self.engine.plan(&root, Mode::Normal, &control).await.unwrap();
        self.engine.apply(&root, planned, &control).await.unwrap();
    }
}

async fn work(
    engine: &Engine,
    (files, config): (&MemoryFiles, &RepoConfig),
    id: &StackId,
    dir: &Path,
) -> Work {
    let prepared = Prepared::load(files, &Trusted { config, packages: files }, id).unwrap();
    let home = Home { repository: "bench", config, states: &dir.join("states") };
    let site = Site { home, stack: id.clone(), dir: dir.join("work").join(id.to_string()) };
    Work::open(engine, site, Tree::new(&prepared), &Control::default()).await.unwrap()
}
