//! Whose approval counts. The check turns green, or a line says why the approval does not count.

use planwright_fakehub::{Edit, NewPull, Person, ReviewState, Role};

use crate::support::bot::{CONFIG, REPO, Setup, Story, borrowed, edit, hello};

/// Opens a pull request of a branch that is pushed already.
pub fn by(story: &Story, head: &str, opener: &Person) -> i64 {
    let new = NewPull {
        title: "Say hello".into(),
        head: head.into(),
        base: "main".into(),
        ..NewPull::default()
    };
    opener.open(REPO, &new).unwrap_or_else(|why| panic!("{why} {}", story.hub.url()))
}

pub fn greeting(text: &str) -> Edit {
    edit(&borrowed(&hello("hello", text)))
}

/// A pull request of Alice that is planned and waits for an approval.
pub async fn planned(story: &Story) -> i64 {
    let pr = story.open(&story.alice, "hello", &borrowed(&hello("hello", "Hello")));
    story.settle().await;
    assert_eq!(story.conclusion(pr), "action_required");
    pr
}

/// After everything has settled the change waits, and says `why` about `login`.
pub async fn discounts(story: &Story, pr: i64, login: &str, why: &str) {
    story.settle().await;
    let report = story.report(pr);
    let line = report.lines().find(|line| line.contains(&format!("`{login}`: does not count")));
    let line = line.unwrap_or_else(|| panic!("nothing is said of {login}:\n{report}"));
    assert!(line.contains(why), "{line}");
    assert_eq!(story.conclusion(pr), "action_required", "{report}");
}

#[tokio::test]
async fn who_opened_pushed_or_wrote_the_change_does_not_approve_it() {
    let story = Story::start().await;
    // Alice writes, with Bob; Carol pushes; Dora opens; Frank only reads it.
    let [dora, frank] = ["dora", "frank"].map(|login| story.hub.add_user(login).unwrap());
    for login in ["dora", "frank"] {
        story.hub.set_permission(REPO, login, Some(Role::Write)).unwrap();
    }
    let commit = greeting("Hello").author("alice").co_author("bob");
    story.carol.push(REPO, "hello", &commit).unwrap();
    let pr = by(&story, "hello", &dora);
    story.settle().await;
    for (person, why) in [(&story.alice, "wrote"), (&story.bob, "wrote"), (&story.carol, "pushed")]
    {
        person.approve(REPO, pr).unwrap();
        discounts(&story, pr, &person.login, why).await;
    }
    assert!(dora.approve(REPO, pr).is_err(), "GitHub refuses who opened it");
    println!("{}", story.report(pr));
    frank.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "success");
    story.finish().await;
}

#[tokio::test]
async fn who_pushed_before_the_pull_request_and_was_overwritten_is_still_a_principal() {
    let story = Story::start().await;
    story.bob.push(REPO, "hello", &greeting("Hello")).unwrap();
    story.settle().await;
    story.alice.force_push(REPO, "hello", "main", &greeting("Moin")).unwrap();
    let pr = by(&story, "hello", &story.alice);
    story.settle().await;
    story.bob.approve(REPO, pr).unwrap();
    discounts(&story, pr, "bob", "pushed").await;
    story.finish().await;
}

#[tokio::test]
async fn an_approval_before_the_last_push_does_not_count() {
    let story = Story::start().await;
    let pr = planned(&story).await;
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "success");
    story.alice.push(REPO, "hello", &greeting("Moin")).unwrap();
    discounts(&story, pr, "bob", "another commit").await;
    story.finish().await;
}

#[tokio::test]
async fn an_approval_before_the_plan_could_be_read_does_not_count() {
    let story = Story::start().await;
    let pr = story.open(&story.alice, "hello", &borrowed(&hello("hello", "Hello")));
    story.bob.approve(REPO, pr).unwrap();
    discounts(&story, pr, "bob", "plan").await;
    println!("{}", story.report(pr));
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "success", "once more, having read it");
    story.finish().await;
}

#[tokio::test]
async fn an_approval_that_arrived_before_the_plan_does_not_count_although_told_of_late() {
    let story = Story::start().await;
    let pr = story.open(&story.alice, "hello", &borrowed(&hello("hello", "Hello")));
    story.hub.idle().await;
    story.hub.hold_webhooks();
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    assert!(story.report(pr).contains("2 to add"));
    story.hub.release_webhooks();
    discounts(&story, pr, "bob", "plan").await;
    story.finish().await;
}

#[tokio::test]
async fn an_approval_taken_back_does_not_count() {
    let story = Story::start().await;
    let pr = planned(&story).await;
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "success");
    story.bob.request_changes(REPO, pr, "Wait.").unwrap();
    discounts(&story, pr, "bob", "withdrawn").await;
    story.bob.review(REPO, pr, ReviewState::Commented, "Hm.").unwrap();
    discounts(&story, pr, "bob", "withdrawn").await;
    let again = story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "success");
    story.carol.dismiss(REPO, pr, again).unwrap();
    discounts(&story, pr, "bob", "withdrawn").await;
    story.finish().await;
}

#[tokio::test]
async fn an_approval_of_someone_without_write_access_does_not_count() {
    let story = Story::start().await;
    let pr = planned(&story).await;
    story.eve.approve(REPO, pr).unwrap();
    discounts(&story, pr, "eve", "no write access").await;
    story.finish().await;
}

#[tokio::test]
async fn an_approval_of_someone_who_lost_write_access_before_the_merge_applies_nothing() {
    let story = Story::start().await;
    let pr = planned(&story).await;
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "success");
    story.hub.set_permission(REPO, "bob", Some(Role::Read)).unwrap();
    story.merge(&story.carol, pr);
    story.settle().await;
    let report = story.report(pr);
    println!("{report}");
    assert!(report.contains("`bob`: does not count: no write access"), "{report}");
    assert!(report.contains("not applied"), "{report}");
    assert!(!has_state(&story), "nothing may have been applied");
    story.finish().await;
}

/// Whether the engine ever wrote a state.
fn has_state(story: &Story) -> bool {
    let states = story.dir.path().join("bot/state");
    walkdir::WalkDir::new(states)
        .into_iter()
        .flatten()
        .any(|entry| entry.file_name() == "terraform.tfstate")
}

#[tokio::test]
async fn an_approval_of_a_bot_does_not_count() {
    let story = Story::start().await;
    let pr = planned(&story).await;
    let bot = story.hub.add_bot("friendly").unwrap();
    story.hub.set_permission(REPO, "friendly[bot]", Some(Role::Write)).unwrap();
    bot.approve(REPO, pr).unwrap();
    discounts(&story, pr, "friendly[bot]", "bot").await;
    story.finish().await;
}

#[tokio::test]
async fn a_review_that_github_moves_to_a_rebased_head_does_not_count() {
    let story = Story::start().await;
    let pr = planned(&story).await;
    let review = story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    story.carol.push(REPO, "main", &edit(&[("README.md", "Hello.")])).unwrap();
    let head = story.alice.rebase(REPO, pr).unwrap();
    story.bob.rebind_review(REPO, pr, review, &head).unwrap();
    discounts(&story, pr, "bob", "commit").await;
    println!("{}", story.report(pr));
    story.finish().await;
}

#[tokio::test]
async fn an_approval_whose_arrival_nobody_saw_does_not_count() {
    let story = Story::start().await;
    let pr = planned(&story).await;
    story.hub.lose_webhooks(1);
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    // Another event makes the bot look again.
    story.bob.comment(REPO, pr, "/infra plan").unwrap();
    discounts(&story, pr, "bob", "").await;
    println!("{}", story.report(pr));
    story.finish().await;
}

#[tokio::test]
async fn a_plan_that_comes_out_the_same_keeps_its_approval() {
    let story = Story::start().await;
    let pr = planned(&story).await;
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    story.carol.comment(REPO, pr, "/infra plan").unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "success", "{}", story.report(pr));
    story.finish().await;
}

#[tokio::test]
async fn where_two_are_required_one_person_twice_is_one() {
    let config = CONFIG.replace("required: 1", "required: 2");
    let story = Story::with(Setup { config: &config, ..Setup::default() }).await;
    let pr = planned(&story).await;
    for _ in 0..2 {
        story.bob.approve(REPO, pr).unwrap();
        story.settle().await;
        assert!(story.report(pr).contains("approved by 1 of 2"), "{}", story.report(pr));
        assert_eq!(story.conclusion(pr), "action_required");
    }
    story.carol.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "success");
    story.finish().await;
}

#[tokio::test]
async fn an_approval_on_page_two_of_the_reviews_counts() {
    let story = Story::start().await;
    let pr = planned(&story).await;
    story.hub.hold_webhooks();
    for number in 0..101 {
        let reader = story.hub.add_user(&format!("reader-{number}")).unwrap();
        reader.approve(REPO, pr).unwrap();
    }
    story.bob.approve(REPO, pr).unwrap();
    // Only the last of the reviews is told, so that one verdict is enough.
    story.hub.lose_webhooks(101);
    story.hub.release_webhooks();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "success", "{}", story.report(pr));
    story.finish().await;
}

#[tokio::test]
async fn another_base_voids_the_approval() {
    let story = Story::start().await;
    story.carol.push(REPO, "release", &edit(&[("README.md", "Release.")])).unwrap();
    let pr = planned(&story).await;
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "success");
    story.alice.retarget(REPO, pr, "release").unwrap();
    story.settle().await;
    println!("{}", story.report(pr));
    assert_eq!(story.conclusion(pr), "action_required", "{}", story.report(pr));
    assert!(story.report(pr).contains("into `release`"), "{}", story.report(pr));
    story.alice.retarget(REPO, pr, "main").unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "action_required", "there and back is no approval");
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "success", "{}", story.report(pr));
    story.finish().await;
}

#[tokio::test]
async fn an_approval_given_for_another_base_does_not_count_although_told_of_late() {
    let story = Story::start().await;
    story.carol.push(REPO, "release", &edit(&[("README.md", "Release.")])).unwrap();
    let pr = planned(&story).await;
    // The review is told of only after the plan for the other base.
    story.hub.hold_webhooks();
    story.bob.approve(REPO, pr).unwrap();
    story.alice.retarget(REPO, pr, "release").unwrap();
    story.hub.release_webhooks_reversed().unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "action_required", "{}", story.report(pr));
    story.alice.retarget(REPO, pr, "main").unwrap();
    discounts(&story, pr, "bob", "").await;
    story.finish().await;
}

#[tokio::test]
async fn other_settings_on_the_base_void_the_approval() {
    let story = Story::start().await;
    let pr = planned(&story).await;
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "success");
    let config = CONFIG.replace(">=1.9, <2", ">=1.9, <3");
    story.carol.push(REPO, "main", &edit(&[("planwright.yaml", &config)])).unwrap();
    story.carol.comment(REPO, pr, "/infra plan").unwrap();
    discounts(&story, pr, "bob", "settings").await;
    println!("{}", story.report(pr));
    story.merge(&story.carol, pr);
    story.settle().await;
    assert!(!has_state(&story), "nothing may have been applied: {}", story.report(pr));
    story.finish().await;
}
