//! A lost apply is looked into, however long its engine hangs and wherever it ran. Only what is
//! known to be applied is called so.

use std::{
    fs,
    process::{Child, Command},
};

use jiff::SignedDuration;
use serde_json::{Value as Json, json};

use planwright::worker;
use planwright_core::names::{PrNumber, RepositoryId, StackId};
use planwright_engine::Host;
use planwright_store as store;
use planwright_store::{JournalEntry, LockAnswer, LockState, PullRequestId, RunKind};

use crate::support::{
    bot::{REPO, Setup, Story, hello},
    world::Watched,
};

/// A story with one approved change of the stack `hello`.
async fn approved() -> (Watched, Story, i64) {
    let watched = Watched::new();
    let engine = Some(watched.program());
    let story = Story::with(Setup { engine, ..Setup::default() }).await;
    let pr = story.approved("hello", &hello("hello", "Hello")).await;
    (watched, story, pr)
}

fn id(story: &Story, pr: i64) -> PullRequestId {
    let repository = RepositoryId(story.hub.repository_id(REPO).unwrap());
    PullRequestId { repository, number: PrNumber(pr) }
}

/// Leaves behind what a bot does that dies while its engine applies `hello`.
pub async fn lose(story: &Story, pr: i64, host: &Host, child: Option<store::Child>) {
    let (store, id, now) = (story.store(), id(story, pr), story.app().now());
    let stacks = [StackId::parse("hello").unwrap()];
    store.queue_for_locks(id, &stacks, 0, now).await.unwrap();
    let answer = store.take_locks(id, &stacks, now, std::time::Duration::ZERO).await.unwrap();
    let LockAnswer::Held(lock) = answer else { panic!("{answer:?}") };
    let run = store.start_run(RunKind::Apply, &lock, now).await.unwrap().unwrap();
    let begun = json!({ "job": 0, "host": host });
    for (step, stack, detail, child) in [
        ("begun", None, begun, None),
        ("applying", Some(stacks[0].clone()), Json::Null, None),
        ("started", Some(stacks[0].clone()), Json::Null, child),
    ] {
        let entry = JournalEntry { stack, step: step.into(), detail, child, at: now };
        store.journal(run, &entry).await.unwrap();
    }
}

/// An engine that hangs, ended with the test.
struct Hanging(Child);

impl Hanging {
    fn start() -> Self {
        Self(Command::new("sleep").arg("600").spawn().unwrap())
    }

    fn journalled(&self) -> store::Child {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        let started = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap();
        store::Child { pid: self.0.id().into(), started: started.parse().unwrap() }
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

async fn held(story: &Story) -> usize {
    let repository = RepositoryId(story.hub.repository_id(REPO).unwrap());
    let locks = story.store().stack_locks(repository).await.unwrap();
    locks.iter().filter(|lock| lock.state == LockState::Held).count()
}

/// Longer than any apply of a story may take.
const LONG: SignedDuration = SignedDuration::from_mins(11);

#[tokio::test]
async fn an_engine_that_hangs_after_its_bot_died_is_told_of_and_keeps_its_lock() {
    let (watched, story, pr) = approved().await;
    let hanging = Hanging::start();
    lose(&story, pr, &Host::here(), Some(hanging.journalled())).await;
    story.merge(&story.bob, pr);
    story.work().await;
    assert!(!story.report(pr).contains("known to have ended"), "it may still end by itself");
    story.pass(LONG);
    story.work().await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "The apply failed");
    story.assert_says(pr, "is not known to have ended");
    story.assert_says(pr, &format!("process {} on {}", hanging.0.id(), Host::here()));
    assert_eq!((held(&story).await, watched.count("apply")), (1, 0));
    let (answer, reactions) = story.hear(&story.bob, pr, "/infra apply").await;
    assert!(answer.contains("says why"), "{answer}");
    assert_eq!(reactions, ["eyes", "confused"]);

    drop(hanging);
    story.say(&story.bob, pr, "/infra apply").await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "2 resources would still change");
    assert_eq!((held(&story).await, watched.count("apply")), (0, 0));
    story.finish().await;
}

#[tokio::test]
async fn an_engine_on_another_machine_is_neither_taken_for_dead_nor_for_alive() {
    let (watched, story, pr) = approved().await;
    let elsewhere = Host { name: "far-away".into(), boot: "another".into() };
    // Here, nothing has that process id.
    let child = store::Child { pid: 1 << 30, started: 1 };
    lose(&story, pr, &elsewhere, Some(child)).await;
    story.merge(&story.bob, pr);
    story.work().await;
    assert_eq!(held(&story).await, 1);
    let (answer, _) = story.hear(&story.bob, pr, "/infra unlock").await;
    assert!(answer.contains("in use by an apply that runs"), "{answer}");

    story.pass(LONG);
    story.work().await;
    story.assert_says(pr, "process 1073741824 on far-away");
    assert_eq!((held(&story).await, watched.count("apply")), (1, 0));
    // A person knows that the machine is gone.
    let (answer, _) = story.say(&story.bob, pr, "/infra unlock").await;
    assert!(answer.contains("released the lock of `hello`"), "{answer}");
    assert_eq!((held(&story).await, watched.count("apply")), (0, 0), "nothing runs by itself");
    story.say(&story.bob, pr, "/infra apply").await;
    story.assert_says(pr, "Applied and verified");
    assert_eq!(watched.count("apply"), 1);
    story.finish().await;
}

#[tokio::test]
async fn process_ids_of_another_machine_say_nothing_here() {
    let (_watched, story, pr) = approved().await;
    let hanging = Hanging::start();
    // Its host was started anew, with the same data directory: nothing of the run is left.
    let earlier = Host { boot: "earlier".into(), ..Host::here() };
    lose(&story, pr, &earlier, Some(hanging.journalled())).await;
    let runs = story.store().runs(id(&story, pr)).await.unwrap();
    let dir = story.dir.path().join("bot/apply").join(runs[0].id.to_string()).join("hello");
    fs::create_dir_all(&dir).unwrap();
    let held = fs::File::create(dir.join("held")).unwrap();
    held.lock().unwrap();
    story.merge(&story.bob, pr);
    story.work().await;
    assert!(!story.report(pr).contains("restarted"), "an engine still holds the directory");
    drop(held);
    story.settle().await;
    story.assert_says(pr, "2 resources would still change");
    story.finish().await;
}

#[tokio::test]
async fn a_cancel_does_not_keep_anyone_from_looking_at_what_was_done() {
    let (_watched, story, pr) = approved().await;
    lose(&story, pr, &Host::here(), None).await;
    story.merge(&story.bob, pr);
    story.hub.idle().await;
    let generation = story.store().generation(id(&story, pr)).await.unwrap();
    story.store().request_cancel(id(&story, pr), generation).await.unwrap();
    story.settle().await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "2 resources would still change");
    assert_eq!(held(&story).await, 0);
    story.finish().await;
}

#[tokio::test]
async fn a_lock_that_was_taken_away_during_an_apply_is_told_and_never_called_applied() {
    let (watched, story, pr) = approved().await;
    story.merge(&story.bob, pr);
    story.hub.idle().await;
    let held = watched.hold("apply");
    let applying = async { worker::run_until_idle(story.app()).await.unwrap() };
    let meanwhile = async {
        let waits = held.reached().await;
        let (id, now) = (id(&story, pr), story.app().now());
        let stacks = [StackId::parse("hello").unwrap()];
        let heir = story.store().take_locks(id, &stacks, now, std::time::Duration::ZERO).await;
        let LockAnswer::Held(heir) = heir.unwrap() else { panic!("it is its own") };
        drop(waits);
        heir
    };
    let (_, heir) = tokio::join!(applying, meanwhile);
    println!("{}", story.report(pr));
    assert!(!story.report(pr).contains("Applied and verified"));
    story.assert_says(pr, "Only a part was applied");
    story.assert_says(pr, "could not note it");
    let _ = story.store().release_locks(heir).await.unwrap();
    assert_eq!((watched.count("apply"), story.recorded("hello")), (1, 2));

    // Noted when it is confirmed that nothing is left to do.
    let (answer, _) = story.say(&story.bob, pr, "/infra apply").await;
    println!("{answer}\n{}", story.report(pr));
    let digest = story.digest_to_confirm(pr);
    story.say(&story.bob, pr, &format!("/infra apply --plan {digest}")).await;
    story.assert_says(pr, "Applied and verified");
    assert_eq!(watched.count("apply"), 1);
    story.finish().await;
}
