//! What the bot runs of a pull request, and what it only reads: forks, mistakes, settings.

use planwright_fakehub::{NewPull, Role};

use crate::support::{
    bot::{CONFIG, REPO, Setup, Story, borrowed, edit, hello},
    starts::Starts,
};

/// A story whose `main` has these files beside the settings, and whose engine is counted.
pub async fn counted(files: &[(String, String)]) -> (Story, Starts) {
    let starts = Starts::new();
    let files = borrowed(files);
    let setup = Setup { files: &files, engine: Some(starts.engine.clone()), ..Setup::default() };
    (Story::with(setup).await, starts)
}

#[tokio::test]
async fn a_push_is_planned_in_the_same_comment_with_a_check_of_its_own() {
    let (story, starts) = counted(&[]).await;
    let pr = story.open(&story.alice, "hello", &borrowed(&hello("hello", "Hello")));
    story.settle().await;
    let first = story.hub.pull(REPO, pr).unwrap().head_sha;
    assert!(story.report(pr).contains("input: \"Hello, world\""), "{}", story.report(pr));
    assert_eq!(starts.count("plan"), 1);
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "success");

    story.alice.push(REPO, "hello", &edit(&borrowed(&hello("hello", "Moin")))).unwrap();
    story.settle().await;
    let report = story.report(pr);
    println!("{report}");
    assert!(report.contains("input: \"Moin, world\""), "{report}");
    assert!(!report.contains("Hello"), "{report}");
    assert!(report.contains(&story.hub.pull(REPO, pr).unwrap().head_sha[..7]), "{report}");
    assert_eq!(story.conclusion(pr), "action_required", "Bob approved another head");
    assert!(report.contains("`bob`"), "it says why his approval does not count: {report}");
    assert_eq!(story.bot_comments(pr).len(), 1);
    assert_eq!(story.hub.check_runs(REPO, &first).unwrap().len(), 1);
    assert_eq!(starts.count("plan"), 1);
    story.finish().await;
}

#[tokio::test]
async fn of_two_pushes_at_once_only_the_newer_head_is_planned() {
    let (story, starts) = counted(&[]).await;
    let pr = story.open(&story.alice, "hello", &borrowed(&hello("hello", "Hello")));
    let first = story.hub.pull(REPO, pr).unwrap().head_sha;
    story.alice.push(REPO, "hello", &edit(&borrowed(&hello("hello", "Moin")))).unwrap();
    story.settle().await;
    assert!(story.report(pr).contains("input: \"Moin, world\""));
    assert_eq!(starts.count("plan"), 1, "the older head is superseded before it was planned");
    assert_eq!(story.bot_comments(pr).len(), 1);
    assert_eq!(story.check(pr).conclusion.as_deref(), Some("action_required"));
    assert!(story.hub.check_runs(REPO, &first).unwrap().is_empty());
    story.finish().await;
}

#[tokio::test]
async fn a_push_that_takes_everything_back_says_so_in_the_same_comment() {
    let story = Story::start().await;
    let pr = story.open(&story.alice, "hello", &borrowed(&hello("hello", "Hello")));
    story.settle().await;
    assert!(story.report(pr).contains("2 to add"));
    let nothing = edit(&[("README.md", "Later.")])
        .delete("stacks/hello/stack.yaml")
        .delete("stacks/hello/stack.lock.json");
    story.alice.push(REPO, "hello", &nothing).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "success");
    let report = story.report(pr);
    assert!(report.contains("No stack is affected"), "{report}");
    assert!(!report.contains("2 to add"), "the old plan no longer stands: {report}");
    story.bob.comment(REPO, pr, "/infra status").unwrap();
    story.settle().await;
    assert!(!story.reply(pr).contains("2 to add"), "{}", story.reply(pr));
    story.merge(&story.bob, pr);
    story.settle().await;
    assert!(story.report(pr).contains("No stack is affected"), "{}", story.report(pr));
    story.finish().await;
}

#[tokio::test]
async fn a_pull_request_that_affects_no_stack_gets_a_check_and_no_comment() {
    let (story, starts) = counted(&[]).await;
    let pr = story.open(&story.alice, "docs", &[("README.md", "Hello.")]);
    story.settle().await;
    assert_eq!(story.conclusion(pr), "success");
    assert!(story.bot_comments(pr).is_empty());
    assert_eq!(starts.take(), Vec::<String>::new());
    story.finish().await;
}

#[tokio::test]
async fn a_fork_is_validated_until_a_maintainer_asks_for_that_very_head() {
    let (story, starts) = counted(&[]).await;
    let fork = story.eve.fork(REPO).unwrap();
    story.eve.push(&fork, "hello", &edit(&borrowed(&hello("hello", "Hello")))).unwrap();
    let pr = story.eve.open_pull(REPO, "eve:hello", "Say hello").unwrap();
    story.settle().await;
    println!("{}\n{:#?}", story.report(pr), story.check(pr));
    assert_eq!(starts.take(), Vec::<String>::new());
    assert!(story.report(pr).contains("Validated and rendered, but not planned"));
    assert!(story.report(pr).contains("in a fork"), "{}", story.report(pr));
    assert_ne!(story.conclusion(pr), "success");

    // Who may not write cannot lift it, the author least of all.
    story.eve.comment(REPO, pr, "/infra plan").unwrap();
    story.settle().await;
    assert_eq!(starts.take(), Vec::<String>::new());

    story.bob.comment(REPO, pr, "/infra plan").unwrap();
    story.settle().await;
    println!("{}", story.report(pr));
    assert_eq!(starts.count("plan"), 1);
    assert!(story.report(pr).contains("input: \"Hello, world\""), "{}", story.report(pr));

    story.eve.push(&fork, "hello", &edit(&borrowed(&hello("hello", "Moin")))).unwrap();
    story.settle().await;
    assert_eq!(starts.take(), Vec::<String>::new(), "the new head profits from nothing");
    assert!(story.report(pr).contains("in a fork"), "{}", story.report(pr));
    assert!(!story.report(pr).contains("Moin"), "{}", story.report(pr));
    story.finish().await;
}

#[tokio::test]
async fn a_plan_asked_for_before_a_push_to_a_fork_does_not_lift_the_new_head() {
    let (story, starts) = counted(&[]).await;
    let fork = story.eve.fork(REPO).unwrap();
    story.eve.push(&fork, "hello", &edit(&borrowed(&hello("hello", "Hello")))).unwrap();
    let pr = story.eve.open_pull(REPO, "eve:hello", "Say hello").unwrap();
    story.settle().await;
    story.bob.comment(REPO, pr, "/infra plan").unwrap();
    story.eve.push(&fork, "hello", &edit(&borrowed(&hello("hello", "Moin")))).unwrap();
    story.settle().await;
    assert_eq!(starts.take(), Vec::<String>::new(), "Bob looked at another head");
    story.finish().await;
}

#[tokio::test]
async fn a_head_pushed_by_someone_who_lost_write_is_not_run() {
    let (story, starts) = counted(&[]).await;
    story.hub.hold_webhooks();
    let pr = story.open(&story.carol, "hello", &borrowed(&hello("hello", "Hello")));
    story.hub.set_permission(REPO, "carol", Some(Role::Read)).unwrap();
    story.hub.release_webhooks();
    story.settle().await;
    println!("{}", story.report(pr));
    assert_eq!(starts.take(), Vec::<String>::new());
    assert!(story.report(pr).contains("has no write access"), "{}", story.report(pr));
    assert_ne!(story.conclusion(pr), "success");
    story.bob.comment(REPO, pr, "/infra plan").unwrap();
    story.settle().await;
    assert_eq!(starts.count("plan"), 1);
    story.finish().await;
}

/// Opens a pull request with `files`; nothing may be run for it, and comment and check say `said`.
pub async fn refused(files: &[(String, String)], place: (&str, u64), said: &str) {
    let (story, starts) = counted(&[]).await;
    let pr = story.open(&story.alice, "hello", &borrowed(files));
    story.settle().await;
    let (report, check) = (story.report(pr), story.check(pr));
    println!("{report}\n{check:#?}");
    assert_eq!(starts.take(), Vec::<String>::new());
    assert!(report.contains(&format!("{}:{}", place.0, place.1)), "{report}");
    assert!(report.contains(said), "{report}");
    assert_eq!(check.conclusion.as_deref(), Some("failure"));
    let on_line = |annotation: &&serde_json::Value| {
        annotation["path"] == place.0 && annotation["start_line"] == place.1
    };
    let annotation = check.annotations.iter().find(on_line).expect("an annotation on the line");
    assert!(annotation["message"].as_str().unwrap().contains(said), "{annotation}");
    // No approval helps.
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "failure");
    story.finish().await;
}

#[tokio::test]
async fn a_wrong_digest_in_the_lock_starts_no_engine_and_is_shown_on_its_line() {
    let mut files = hello("hello", "Hello");
    let lock = &mut files[1].1;
    let at = lock.find("\"digest\"").unwrap();
    let start = lock[at..].find("sha256:").unwrap() + at + "sha256:".len();
    lock.replace_range(start..start + 8, "00000000");
    let line = lock[..at].lines().count() as u64;
    refused(&files, ("stacks/hello/stack.lock.json", line), "the lock says").await;
}

#[tokio::test]
async fn an_error_in_the_yaml_starts_no_engine_and_is_shown_on_its_line() {
    let mut files = hello("hello", "Hello");
    files[0].1 = files[0].1.replace("  audience: [world]", "  audience: [world");
    refused(&files, ("stacks/hello/stack.yaml", 7), "unclosed bracket").await;
}

#[tokio::test]
async fn an_unknown_param_starts_no_engine_and_is_shown_on_its_line() {
    let mut files = hello("hello", "Hello");
    files[0].1 = files[0].1.replace("  audience:", "  audiense:");
    refused(&files, ("stacks/hello/stack.yaml", 7), "audiense").await;
}

#[tokio::test]
async fn a_finding_stands_once_on_its_line_however_often_it_is_planned() {
    let mut files = hello("hello", "Hello");
    files[0].1 = files[0].1.replace("  audience:", "  audiense:");
    let (story, _starts) = counted(&[]).await;
    let pr = story.open(&story.alice, "hello", &borrowed(&files));
    story.settle().await;
    let first = story.check(pr).annotations;
    assert!(!first.is_empty());
    story.say(&story.bob, pr, "/infra plan").await;
    story.bob.approve(REPO, pr).unwrap();
    story.say(&story.bob, pr, "/infra plan").await;
    assert_eq!(story.check(pr).annotations, first);
    // Another mistake is another annotation, on a check of its own.
    files[0].1 = files[0].1.replace("greeting:", "greeding:");
    story.alice.push(REPO, "hello", &edit(&borrowed(&files))).unwrap();
    story.settle().await;
    assert!(story.check(pr).annotations.len() > first.len());
    story.finish().await;
}

#[tokio::test]
async fn rules_weakened_in_the_same_pull_request_do_not_count() {
    let story = Story::start().await;
    let weak = CONFIG.replace("self: false", "self: true");
    assert_ne!(weak, CONFIG);
    let mut files = hello("hello", "Hello");
    files.push(("planwright.yaml".into(), weak));
    story.alice.push(REPO, "hello", &edit(&borrowed(&files))).unwrap();
    // Carol opens it, so that Alice, who wrote it, is let to approve by GitHub.
    let new = NewPull {
        title: "Hello".into(),
        head: "hello".into(),
        base: "main".into(),
        ..NewPull::default()
    };
    let pr = story.carol.open(REPO, &new).unwrap();
    story.settle().await;
    println!("{}", story.report(pr));
    assert_eq!(story.conclusion(pr), "action_required");
    story.alice.approve(REPO, pr).unwrap();
    story.settle().await;
    println!("{}", story.report(pr));
    assert_eq!(story.conclusion(pr), "action_required", "the base says one, and no principal");
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "success");
    story.finish().await;
}
