//! Several changes of one stack are applied one at a time, in the order of their merges.

use jiff::SignedDuration;
use serde_json::json;

use planwright::{jobs, worker};
use planwright_core::{
    job,
    names::{PrNumber, RepositoryId, StackId},
};
use planwright_store::PullRequestId;

use super::merging::card;
use crate::support::{
    bot::{REPO, Setup, Story, borrowed},
    world::Watched,
};

async fn watched() -> (Watched, Story) {
    let watched = Watched::new();
    let engine = Some(watched.program());
    let story = Story::with(Setup { engine, ..Setup::default() }).await;
    (watched, story)
}

#[tokio::test]
async fn of_two_changes_of_a_stack_the_second_to_be_merged_is_confirmed_whichever_it_is() {
    for is_later_first in [false, true] {
        let (watched, story) = watched().await;
        story.applied("start", &card("hello", "Hello", "world")).await;
        let earlier = story.approved("greeting", &card("hello", "Goodbye", "world")).await;
        let later = story.approved("audience", &card("hello", "Hello", "world, moon")).await;
        let (first, second) = if is_later_first { (later, earlier) } else { (earlier, later) };
        story.merge(&story.bob, first);
        story.settle().await;
        story.assert_says(first, "Applied and verified");
        assert_eq!(watched.count("apply"), 2);
        story.merge(&story.bob, second);
        story.settle().await;
        story.assert_says(second, "**not applied**");
        assert_eq!(watched.count("apply"), 2);
        let digest = story.digest_to_confirm(second);
        story.say(&story.carol, second, &format!("/infra apply --plan {digest}")).await;
        story.assert_says(second, "Applied and verified");
        assert_eq!(story.output("hello", "message"), "Goodbye");
        assert_eq!(story.output("hello", "cards").as_object().unwrap().len(), 2);
        story.finish().await;
    }
}

#[tokio::test]
async fn an_apply_that_comes_late_never_takes_a_newer_one_back() {
    let (watched, story) = watched().await;
    let older = story.approved("older", &card("hello", "Hello", "world")).await;
    // The push to main and the closing are told late, by hand.
    story.hub.lose_webhooks(2);
    story.merge(&story.bob, older);
    story.hub.idle().await;
    let newer = story.applied("newer", &card("hello", "Goodbye", "world")).await;
    assert_eq!(watched.count("apply"), 1);

    let closed = story.hub.deliveries().unwrap();
    let closed =
        closed.iter().find(|it| it.event == "pull_request.closed" && it.payload["number"] == older);
    story.hub.redeliver(closed.unwrap().id).unwrap();
    story.settle().await;
    println!("{}", story.report(older));
    story.assert_says(older, "a newer change of the same stacks was applied before");
    let newer_merge = story.hub.pull(REPO, newer).unwrap().merge_commit_sha.unwrap();
    story.assert_says(older, &format!("superseded by `{}`", &newer_merge[..7]));
    assert_eq!(watched.count("apply"), 1);
    assert_eq!(story.output("hello", "message"), "Goodbye");
    let (answer, _) = story.say(&story.bob, older, "/infra apply").await;
    assert!(answer.contains("take it back"), "{answer}");
    assert_eq!(watched.count("apply"), 1);
    story.finish().await;
}

#[tokio::test]
async fn changes_merged_together_wait_their_turn_in_the_order_of_the_merges() {
    let (watched, story) = watched().await;
    let both = |one: &str| [card("one", one, "world"), card("two", "Hello", "world")].concat();
    story.applied("start", &both("Hello")).await;
    // Nothing of `two` changes in it, but it has the lock of both.
    let mut files = both("Goodbye");
    let two = files.iter_mut().find(|(path, _)| path == "stacks/two/stack.yaml").unwrap();
    two.1.insert_str(0, "# Looked at.\n");
    let holder = story.approved("holder", &files).await;
    let second = story.approved("second", &card("two", "Second", "world")).await;
    let third = story.approved("third", &card("two", "Hello", "world, moon")).await;

    let held = watched.hold("apply");
    let before = watched.count("apply");
    story.merge(&story.bob, holder);
    story.hub.idle().await;
    let applying = async { worker::run_until_idle(story.app()).await.unwrap() };
    let meanwhile = async {
        let waits = held.reached().await;
        story.assert_says(holder, "It is being applied");
        story.hub.hold_webhooks();
        story.merge(&story.bob, second);
        story.merge(&story.bob, third);
        story.hub.release_webhooks_reversed().unwrap();
        story.work().await;
        // Told before, the later one did not know of the earlier one yet.
        story.assert_says(third, &format!("place 1 in the queue, behind #{holder}"));
        story.pass(SignedDuration::from_secs(6));
        story.work().await;
        story.assert_says(second, &format!("place 1 in the queue, behind #{holder}"));
        story.assert_says(third, &format!("place 2 in the queue, behind #{holder}"));
        let calls = story.hub.calls().len();
        // Altogether less than a lease: the heartbeat of the apply does not know this clock.
        for _ in 0..2 {
            story.pass(SignedDuration::from_secs(6));
            story.work().await;
        }
        assert_eq!(story.hub.calls().len(), calls, "waiting costs nothing at GitHub");
        let (answer, _) = story.hear(&story.bob, second, "/infra unlock").await;
        assert!(answer.contains("out of the queue of `two`"), "{answer}");
        story.pass(SignedDuration::from_secs(6));
        story.work().await;
        story.assert_says(second, &format!("place 1 in the queue, behind #{holder}"));
        let (answer, _) = story.hear(&story.bob, holder, "/infra unlock").await;
        assert!(answer.contains("in use by an apply that runs"), "{answer}");
        assert_eq!(watched.count("apply"), before + 1);
        drop(waits);
    };
    tokio::join!(applying, meanwhile);
    story.settle().await;
    story.assert_says(holder, "Applied and verified");
    story.assert_says(second, "Applied and verified");
    story.assert_says(third, "**not applied**");
    assert!(story.told_at(second) < story.told_at(third));
    story.finish().await;
}

#[tokio::test]
async fn a_change_that_stops_waiting_keeps_nobody_behind_it() {
    for is_cancelled in [true, false] {
        let (watched, story) = watched().await;
        story.applied("start", &card("two", "Hello", "world")).await;
        let holder = story.approved("holder", &card("two", "Hello", "world, moon")).await;
        let second = story.approved("second", &card("two", "Second", "world")).await;
        let third = story.open(&story.alice, "third", &borrowed(&card("two", "Third", "world")));
        story.settle().await;
        story.carol.approve(REPO, third).unwrap();
        story.settle().await;

        let held = watched.hold("apply");
        story.merge(&story.carol, holder);
        story.hub.idle().await;
        let applying = async { worker::run_until_idle(story.app()).await.unwrap() };
        let meanwhile = async {
            let waits = held.reached().await;
            story.merge(&story.carol, second);
            story.work().await;
            // As if both had been merged before the first was applied.
            queue(&story, third, story.app().now().as_second() + 60).await;
            let position = &story.store().waits(id(&story, third)).await.unwrap()[0];
            assert_eq!(position.ahead, [PrNumber(holder), PrNumber(second)]);
            if is_cancelled {
                let (answer, reactions) = story.hear(&story.carol, second, "/infra cancel").await;
                assert_eq!((answer.as_str(), reactions.last().unwrap().as_str()), ("", "rocket"));
            } else {
                // Whoever has approved it may not do so any more.
                story.hub.set_permission(REPO, "bob", None).unwrap();
            }
            story.pass(SignedDuration::from_secs(6));
            story.work().await;
            drop(waits);
        };
        tokio::join!(applying, meanwhile);
        story.settle().await;
        println!("{}", story.report(second));
        story.assert_says(holder, "Applied and verified");
        match is_cancelled {
            true => story.assert_says(second, "cancelled before it was begun"),
            false => story.assert_says(second, "**not applied**"),
        }
        let waits = story.store().waits(id(&story, third)).await.unwrap();
        assert_eq!(waits, [], "nobody comes first any more");
        story.finish().await;
    }
}

#[tokio::test]
async fn an_apply_that_is_given_up_on_leaves_the_queues() {
    let (_watched, story) = watched().await;
    let first = story.approved("first", &card("two", "Hello", "world")).await;
    queue(&story, first, 1).await;
    queue(&story, 99, 2).await;
    assert_eq!(story.store().waits(id(&story, 99)).await.unwrap()[0].ahead, [PrNumber(first)]);
    let told = story.hub.deliveries().unwrap().pop().unwrap().payload;
    let repository = json!({
        "id": story.hub.repository_id(REPO).unwrap(),
        "name": REPO,
        "installation": told["installation"]["id"],
    });
    let target = json!({ "repository": repository, "number": first });
    let target = serde_json::from_value(target).unwrap();
    let job = job::Apply { target, asked: None, digest: None }.into();
    jobs::give_up(story.app(), &job, "7").await.unwrap();
    assert_eq!(story.store().waits(id(&story, 99)).await.unwrap(), []);
    story.finish().await;
}

fn id(story: &Story, pr: i64) -> PullRequestId {
    let repository = RepositoryId(story.hub.repository_id(REPO).unwrap());
    PullRequestId { repository, number: PrNumber(pr) }
}

/// Queues a change for `two`.
async fn queue(story: &Story, pr: i64, merge_order: i64) {
    let (stacks, now) = ([StackId::parse("two").unwrap()], story.app().now());
    story.store().queue_for_locks(id(story, pr), &stacks, merge_order, now).await.unwrap();
}
