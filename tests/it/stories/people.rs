//! Who has a part in a change: who it makes a principal, whom it does not, and what follows where
//! nobody knows who wrote it.

use jiff::SignedDuration;

use planwright_fakehub::{Person, Role};

use super::{
    approval::{by, discounts, greeting, planned},
    trust::counted,
};
use crate::support::bot::{CONFIG, REPO, Setup, Story, borrowed, edit, hello, linked};

/// Somebody approves, and the change can be merged.
async fn is_approved_by(story: &Story, pr: i64, person: &Person) {
    person.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "success", "{}", story.report(pr));
}

/// A pull request of Eve from the branch `branch` of her fork, held until somebody lifts it.
async fn from_fork(story: &Story, branch: &str) -> i64 {
    let fork = story.eve.fork(REPO).unwrap();
    story.eve.push(&fork, branch, &greeting("Hello")).unwrap();
    let pr = story.eve.open_pull(REPO, &format!("eve:{branch}"), "Say hello").unwrap();
    story.settle().await;
    story.assert_says(pr, "in a fork");
    pr
}

#[tokio::test]
async fn a_fork_from_main_makes_nobody_of_ours_a_principal() {
    let story = Story::start().await;
    story.bob.push(REPO, "main", &edit(&[("README.md", "Hello.")])).unwrap();
    story.settle().await;
    let pr = from_fork(&story, "main").await;
    story.say(&story.carol, pr, "/infra plan").await;
    is_approved_by(&story, pr, &story.bob).await;
    story.finish().await;
}

#[tokio::test]
async fn who_deleted_a_branch_of_that_name_may_approve() {
    let story = Story::start().await;
    story.alice.push(REPO, "hello", &greeting("Hello")).unwrap();
    story.settle().await;
    story.bob.delete_branch(REPO, "hello").unwrap();
    story.settle().await;
    let pr = planned(&story).await;
    is_approved_by(&story, pr, &story.bob).await;
    story.finish().await;
}

#[tokio::test]
async fn who_pushed_in_a_merged_round_may_approve_the_next() {
    let story = Story::start().await;
    let first = story.open(&story.bob, "hello", &borrowed(&hello("hello", "Hello")));
    story.settle().await;
    is_approved_by(&story, first, &story.carol).await;
    let later = SignedDuration::from_mins(10);
    story.pass(later);
    story.hub.pass(later).unwrap();
    story.merge(&story.carol, first);
    story.settle().await;
    story.alice.delete_branch(REPO, "hello").unwrap();
    let second = story.open(&story.alice, "hello", &borrowed(&hello("hello", "Moin")));
    story.settle().await;
    is_approved_by(&story, second, &story.bob).await;

    // A round that was not merged is part of this one.
    let third = story.open(&story.bob, "moin", &borrowed(&hello("hello", "Servus")));
    story.settle().await;
    story.bob.close(REPO, third).unwrap();
    story.settle().await;
    story.pass(later);
    story.hub.pass(later).unwrap();
    story.alice.force_push(REPO, "moin", "main", &greeting("Salut")).unwrap();
    let fourth = by(&story, "moin", &story.alice);
    story.settle().await;
    story.bob.approve(REPO, fourth).unwrap();
    discounts(&story, fourth, "bob", "pushed").await;
    story.finish().await;
}

#[tokio::test]
async fn an_approval_before_reopening_does_not_count() {
    let story = Story::start().await;
    let pr = planned(&story).await;
    is_approved_by(&story, pr, &story.bob).await;
    story.alice.close(REPO, pr).unwrap();
    story.settle().await;
    story.alice.reopen(REPO, pr).unwrap();
    discounts(&story, pr, "bob", "before it was reopened").await;
    is_approved_by(&story, pr, &story.bob).await;
    story.finish().await;
}

#[tokio::test]
async fn a_plan_requested_before_reopening_does_not_lift_a_fork() {
    let (story, starts) = counted(&[]).await;
    let pr = from_fork(&story, "hello").await;
    story.hub.hold_webhooks();
    story.bob.comment(REPO, pr, "/infra plan").unwrap();
    story.eve.close(REPO, pr).unwrap();
    story.eve.reopen(REPO, pr).unwrap();
    story.hub.release_webhooks_reversed().unwrap();
    story.settle().await;
    assert_eq!(starts.take(), Vec::<String>::new(), "Bob asked before it was closed");
    story.finish().await;
}

#[tokio::test]
async fn a_commit_of_nobody_known_takes_one_approval_more() {
    let story = Story::start().await;
    // A workflow pushes what Bob wrote on his laptop.
    let bot = story.hub.add_bot("friendly").unwrap();
    story.hub.set_permission(REPO, "friendly[bot]", Some(Role::Write)).unwrap();
    bot.push(REPO, "hello", &greeting("Hello").email("bob@laptop.example")).unwrap();
    let pr = by(&story, "hello", &story.alice);
    story.settle().await;
    println!("{}", story.report(pr));
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    assert_eq!(story.conclusion(pr), "action_required", "{}", story.report(pr));
    story.assert_says(pr, "approved by 1 of 2");
    story.assert_says(pr, "belongs to no account");
    is_approved_by(&story, pr, &story.carol).await;
    story.finish().await;
}

#[tokio::test]
async fn what_a_bot_proposes_of_itself_takes_one_approval_more() {
    let story = Story::start().await;
    let bot = story.hub.add_bot("friendly").unwrap();
    story.hub.set_permission(REPO, "friendly[bot]", Some(Role::Write)).unwrap();
    let pr = story.open(&bot, "hello", &borrowed(&hello("hello", "Hello")));
    story.settle().await;
    story.bob.approve(REPO, pr).unwrap();
    story.settle().await;
    story.assert_says(pr, "approved by 1 of 2");
    assert_eq!(story.conclusion(pr), "action_required");
    is_approved_by(&story, pr, &story.carol).await;
    story.finish().await;
}

#[tokio::test]
async fn a_writer_who_pushes_vouches_for_an_address_that_nobody_has() {
    let story = Story::start().await;
    let commit = greeting("Hello").email("alice@work.example");
    story.alice.push(REPO, "hello", &commit).unwrap();
    let pr = by(&story, "hello", &story.carol);
    story.settle().await;
    story.alice.approve(REPO, pr).unwrap();
    discounts(&story, pr, "alice", "pushed").await;
    story.assert_says(pr, "approved by 0 of 1");
    is_approved_by(&story, pr, &story.bob).await;
    story.finish().await;
}

#[tokio::test]
async fn who_pushed_while_no_webhook_came_is_a_principal_too() {
    let story = Story::start().await;
    story.settle().await;
    // Carol pushes a commit in the name of Alice, and nobody hears of it.
    story.hub.lose_webhooks(1);
    let address = format!("{}+alice@users.noreply.github.com", story.alice.id());
    story.carol.push(REPO, "hello", &greeting("Hello").email(address)).unwrap();
    story.hub.idle().await;
    let pr = by(&story, "hello", &story.alice);
    story.settle().await;
    story.carol.approve(REPO, pr).unwrap();
    discounts(&story, pr, "carol", "pushed").await;
    story.assert_says(pr, "approved by 0 of 1");
    is_approved_by(&story, pr, &story.bob).await;
    story.finish().await;
}

#[tokio::test]
async fn who_presses_update_branch_may_approve() {
    let story = Story::start().await;
    let pr = planned(&story).await;
    story.carol.push(REPO, "main", &edit(&[("README.md", "Hello.")])).unwrap();
    story.bob.update_branch(REPO, pr).unwrap();
    story.settle().await;
    println!("{}", story.report(pr));
    is_approved_by(&story, pr, &story.bob).await;
    story.finish().await;
}

#[tokio::test]
async fn who_merges_the_base_with_more_in_it_is_a_principal() {
    let story = Story::start().await;
    let pr = planned(&story).await;
    story.carol.push(REPO, "main", &edit(&[("README.md", "Hello.")])).unwrap();
    story.bob.update_branch_with(REPO, pr, &greeting("Moin")).unwrap();
    story.settle().await;
    story.assert_says(pr, "Moin");
    story.bob.approve(REPO, pr).unwrap();
    discounts(&story, pr, "bob", "pushed").await;
    story.finish().await;
}

#[tokio::test]
async fn who_lifts_a_fork_does_not_approve_it() {
    let story = Story::start().await;
    let pr = from_fork(&story, "hello").await;
    story.say(&story.bob, pr, "/infra plan").await;
    println!("{}", story.report(pr));
    story.bob.approve(REPO, pr).unwrap();
    discounts(&story, pr, "bob", "requested the plan").await;
    // Who lifted may look again, and is still not two people.
    story.say(&story.bob, pr, "/infra plan").await;
    discounts(&story, pr, "bob", "requested the plan").await;
    is_approved_by(&story, pr, &story.carol).await;
    story.finish().await;
}

#[tokio::test]
async fn a_name_in_a_commit_of_a_fork_is_no_second_person() {
    let story = Story::start().await;
    let carol = format!("{}+carol@users.noreply.github.com", story.carol.id());
    let fork = story.eve.fork(REPO).unwrap();
    story.eve.push(&fork, "hello", &greeting("Hello").email(carol)).unwrap();
    let pr = story.eve.open_pull(REPO, "eve:hello", "Say hello").unwrap();
    story.settle().await;
    story.say(&story.bob, pr, "/infra plan").await;
    println!("{}", story.report(pr));
    story.bob.approve(REPO, pr).unwrap();
    discounts(&story, pr, "bob", "requested the plan").await;
    story.finish().await;
}

#[tokio::test]
async fn what_a_bot_without_write_access_proposes_takes_two_people() {
    let story = Story::start().await;
    let bot = story.hub.add_bot("friendly").unwrap();
    let fork = bot.fork(REPO).unwrap();
    bot.push(&fork, "hello", &greeting("Hello")).unwrap();
    let pr = bot.open_pull(REPO, "friendly[bot]:hello", "Say hello").unwrap();
    story.settle().await;
    story.say(&story.bob, pr, "/infra plan").await;
    println!("{}", story.report(pr));
    story.bob.approve(REPO, pr).unwrap();
    discounts(&story, pr, "bob", "requested the plan").await;
    is_approved_by(&story, pr, &story.carol).await;
    story.finish().await;
}

#[tokio::test]
async fn who_lifts_what_a_writer_pushed_to_a_fork_may_approve_it() {
    let story = Story::start().await;
    let fork = story.alice.fork(REPO).unwrap();
    story.alice.push(&fork, "hello", &greeting("Hello")).unwrap();
    let pr = story.alice.open_pull(REPO, "alice:hello", "Say hello").unwrap();
    story.settle().await;
    story.say(&story.bob, pr, "/infra plan").await;
    is_approved_by(&story, pr, &story.bob).await;
    story.finish().await;
}

#[tokio::test]
async fn where_principals_may_approve_nobody_is_asked_for_one_approval_more() {
    let config = CONFIG.replace("self: false", "self: true");
    let story = Story::with(Setup { config: &config, ..Setup::default() }).await;
    let bot = story.hub.add_bot("friendly").unwrap();
    story.hub.set_permission(REPO, "friendly[bot]", Some(Role::Write)).unwrap();
    let pr = story.open(&bot, "hello", &borrowed(&hello("hello", "Hello")));
    story.settle().await;
    is_approved_by(&story, pr, &story.bob).await;
    story.finish().await;
}

#[tokio::test]
async fn a_branch_that_a_workflow_made_is_taken() {
    let files = hello("hello", "Hello");
    let story = Story::with(Setup { files: &borrowed(&files), ..Setup::default() }).await;
    let bot = story.hub.add_bot("friendly").unwrap();
    story.hub.set_permission(REPO, "friendly[bot]", Some(Role::Write)).unwrap();
    let issue = story.alice.open_issue(REPO, "Another greeting", "Please.").unwrap();
    // What Alice is going to ask for, and a bit more.
    let branch = format!("planwright/{issue}-hello");
    let more = greeting("Moin").write("CODEOWNERS", "* @alice\n");
    bot.push(REPO, &branch, &more).unwrap();
    story.settle().await;
    let (answer, _) = story.say(&story.alice, issue, "/infra set hello greeting=Moin").await;
    println!("{answer}");
    assert!(story.hub.pull(REPO, issue + 1).is_err(), "no pull request from it: {answer}");
    assert!(answer.contains("exists already"), "{answer}");
    // She asked for it, whoever opens a pull request from it.
    let pr = by(&story, &branch, &bot);
    story.settle().await;
    story.alice.approve(REPO, pr).unwrap();
    discounts(&story, pr, "alice", "asked for a commit of it").await;
    story.finish().await;
}

#[tokio::test]
async fn a_branch_that_a_workflow_made_with_nothing_on_it_is_taken_too() {
    let files = hello("hello", "Hello");
    let story = Story::with(Setup { files: &borrowed(&files), ..Setup::default() }).await;
    let bot = story.hub.add_bot("friendly").unwrap();
    story.hub.set_permission(REPO, "friendly[bot]", Some(Role::Write)).unwrap();
    let issue = story.alice.open_issue(REPO, "Another greeting", "Please.").unwrap();
    bot.create_branch(REPO, &format!("planwright/{issue}-hello"), "main").unwrap();
    story.settle().await;
    let (answer, _) = story.say(&story.alice, issue, "/infra set hello greeting=Moin").await;
    assert!(story.hub.pull(REPO, issue + 1).is_err(), "no pull request from it: {answer}");
    assert!(answer.contains("exists already"), "{answer}");
    story.finish().await;
}

#[tokio::test]
async fn a_second_request_after_the_first_was_merged_opens_another_pull_request() {
    let files = hello("hello", "Hello");
    let story = Story::with(Setup { files: &borrowed(&files), ..Setup::default() }).await;
    let issue = story.alice.open_issue(REPO, "Another greeting", "Please.").unwrap();
    story.settle().await;
    let mut opened = Vec::new();
    for greeting in ["Moin", "Servus"] {
        let command = format!("/infra set hello greeting={greeting}");
        let (answer, _) = story.say(&story.alice, issue, &command).await;
        println!("{answer}");
        let pr = linked(&answer.to_lowercase());
        is_approved_by(&story, pr, &story.bob).await;
        story.merge(&story.bob, pr);
        story.settle().await;
        story.assert_says(pr, "Applied and verified");
        story.bob.delete_branch(REPO, &format!("planwright/{issue}-hello")).unwrap();
        story.settle().await;
        opened.push(pr);
    }
    assert_ne!(opened[0], opened[1]);
    story.finish().await;
}
