//! A failed apply is not repeated by itself, and one that somebody asks for again is not forgotten.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tempfile::TempDir;

use planwright::{flow::JobContext, jobs, queue};
use planwright_core::job::Role;
use planwright_fakehub::{Fault, Phase};
use planwright_store::{NewJob, Outcome, WriteOutcome};

use super::engine::on_path;
use crate::support::{
    bot::{REPO, Setup, Story, borrowed, hello},
    program::write_script,
};

/// The real engine, which notes its commands and cannot apply as long as it is broken.
struct Engine {
    dir: TempDir,
}

impl Engine {
    fn broken() -> Self {
        let engine = Self { dir: TempDir::new().unwrap() };
        let [log, broken] = ["log", "broken"].map(|name| engine.dir.path().join(name));
        let script = format!(
            "#!/usr/bin/env bash\n\
             echo \"$1\" >>'{}'\n\
             if [[ $1 == apply && -e '{}' ]]; then exit 1; fi\n\
             exec '{}' \"$@\"\n",
            log.display(),
            broken.display(),
            on_path().display()
        );
        fs::write(&broken, "").unwrap();
        write_script(&engine.wrapper(), &script);
        engine
    }

    fn wrapper(&self) -> PathBuf {
        let engine = on_path();
        let name = engine.file_name().unwrap().to_string_lossy();
        self.dir.path().join(format!("{name}-wrapper"))
    }

    fn mend(&self) {
        fs::remove_file(self.dir.path().join("broken")).unwrap();
    }

    fn applies(&self) -> usize {
        let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        log.lines().filter(|line| *line == "apply").count()
    }
}

/// A change that is approved and not merged yet.
async fn approved(engine: &Engine) -> (Story, i64) {
    let setup = Setup { engine: Some(engine.wrapper()), ..Setup::default() };
    let story = Story::with(setup).await;
    let pr = story.open(&story.alice, "hello", &borrowed(&hello("hello", "Hello")));
    story.settle().await;
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    (story, pr)
}

#[tokio::test]
async fn a_failed_apply_whose_last_words_were_lost_says_them_and_is_not_repeated() {
    let engine = Engine::broken();
    let (story, pr) = approved(&engine).await;
    let (hub, log) = (story.hub.clone(), engine.dir.path().join("log"));
    let has_failed = AtomicBool::new(false);
    story.hub.on_effect(move |phase, call| {
        let is_last_word = phase == Phase::Received
            && call.operation.starts_with("PATCH")
            && fs::read_to_string(&log).unwrap().contains("apply\n");
        if is_last_word && !has_failed.swap(true, Ordering::SeqCst) {
            hub.fail(&call.operation, 1, Fault::Status(502));
        }
    });
    story.merge(&story.bob, pr);
    story.settle().await;
    story.hub.on_effect(|_, _| ());
    assert_eq!(engine.applies(), 1, "{}", story.report(pr));
    assert!(story.report(pr).contains("failed"), "{}", story.report(pr));
    story.finish().await;
}

#[tokio::test]
async fn a_retry_that_is_lost_before_it_began_is_not_taken_for_the_run_before_it() {
    let engine = Engine::broken();
    let (story, pr) = approved(&engine).await;
    story.merge(&story.bob, pr);
    story.settle().await;
    assert!(story.report(pr).contains("failed"), "{}", story.report(pr));
    engine.mend();
    story.carol.comment(REPO, pr, "/infra apply").unwrap();
    story.hub.idle().await;
    acknowledge(&story).await;
    let apply = queue::kinds(&[Role::Apply]).unwrap();
    let now = story.app().now();
    let lost = story.store().claim("lost", &apply, now, Duration::ZERO).await.unwrap();
    assert!(lost.is_some(), "a worker has taken the apply, and is never heard of again");
    story.settle().await;
    assert_eq!(engine.applies(), 2, "{}", story.report(pr));
    assert!(story.report(pr).contains("Applied and verified"), "{}", story.report(pr));
    story.finish().await;
}

/// What a worker of the role `web` does, and no more.
async fn acknowledge(story: &Story) {
    let web = queue::kinds(&[Role::Web]).unwrap();
    let now = story.app().now();
    let lease = Duration::from_secs(30);
    let claim = story.store().claim("web", &web, now, lease).await.unwrap().unwrap();
    let job = queue::read(&claim.job).unwrap();
    let next = jobs::run(&job, &JobContext::new(story.app(), job.target())).await.unwrap();
    let next = next.iter().map(|job| queue::new_job(job, None, now).unwrap());
    let next: Vec<NewJob> = next.collect();
    let done = story.store().finish(claim.lease, &Outcome::Done, &next, now).await.unwrap();
    assert_eq!(done, WriteOutcome::Written);
}
