//! Changes of `planwright.yaml`: in a pull request of their own, together with stacks, or on the
//! base while a pull request is open.

use planwright_fakehub::{Edit, NewPull, Person};

use crate::support::{
    bot::{CONFIG, REPO, Setup, Story, borrowed, edit, hello},
    world::Watched,
};

/// A pull request of Carol in which Alice changes the settings, so that GitHub lets Alice approve.
fn propose(story: &Story, branch: &str, change: &Edit) -> i64 {
    story.alice.push(REPO, branch, change).unwrap();
    let (title, head, base) = ("Settings".into(), branch.into(), "main".into());
    story.carol.open(REPO, &NewPull { title, head, base, ..NewPull::default() }).unwrap()
}

fn weak() -> String {
    CONFIG.replace("self: false", "self: true").replace("<2", "<3")
}

fn settings(text: &str) -> Edit {
    edit(&[("planwright.yaml", text)])
}

async fn watched(config: &str) -> (Watched, Story) {
    let watched = Watched::new();
    let engine = Some(watched.program());
    (watched, Story::with(Setup { engine, config, ..Setup::default() }).await)
}

/// Comments `/infra apply` with the digest that the report asks for; answers the reply.
async fn confirm(story: &Story, person: &Person, pr: i64) -> String {
    let digest = story.digest_to_confirm(pr);
    story.say(person, pr, &format!("/infra apply --plan {digest}")).await.0
}

#[tokio::test]
async fn other_settings_alone_are_approved_by_the_rules_of_the_base_and_nothing_is_applied() {
    let (watched, story) = watched(CONFIG).await;
    let pr = propose(&story, "weak", &settings(&weak()));
    story.settle().await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "`approvals.self`: `false` → `true`");
    story.assert_says(pr, "`engine.version`: `>=1.9, <2` → `>=1.9, <3`");
    assert_eq!(story.conclusion(pr), "action_required");
    story.alice.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "action_required", "the base wants no principal");
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "success", "{}", story.report(pr));

    story.merge(&story.bob, pr);
    story.settle().await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "✅ Merged and in force");
    let (answer, _) = story.say(&story.bob, pr, "/infra apply").await;
    assert!(answer.contains("affects no stack"), "{answer}");
    story.assert_says(pr, "✅ Merged and in force");
    assert_eq!(watched.count("plan"), 0);
    story.finish().await;
}

#[tokio::test]
async fn settings_merged_past_the_check_say_that_nobody_approved_them() {
    let (_watched, story) = watched(CONFIG).await;
    let pr = propose(&story, "weak", &settings(&weak()));
    story.settle().await;
    story.merge(&story.alice, pr);
    story.settle().await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "although not every requirement was met");
    story.assert_says(pr, "approved by 0 of 1");
    story.finish().await;
}

#[tokio::test]
async fn settings_approved_and_merged_in_one_breath_are_not_taken_for_unapproved() {
    let (_watched, story) = watched(CONFIG).await;
    let pr = propose(&story, "weak", &settings(&weak()));
    story.settle().await;
    story.hub.hold_webhooks();
    story.bob.approve(REPO, pr).unwrap();
    story.merge(&story.bob, pr);
    story.hub.release_webhooks_reversed().unwrap();
    story.settle().await;
    story.assert_says(pr, "✅ Merged and in force");
    story.finish().await;
}

#[tokio::test]
async fn a_mistake_in_the_settings_blocks_on_its_line() {
    let (watched, story) = watched(CONFIG).await;
    let typo = CONFIG.replace("  required: 1", "  requierd: 2");
    let line = CONFIG.lines().position(|line| line.contains("required")).unwrap() + 1;
    // With a stack or alone.
    let mut with_stack = hello("hello", "Hello");
    with_stack.push(("planwright.yaml".into(), typo.clone()));
    for (branch, change) in [("alone", settings(&typo)), ("both", edit(&borrowed(&with_stack)))] {
        let pr = propose(&story, branch, &change);
        story.settle().await;
        println!("{}", story.report(pr));
        let check = story.check(pr);
        assert_eq!(check.conclusion.as_deref(), Some("failure"));
        let annotation = &check.annotations[0];
        assert_eq!(
            (&annotation["path"], &annotation["start_line"]),
            (&"planwright.yaml".into(), &line.into())
        );
        assert!(annotation["message"].as_str().unwrap().contains("requierd"), "{annotation}");
        story.bob.approve(REPO, pr).unwrap();
        story.settle().await;
        assert_eq!(story.conclusion(pr), "failure");
    }
    let linked = Edit::new("Link").symlink("planwright.yaml", "notes.md");
    let pr = propose(&story, "link", &linked);
    story.settle().await;
    assert_eq!(story.conclusion(pr), "failure");
    story.assert_says(pr, "symlink");
    assert_eq!(watched.count("plan"), 0);
    story.finish().await;
}

#[tokio::test]
async fn removed_settings_are_approved_and_what_came_with_them_is_applied() {
    let (_watched, story) = watched(CONFIG).await;
    let files = hello("hello", "Hello");
    let both = edit(&borrowed(&files)).delete("planwright.yaml");
    for (branch, change) in [("gone", both), ("again", settings(CONFIG))] {
        let pr = propose(&story, branch, &change);
        story.settle().await;
        println!("{}", story.report(pr));
        assert_eq!(story.conclusion(pr), "action_required");
        story.bob.approve(REPO, pr).unwrap();
        story.settle().await;
        assert_eq!(story.conclusion(pr), "success", "{}", story.report(pr));
        story.merge(&story.bob, pr);
        story.settle().await;
        println!("{}", story.report(pr));
        let is_gone = branch == "gone";
        story.assert_says(pr, if is_gone { "Applied and verified" } else { "in force" });
    }
    assert_eq!(story.output("hello", "message"), "Hello");
    story.finish().await;
}

#[tokio::test]
async fn settings_that_cannot_be_read_are_mended_with_an_approval() {
    let (_watched, story) = watched("kind: [").await;
    let pr = propose(&story, "mend", &settings(CONFIG));
    story.settle().await;
    assert_eq!(story.conclusion(pr), "action_required", "{}", story.report(pr));
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "success", "{}", story.report(pr));
    story.finish().await;
}

#[tokio::test]
async fn other_settings_on_the_base_take_the_green_from_what_is_open_at_once() {
    let (watched, story) = watched(CONFIG).await;
    let pr = story.approved("hello", &hello("hello", "Hello")).await;
    let docs = story.open(&story.alice, "docs", &[("README.md", "Hello.")]);
    story.settle().await;
    let own = CONFIG.replace("self: false", "self: true");
    story.carol.push(REPO, "main", &settings(&own)).unwrap();
    story.settle().await;
    println!("{}", story.report(pr));
    assert_eq!(story.conclusion(pr), "action_required");
    story.assert_says(pr, "The plan is out of date. `/infra plan` makes a new one");
    story.assert_says(pr, "`approvals.self` is on");
    assert_eq!(story.conclusion(docs), "success", "it affects nothing");
    assert_eq!(watched.count("plan"), 1, "nothing is planned for it");

    story.say(&story.bob, pr, "/infra plan").await;
    assert_eq!(story.conclusion(pr), "action_required", "Bob approved under other settings");
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "success", "{}", story.report(pr));
    story.finish().await;
}

#[tokio::test]
async fn stricter_settings_between_approval_and_merge_are_told_and_confirmed_by_its_own_rule() {
    let (watched, story) = watched(CONFIG).await;
    let pr = story.approved("hello", &hello("hello", "Hello")).await;
    let raised = CONFIG.replace("required: 1", "required: 2");
    story.carol.push(REPO, "main", &settings(&raised)).unwrap();
    story.merge(&story.bob, pr);
    story.settle().await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "**not applied**");
    story.assert_says(pr, "`approvals.required`: `1` → `2`");
    story.assert_says(pr, "given under other settings");
    assert_eq!((watched.count("apply"), story.state("hello")), (0, None));

    let answer = confirm(&story, &story.alice, pr).await;
    assert!(answer.contains("opened the pull request"), "{answer}");
    let answer = confirm(&story, &story.bob, pr).await;
    assert!(answer.contains("approved by 1 of 2"), "{answer}");
    assert_eq!(watched.count("apply"), 0);
    assert_eq!(confirm(&story, &story.carol, pr).await, "");
    println!("{}", story.report(pr));
    story.assert_says(pr, "Applied and verified");
    assert_eq!(story.output("hello", "message"), "Hello");
    story.finish().await;
}

#[tokio::test]
async fn stricter_settings_while_a_confirmation_is_awaited_hold_for_it() {
    let (watched, story) = watched(CONFIG).await;
    let pr = story.open(&story.alice, "hello", &borrowed(&hello("hello", "Hello")));
    story.settle().await;
    story.merge(&story.carol, pr);
    story.settle().await;
    let digest = story.digest_to_confirm(pr);
    let raised = CONFIG.replace("required: 1", "required: 2");
    story.carol.push(REPO, "main", &settings(&raised)).unwrap();
    let (answer, _) = story.say(&story.bob, pr, &format!("/infra apply --plan {digest}")).await;
    println!("{answer}\n{}", story.report(pr));
    assert!(answer.contains("has changed since this was planned"), "{answer}");
    confirm(&story, &story.bob, pr).await;
    assert_eq!(watched.count("apply"), 0);
    confirm(&story, &story.carol, pr).await;
    story.assert_says(pr, "Applied and verified");
    story.finish().await;
}

#[tokio::test]
async fn nothing_is_applied_while_the_settings_of_now_cannot_be_read() {
    let (watched, story) = watched(CONFIG).await;
    let pr = story.approved("hello", &hello("hello", "Hello")).await;
    story.carol.push(REPO, "main", &settings("kind: [")).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "failure");
    story.merge(&story.bob, pr);
    story.settle().await;
    println!("{}", story.report(pr));
    story.assert_says(pr, "what is listed below cannot be");
    let (answer, _) = story.say(&story.bob, pr, "/infra apply").await;
    assert!(answer.contains("cannot be applied yet"), "{answer}");
    assert_eq!(watched.count("apply"), 0);

    story.carol.push(REPO, "main", &settings(CONFIG)).unwrap();
    let (answer, _) = story.say(&story.bob, pr, "/infra apply").await;
    assert_eq!(answer, "");
    story.assert_says(pr, "Applied and verified");
    story.finish().await;
}
