//! Failures are reported, nothing is retried by itself, and no secret is shown.

use std::{fs, path::Path};

use jiff::SignedDuration;

use planwright::worker;
use planwright_fakehub::Fault;

use super::{
    merging::card,
    package::{Package, stack_of},
};
use crate::support::{
    bot::{REPO, Setup, Story, borrowed, hello},
    world::Watched,
};

async fn story_of(package: &Package) -> (Watched, Story) {
    let watched = Watched::new();
    let engine = Some(watched.program());
    let files = package.files();
    let story = Story::with(Setup { engine, files: &borrowed(&files), ..Setup::default() }).await;
    (watched, story)
}

#[tokio::test]
async fn an_apply_that_fails_half_way_says_what_stands_and_goes_on_only_when_confirmed() {
    // Known only when the first resource is there, so no plan sees it coming.
    let package = Package {
        condition: Some("fileexists(terraform_data.first.output)"),
        ..Package::default()
    };
    let (watched, story) = story_of(&package).await;
    let ground = story.dir.path().join("ground");
    let pr = story.approved("half", &stack_of(&package, "half", ground.to_str().unwrap())).await;
    story.merge(&story.bob, pr);
    story.settle().await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "Only a part was applied");
    story.assert_says(pr, "The ground is not ready");
    story.assert_says(pr, "module.main.terraform_data.first: create");
    assert_eq!((watched.count("apply"), story.recorded("half")), (1, 1));

    // Not even when the webhook comes again.
    let closed = story.hub.deliveries().unwrap();
    let closed = closed.iter().find(|it| it.event == "pull_request.closed").unwrap().clone();
    story.hub.redeliver(closed.id).unwrap();
    story.pass(SignedDuration::from_hours(1));
    story.settle().await;
    assert_eq!(watched.count("apply"), 1);

    fs::write(&ground, "").unwrap();
    let (answer, reactions) = story.say(&story.bob, pr, "/infra apply").await;
    println!("{answer}\n{}", story.report(pr));
    assert_eq!(watched.count("apply"), 1);
    story.assert_says(pr, "**not applied**");
    let digest = story.digest_to_confirm(pr);
    assert!(answer.contains(&digest), "{answer}");
    assert_eq!(reactions, ["eyes", "confused"], "it was asked for, and is not done");
    story.say(&story.bob, pr, &format!("/infra apply --plan {digest}")).await;
    story.assert_says(pr, "Applied and verified");
    assert_eq!((watched.count("apply"), story.recorded("half")), (2, 2));
    story.finish().await;
}

#[tokio::test]
async fn an_apply_that_changed_nothing_is_retried_as_it_was_approved() {
    let (watched, story) = story_of(&Package::default()).await;
    let pr = story.approved("hello", &hello("hello", "Hello")).await;
    watched.fail("apply", true);
    story.merge(&story.bob, pr);
    story.settle().await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "The apply failed");
    story.assert_says(pr, "the cloud is closed");
    assert_eq!((watched.count("apply"), story.state("hello")), (1, None));
    let (answer, reactions) = story.say(&story.bob, pr, "/infra apply").await;
    assert!(answer.contains("It is not applied"), "{answer}");
    assert_eq!(reactions, ["eyes", "confused"]);
    watched.fail("apply", false);
    let (answer, _) = story.say(&story.alice, pr, "/infra apply").await;
    assert!(answer.contains("opened the pull request"), "{answer}");
    assert_eq!(watched.count("apply"), 2);
    let (answer, reactions) = story.say(&story.bob, pr, "/infra apply").await;
    assert_eq!((answer.as_str(), reactions.last().unwrap().as_str()), ("", "rocket"));
    story.assert_says(pr, "Applied and verified");
    assert_eq!((watched.count("apply"), story.recorded("hello")), (3, 2));
    story.finish().await;
}

#[tokio::test]
async fn a_stack_whose_outputs_cannot_be_read_keeps_nothing_from_the_others() {
    let (watched, story) = story_of(&Package::default()).await;
    let files = |word: &str| [hello("a", "Hello"), hello("b", word)].concat();
    story.applied("start", &files("Hello")).await;
    // Nothing of `a` changes in it.
    let mut files = files("Goodbye");
    files[0].1.insert_str(0, "# Looked at.\n");
    let pr = story.approved("change", &files).await;
    watched.fail("output", true);
    story.merge(&story.bob, pr);
    story.settle().await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "its outputs cannot be read");
    story.assert_says(pr, "Done before that, and stands");
    assert_eq!((watched.count("apply"), story.output("b", "message")), (3, "Goodbye".into()));
    story.finish().await;
}

#[tokio::test]
async fn of_two_stacks_the_one_that_fails_keeps_nothing_from_the_other() {
    let package = Package {
        condition: Some("fileexists(terraform_data.first.output)"),
        ..Package::default()
    };
    let (watched, story) = story_of(&package).await;
    let both = [stack_of(&package, "bad", "/nowhere"), hello("good", "Hello")].concat();
    let pr = story.approved("both", &both).await;
    story.merge(&story.bob, pr);
    story.settle().await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "Only a part was applied");
    assert_eq!((watched.count("apply"), story.recorded("bad"), story.recorded("good")), (2, 1, 2));
    story.finish().await;
}

#[tokio::test]
async fn what_does_not_converge_is_not_called_applied() {
    let package = Package { input: Some("timestamp()"), ..Package::default() };
    let (watched, story) = story_of(&package).await;
    let pr = story.approved("clock", &stack_of(&package, "clock", "Hello")).await;
    story.merge(&story.bob, pr);
    story.settle().await;
    println!("{}", story.report(pr));
    assert!(!story.report(pr).contains("Applied and verified"));
    story.assert_says(pr, "has not converged");
    story.assert_says(pr, "- module.main.terraform_data.second: update");
    assert_eq!((watched.count("apply"), story.recorded("clock")), (1, 2));
    story.finish().await;
}

#[tokio::test]
async fn a_running_plan_is_cancelled_and_nothing_waits_for_it() {
    let (watched, story) = story_of(&Package::default()).await;
    let pr = story.open(&story.alice, "hello", &borrowed(&hello("hello", "Hello")));
    story.hub.idle().await;
    let held = watched.hold("plan");
    let planning = async { worker::run_until_idle(story.app()).await.unwrap() };
    let meanwhile = async {
        let _waits = held.reached().await;
        assert_eq!(story.check(pr).status, "in_progress");
        let (answer, _) = story.hear(&story.eve, pr, "/infra cancel").await;
        assert!(answer.contains("write access"), "{answer}");
        let (answer, reactions) = story.hear(&story.carol, pr, "/infra cancel").await;
        assert_eq!((answer.as_str(), reactions.last().unwrap().as_str()), ("", "rocket"));
        _waits
    };
    tokio::join!(planning, meanwhile);
    story.settle().await;
    println!("{}", story.report(pr));
    assert_eq!(story.conclusion(pr), "cancelled");
    story.assert_says(pr, "was stopped");
    let (answer, _) = story.say(&story.carol, pr, "/infra cancel").await;
    assert!(answer.contains("Nothing runs"), "{answer}");

    story.say(&story.carol, pr, "/infra plan").await;
    story.assert_says(pr, "2 to add");
    assert_eq!(story.conclusion(pr), "action_required");
    story.finish().await;
}

#[tokio::test]
async fn a_plan_that_fails_for_good_ends_its_check_and_says_under_which_id() {
    let (_watched, story) = story_of(&Package::default()).await;
    // Each of the five attempts is refused its comment; the check was put down before.
    story.hub.fail(
        "POST /repos/{owner}/{repo}/issues/{issue_number}/comments",
        5,
        Fault::Status(422),
    );
    let pr = story.open(&story.alice, "hello", &borrowed(&hello("hello", "Hello")));
    story.settle().await;
    let failed = story.store().failed_jobs(10).await.unwrap();
    assert_eq!(failed.len(), 1, "{failed:?}");
    let check = story.check(pr);
    println!("{check:#?}");
    assert_eq!(
        (check.status.as_str(), check.conclusion.as_deref()),
        ("completed", Some("failure"))
    );
    let summary = check.summary.unwrap();
    assert!(summary.contains(&format!("`{}`", failed[0].id)), "{summary}");
    assert!(summary.contains("`/infra plan` tries again"), "{summary}");

    story.say(&story.bob, pr, "/infra plan").await;
    assert_eq!(story.conclusion(pr), "action_required");
    story.assert_says(pr, "2 to add");
}

#[tokio::test]
async fn whoever_asked_for_what_is_stopped_is_told_so() {
    let (watched, story) = story_of(&Package::default()).await;
    let pr = story.open(&story.alice, "hello", &borrowed(&hello("hello", "Hello")));
    story.settle().await;
    let asked = story.bob.comment(REPO, pr, "/infra plan").unwrap();
    story.hub.idle().await;
    let held = watched.hold("plan");
    let planning = async { worker::run_until_idle(story.app()).await.unwrap() };
    let meanwhile = async {
        let waits = held.reached().await;
        story.hear(&story.carol, pr, "/infra cancel").await;
        waits
    };
    tokio::join!(planning, meanwhile);
    story.settle().await;
    let comments = story.hub.comments(REPO, pr).unwrap();
    let asked = comments.iter().find(|it| it.id == asked).unwrap();
    let reactions: Vec<&str> = asked.reactions.iter().map(|(_, it)| it.as_str()).collect();
    assert_eq!(reactions, ["eyes", "confused"]);
    assert!(story.reply(pr).contains("Stopped before it was done"), "{}", story.reply(pr));
    story.finish().await;
}

#[tokio::test]
async fn what_is_closed_is_released_and_planned_again_when_reopened() {
    let (watched, story) = story_of(&Package::default()).await;
    let pr = story.approved("hello", &hello("hello", "Hello")).await;
    story.alice.close(REPO, pr).unwrap();
    story.settle().await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "Closed without a merge");
    assert_eq!(story.conclusion(pr), "cancelled");
    let (answer, _) = story.say(&story.bob, pr, "/infra apply").await;
    assert!(answer.contains("not merged"), "{answer}");

    story.alice.reopen(REPO, pr).unwrap();
    story.settle().await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "2 to add");
    assert_eq!(watched.count("apply"), 0);
    story.finish().await;
}

#[tokio::test]
async fn last_words_that_github_will_not_have_now_are_said_later_and_nothing_is_applied_again() {
    let (watched, story) = story_of(&Package::default()).await;
    let pr = story.approved("hello", &hello("hello", "Hello")).await;
    watched.fail("apply", true);
    for times in 1..=2 {
        match times {
            1 => drop(story.merge(&story.bob, pr)),
            _ => drop(story.bob.comment(REPO, pr, "/infra apply").unwrap()),
        }
        story.hub.idle().await;
        let held = watched.hold("apply");
        let applying = async { worker::run_until_idle(story.app()).await.unwrap() };
        let meanwhile = async {
            let waits = held.reached().await;
            story.hub.fail("PATCH", 1, Fault::SecondaryLimit { status: 403, retry_after: 1 });
            drop(waits);
        };
        tokio::join!(applying, meanwhile);
        story.settle().await;
        let calls = story.hub.calls();
        let refused = calls.iter().filter(|call| call.status == Some(403)).count();
        assert_eq!(refused, times, "GitHub has to refuse the last words once");
        story.assert_says(pr, "The apply failed");
        assert_eq!((watched.count("apply"), story.state("hello")), (times, None));
    }
    story.finish().await;
}

#[tokio::test]
async fn an_output_that_a_module_calls_sensitive_is_applied_and_not_shown() {
    let package = Package { sensitive: true, ..Package::default() };
    let (_watched, story) = story_of(&package).await;
    let pr = story.applied("secret", &stack_of(&package, "secret", "hunter2222")).await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "word = (sensitive)");
    assert_eq!(story.output("secret", "word"), "hunter2222");
    story.finish().await;
}

#[tokio::test]
async fn a_sensitive_value_stands_in_no_comment_check_database_or_log() {
    const CANARY: &str = "yranac-a-ni-laoc";
    // Made inside the module, so that it stands in no file that anybody wrote.
    let package = Package {
        input: Some("sensitive(strrev(var.word))"),
        triggers: Some("sensitive(strrev(var.word))"),
        ..Package::default()
    };
    let (_watched, story) = story_of(&package).await;
    let word: String = CANARY.chars().rev().collect();
    let pr = story.applied("secret", &stack_of(&package, "secret", &word)).await;
    let state = story.state("secret").unwrap().to_string();
    assert!(state.contains(CANARY), "the canary is not alive: {state}");
    story.meddle("secret", "second", |it| it["triggers_replace"]["value"] = "tampered".into());
    let (answer, _) = story.say(&story.bob, pr, "/infra drift secret").await;
    println!("{answer}");
    assert!(answer.contains("(sensitive)"), "{answer}");
    let next = story.approved("next", &stack_of(&package, "secret", "other")).await;
    println!("{}", story.report(next));

    for pr in [pr, next] {
        for comment in story.hub.comments(REPO, pr).unwrap() {
            assert!(!comment.body.contains(CANARY), "{}", comment.body);
            assert!(!comment.body.contains("tampered"), "{}", comment.body);
        }
        assert!(!format!("{:?}", story.check(pr)).contains(CANARY));
    }
    let mut searched = 0;
    search(&story.dir.path().join("bot"), &mut |path, bytes| {
        searched += 1;
        let is_state = path.to_string_lossy().contains("/bot/state/");
        let found = bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
        assert!(is_state || !found, "{}", path.display());
    });
    assert!(searched > 10, "{searched}");
    story.finish().await;
}

/// Every file below `dir` but the engines' own.
fn search(dir: &Path, look: &mut impl FnMut(&Path, &[u8])) {
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => search(&path, look),
            kind if kind.is_file() => look(&path, &fs::read(&path).unwrap()),
            _ => {}
        }
    }
}

#[tokio::test]
async fn drift_names_attribute_old_and_new_and_the_next_pull_request_says_what_takes_it_back() {
    let (_watched, story) = story_of(&Package::default()).await;
    let pr = story.applied("hello", &card("hello", "Hello", "world")).await;
    let (answer, _) = story.say(&story.bob, pr, "/infra drift").await;
    assert!(answer.contains("**Drift:** none in 1 stack"), "{answer}");
    story.meddle("hello", "greeting", |greeting| {
        greeting["input"]["value"] = "Hijacked".into();
        greeting["output"]["value"] = "Hijacked".into();
    });
    let (answer, reactions) = story.say(&story.bob, pr, "/infra drift hello").await;
    println!("{answer}");
    assert_eq!(reactions.last().unwrap(), "rocket");
    assert!(answer.contains("module.greeting.terraform_data.greeting: changed"), "{answer}");
    assert!(answer.contains(r#"input: "Hello" → "Hijacked""#), "{answer}");
    assert!(!answer.contains("! output"), "no output is known to differ: {answer}");

    let next = story.open(&story.alice, "moon", &borrowed(&card("hello", "Hello", "world, moon")));
    story.settle().await;
    println!("{}", story.report(next));
    story.assert_says(next, "reverts drift");
    story.assert_says(next, "**Drift** since the last apply");
    story.bob.approve(REPO, next).unwrap();
    story.settle().await;
    story.merge(&story.bob, next);
    story.settle().await;
    story.assert_says(next, "Applied and verified");
    assert_eq!(story.output("hello", "message"), "Hello");
    story.finish().await;
}
