//! Events that come too early or too late: a merge that git does not have yet, a verdict that a
//! merge overtakes, a commit that is on no branch any more.

use std::{
    fs,
    sync::{
        Mutex,
        mpsc::{self, Receiver, Sender},
    },
};

use planwright::worker;
use planwright_fakehub::{Edit, Kind, Phase};

use super::merging::card;
use crate::support::{
    bot::{REPO, Setup, Story, borrowed, edit, hello},
    world::Watched,
};

async fn watched() -> (Watched, Story) {
    let watched = Watched::new();
    let engine = Some(watched.program());
    (watched, Story::with(Setup { engine, ..Setup::default() }).await)
}

/// Keeps the answer to the next look at a pull request back: says on the first channel that it is
/// made, and lets it go on the second.
fn keep_the_next_look_back(story: &Story) -> (Receiver<()>, Sender<()>) {
    let (made, is_made) = mpsc::channel();
    let (go, may_go) = mpsc::channel::<()>();
    let next = Mutex::new(Some((made, may_go)));
    story.hub.on_effect(move |phase, call| {
        if phase != Phase::Performed || call.kind != Kind::Graphql {
            return;
        }
        let kept = next.lock().unwrap().take();
        if let Some((made, may_go)) = kept {
            made.send(()).unwrap();
            may_go.recv().unwrap();
        }
    });
    (is_made, go)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_verdict_that_was_overtaken_by_the_merge_leaves_the_last_word_to_the_apply() {
    let (watched, story) = watched().await;
    let pr = story.approved("hello", &hello("hello", "Hello")).await;
    let (is_made, go) = keep_the_next_look_back(&story);
    story.carol.approve(REPO, pr).unwrap();
    story.hub.idle().await;
    let judging = async { worker::run_until_idle(story.app()).await.unwrap() };
    let meanwhile = async {
        tokio::task::spawn_blocking(move || is_made.recv().unwrap()).await.unwrap();
        story.merge(&story.bob, pr);
        story.hub.idle().await;
        worker::run_until_idle(story.app()).await.unwrap();
        story.assert_says(pr, "Applied and verified");
        go.send(()).unwrap();
    };
    tokio::join!(judging, meanwhile);
    story.settle().await;
    story.assert_says(pr, "Applied and verified");
    let (answer, _) = story.say(&story.bob, pr, "/infra apply").await;
    assert!(answer.contains("nothing to retry"), "{answer}");
    assert_eq!(watched.count("apply"), 1);
    story.finish().await;
}

#[tokio::test]
async fn a_merge_that_git_does_not_have_yet_is_applied_once_it_has() {
    let (watched, story) = watched().await;
    let pr = story.approved("hello", &hello("hello", "Hello")).await;
    let before = story.hub.sha(REPO, "main").unwrap();
    story.hub.hold_webhooks();
    let merge = story.merge(&story.bob, pr);
    let notes = Edit::new("Notes").write("notes.md", "x");
    story.carol.force_push(REPO, "main", &before, &notes).unwrap();
    story.hub.release_webhooks();
    story.work().await;
    let waiting = story.store().open_jobs().await.unwrap();
    assert!(waiting.iter().any(|job| job.key.starts_with("apply/")), "{waiting:?}");
    story.assert_says(pr, "Every requirement is met");

    story.carol.force_push(REPO, "main", &merge, &notes).unwrap();
    story.settle().await;
    story.assert_says(pr, "Applied and verified");
    assert_eq!(watched.count("apply"), 1);
    story.finish().await;
}

#[tokio::test]
async fn a_merge_that_git_never_has_fails_in_the_end_and_says_so() {
    let (watched, story) = watched().await;
    let pr = story.approved("hello", &hello("hello", "Hello")).await;
    let before = story.hub.sha(REPO, "main").unwrap();
    story.hub.hold_webhooks();
    story.merge(&story.bob, pr);
    story.carol.force_push(REPO, "main", &before, &edit(&[("notes.md", "x")])).unwrap();
    story.hub.release_webhooks();
    story.settle().await;
    let failed = story.store().failed_jobs(10).await.unwrap();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].error.as_ref().unwrap().contains("is not in the repository"), "{failed:?}");
    assert_eq!(watched.count("apply"), 0);
    let told = story.bot_comments(pr).into_iter().any(|it| it.body.contains("could not finish"));
    assert!(told);
}

/// The mirrors of the bot are lost.
fn forget_mirrors(story: &Story) {
    let mut forgotten = 0;
    for entry in walkdir::WalkDir::new(story.dir.path().join("bot")).into_iter().flatten() {
        let is_mirror = entry.path().extension().is_some_and(|it| it == "git");
        if is_mirror && entry.path().is_dir() {
            fs::remove_dir_all(entry.path()).unwrap();
            forgotten += 1;
        }
    }
    assert!(forgotten > 0);
}

/// GitHub no longer has a commit, as some time after no branch has it.
fn lose_commit(story: &Story, sha: &str) {
    let repositories = fs::read_dir(story.dir.path().join("hub/repositories")).unwrap();
    let object = format!("objects/{}/{}", &sha[..2], &sha[2..]);
    let files = repositories.flatten().map(|repository| repository.path().join(&object));
    let file = files.into_iter().find(|file| file.exists()).expect("the commit as a loose object");
    fs::remove_file(file).unwrap();
}

#[tokio::test]
async fn drift_is_told_from_a_commit_that_no_branch_has_any_more_if_it_can_be_had() {
    for is_kept in [true, false] {
        let (_watched, story) = watched().await;
        let before = story.hub.sha(REPO, "main").unwrap();
        let first = story.applied("first", &card("hello", "Hello", "world")).await;
        let applied = story.hub.pull(REPO, first).unwrap().merge_commit_sha.unwrap();
        // As if the branch had been written anew: the same files, and other commits.
        let again = edit(&borrowed(&card("hello", "Hello", "world")));
        story.carol.force_push(REPO, "main", &before, &again).unwrap();
        forget_mirrors(&story);
        if !is_kept {
            lose_commit(&story, &applied);
        }
        let pr = story.approved("second", &card("hello", "Goodbye", "world")).await;
        println!("{}", story.report(pr));
        let said = if is_kept { "| other | none |" } else { "is in no branch any more" };
        story.assert_says(pr, said);
        story.merge(&story.bob, pr);
        story.settle().await;
        story.assert_says(pr, "Applied and verified");
        story.finish().await;
    }
}
