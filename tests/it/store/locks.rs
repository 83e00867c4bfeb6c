//! Stack locks: one holder at a time, in merge order, fenced; and what only a holder may write.

use planwright_core::{
    digest::Digest,
    names::{PrNumber, StackId},
};
use planwright_store::{
    AppliedStack, Error, LockAnswer, LockHeld, LockState, QueuePosition, RunKind, RunState,
    StackLock, Stamp, Store, Unlock, WriteOutcome,
};

use super::{Database, LEASE, at, on_both, pull_request, sha, stack};

fn carol(second: i64) -> Stamp<'static> {
    Stamp { by: "carol", at: at(second) }
}

async fn queue(store: &Store, number: i64, stacks: &[StackId], merge_order: i64) {
    store.queue_for_locks(pull_request(number), stacks, merge_order, at(0)).await.unwrap();
}

async fn take(store: &Store, number: i64, stacks: &[StackId]) -> Result<LockHeld, Vec<i64>> {
    match store.take_locks(pull_request(number), stacks, at(1), LEASE).await.unwrap() {
        LockAnswer::Held(lock) => Ok(lock),
        LockAnswer::Waiting(positions) => {
            let ahead = |position: QueuePosition| position.ahead.into_iter().map(|n| n.0);
            Err(positions.into_iter().flat_map(ahead).collect())
        }
    }
}

fn applied(name: &str, commit: char) -> AppliedStack {
    AppliedStack {
        stack: stack(name),
        commit: sha(commit),
        number: PrNumber(1),
        input_digest: Digest::from_text("sha256:input"),
        at: at(2),
        removed: false,
    }
}

async fn locks_go_in_merge_order_whoever_asks_first(database: &Database) {
    let store = database.store().await;
    let website = [stack("website")];
    for order in [[(1, 10), (2, 20)], [(4, 20), (3, 10)]] {
        for (number, merge_order) in order {
            queue(&store, number, &website, merge_order).await;
        }
        let mut numbers = order.map(|(number, merge_order)| (merge_order, number));
        numbers.sort();
        let [(_, earlier), (_, later)] = numbers;
        assert_eq!(take(&store, later, &website).await.unwrap_err(), [earlier]);
        let lock = take(&store, earlier, &website).await.unwrap();
        assert_eq!(take(&store, later, &website).await.unwrap_err(), [earlier]);
        assert_eq!(store.release_locks(lock).await.unwrap(), WriteOutcome::Written);
        let lock = take(&store, later, &website).await.unwrap();
        assert_eq!(store.release_locks(lock).await.unwrap(), WriteOutcome::Written);
    }
    assert_eq!(store.stack_locks(pull_request(1).repository).await.unwrap(), []);
}

async fn a_change_that_comes_late_waits_for_the_holder_though_it_was_merged_before(
    database: &Database,
) {
    let store = database.store().await;
    let website = [stack("website")];
    queue(&store, 2, &website, 20).await;
    let lock = take(&store, 2, &website).await.unwrap();
    queue(&store, 1, &website, 10).await;
    queue(&store, 3, &website, 30).await;
    assert_eq!(take(&store, 1, &website).await.unwrap_err(), [2]);
    assert_eq!(take(&store, 3, &website).await.unwrap_err(), [2, 1], "the holder, then by merge");
    assert_eq!(store.release_locks(lock).await.unwrap(), WriteOutcome::Written);
    assert_eq!(take(&store, 3, &website).await.unwrap_err(), [1]);
    assert_eq!(store.leave_queues(pull_request(1)).await.unwrap(), 1);
    assert!(take(&store, 3, &website).await.is_ok());
}

async fn all_locks_or_none(database: &Database) {
    let store = database.store().await;
    let (both, one) = ([stack("network"), stack("website")], [stack("website")]);
    queue(&store, 1, &one, 10).await;
    queue(&store, 2, &both, 20).await;
    queue(&store, 3, &both[..1], 30).await;
    let first = take(&store, 1, &one).await.unwrap();
    assert_eq!(take(&store, 2, &both).await.unwrap_err(), [1]);
    let locks = store.stack_locks(pull_request(1).repository).await.unwrap();
    let held: Vec<_> = locks.iter().filter(|lock| lock.state == LockState::Held).collect();
    assert_eq!(held.len(), 1, "the free one was not taken: {locks:?}");
    assert_eq!(take(&store, 3, &both[..1]).await.unwrap_err(), [2], "and is not passed on");
    let _ = store.release_locks(first).await.unwrap();
    assert_eq!(take(&store, 2, &both).await.unwrap().stacks().len(), 2);
}

async fn of_many_who_take_at_once_one_holds(database: &Database) {
    let stores = [database.store().await, database.store().await];
    let website = [stack("website")];
    for number in 1..=6 {
        queue(&stores[0], number, &website, number * 10).await;
    }
    for expected in 1..=6 {
        let takers = (expected..=6).map(|number| {
            let (store, website) = (stores[number as usize % 2].clone(), website.clone());
            tokio::spawn(async move { take(&store, number, &website).await.ok() })
        });
        let mut held = Vec::new();
        for taker in takers.collect::<Vec<_>>() {
            held.extend(taker.await.unwrap());
        }
        assert_eq!(held.len(), 1);
        let lock = held.pop().unwrap();
        assert_eq!(lock.pull_request(), pull_request(expected));
        let _ = stores[0].release_locks(lock).await.unwrap();
    }
}

async fn a_lease_that_ran_out_passes_to_the_same_change_only(database: &Database) {
    let store = database.store().await;
    let website = [stack("website")];
    queue(&store, 1, &website, 10).await;
    queue(&store, 2, &website, 20).await;
    let lost = take(&store, 1, &website).await.unwrap();
    assert_eq!(store.renew_locks(&lost, at(20), LEASE).await.unwrap(), WriteOutcome::Written);
    let much_later = at(9999);
    let other = store.take_locks(pull_request(2), &website, much_later, LEASE).await.unwrap();
    assert!(matches!(other, LockAnswer::Waiting(_)), "its engine may still run: {other:?}");

    let heir = store.take_locks(pull_request(1), &website, much_later, LEASE).await.unwrap();
    let LockAnswer::Held(heir) = heir else { panic!("{heir:?}") };
    assert_eq!(store.renew_locks(&lost, much_later, LEASE).await.unwrap(), WriteOutcome::Lost);
    let late = store.record_applied(&lost, &applied("website", 'a')).await.unwrap();
    assert_eq!(late, WriteOutcome::Lost);
    assert_eq!(store.release_locks(lost).await.unwrap(), WriteOutcome::Lost);
    let recorded = store.record_applied(&heir, &applied("website", 'b')).await.unwrap();
    assert_eq!(recorded, WriteOutcome::Written);
    let repository = pull_request(1).repository;
    let known = store.applied_stack(repository, &stack("website")).await.unwrap();
    assert_eq!(known, Some(applied("website", 'b')));
}

async fn an_unlocked_holder_writes_nothing_more_and_the_audit_says_who_did_it(database: &Database) {
    let store = database.store().await;
    let stacks = [stack("network"), stack("website")];
    let repository = pull_request(1).repository;
    assert_eq!(unlock(&store, 1, Some(&stacks[0])).await, [], "it was not even queued");
    queue(&store, 1, &stacks, 10).await;
    queue(&store, 2, &stacks[..1], 20).await;
    assert_eq!(store.audit_entries(9).await.unwrap(), [], "nothing was unlocked");
    let lock = take(&store, 1, &stacks).await.unwrap();
    assert_eq!(unlock(&store, 2, Some(&stacks[1])).await, [], "another's lock is not its own");
    let freed = unlock(&store, 1, Some(&stacks[0])).await;
    assert_eq!((freed.len(), freed[0].pull_request), (1, pull_request(1)));
    assert_eq!((freed[0].state, freed[0].lease_until), (LockState::Held, Some(at(31))));
    let audit = store.audit_entries(9).await.unwrap();
    assert_eq!((audit[0].actor.as_str(), audit[0].action.as_str()), ("carol", "unlock"));
    assert_eq!(
        (&audit[0].detail["number"], &audit[0].detail["state"]),
        (&1.into(), &"held".into())
    );
    assert_eq!(audit[0].detail["stack"], "network");

    assert_eq!(store.renew_locks(&lock, at(4), LEASE).await.unwrap(), WriteOutcome::Lost);
    let network = store.record_applied(&lock, &applied("network", 'a')).await.unwrap();
    assert_eq!(network, WriteOutcome::Lost);
    let website = store.record_applied(&lock, &applied("website", 'a')).await.unwrap();
    assert_eq!(website, WriteOutcome::Written, "the other lock is still its own");
    assert_eq!(store.release_locks(lock).await.unwrap(), WriteOutcome::Lost);
    let left = store.stack_locks(repository).await.unwrap();
    assert_eq!(left.len(), 1, "but it frees what it had: {left:?}");
    let freed = unlock(&store, 2, None).await;
    assert_eq!((freed.len(), freed[0].state), (1, LockState::Waiting), "it waits no longer");
}

async fn unlock(store: &Store, number: i64, stack: Option<&StackId>) -> Vec<StackLock> {
    match store.unlock(pull_request(number), stack, carol(3), None).await.unwrap() {
        Unlock::Freed(locks) => locks,
        Unlock::InUse => panic!("in use"),
    }
}

async fn a_run_starts_only_under_locks_that_are_held_and_then_nobody_frees_them(
    database: &Database,
) {
    let store = database.store().await;
    let stacks = [stack("network"), stack("website")];
    queue(&store, 1, &stacks, 10).await;
    let lock = take(&store, 1, &stacks).await.unwrap();
    assert_eq!(unlock(&store, 1, Some(&stacks[0])).await.len(), 1);
    assert_eq!(store.start_run(RunKind::Apply, &lock, at(4)).await.unwrap(), None);

    queue(&store, 1, &stacks, 10).await;
    let lock = take(&store, 1, &stacks).await.unwrap();
    let run = store.start_run(RunKind::Apply, &lock, at(4)).await.unwrap().unwrap();
    let refused = store.unlock(pull_request(1), None, carol(5), None).await.unwrap();
    assert_eq!(refused, Unlock::InUse);
    assert_eq!(store.renew_locks(&lock, at(5), LEASE).await.unwrap(), WriteOutcome::Written);

    // A person says that nothing of the run is alive any more.
    let freed = store.unlock(pull_request(1), None, carol(6), Some(run)).await.unwrap();
    assert!(matches!(&freed, Unlock::Freed(locks) if locks.len() == 2), "{freed:?}");
    let ended = store.run(run).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.finished_at), (RunState::Failed, Some(at(6))));
}

async fn whoever_waits_sees_for_whom_until_nobody_comes_first(database: &Database) {
    let store = database.store().await;
    let both = [stack("network"), stack("website")];
    queue(&store, 1, &both[1..], 10).await;
    let lock = take(&store, 1, &both[1..]).await.unwrap();
    queue(&store, 2, &both[1..], 20).await;
    queue(&store, 3, &both, 30).await;
    let position = QueuePosition { stack: stack("website"), ahead: vec![PrNumber(1), PrNumber(2)] };
    assert_eq!(store.waits(pull_request(3)).await.unwrap(), [position]);
    assert_eq!(store.waits(pull_request(1)).await.unwrap(), [], "who holds it does not wait");
    let _ = store.release_locks(lock).await.unwrap();
    assert_eq!(store.waits(pull_request(2)).await.unwrap(), []);
    assert_eq!(store.waits(pull_request(3)).await.unwrap()[0].ahead, [PrNumber(2)]);
    assert_eq!(store.waits(pull_request(4)).await.unwrap(), [], "nor who never queued");
}

async fn a_lock_is_for_the_stacks_it_names(database: &Database) {
    let store = database.store().await;
    let website = [stack("website"), stack("website")];
    queue(&store, 1, &website, 10).await;
    let unqueued = store.take_locks(pull_request(2), &website, at(1), LEASE).await;
    assert!(matches!(unqueued, Err(Error::NotQueued(..))), "{unqueued:?}");
    let none = store.take_locks(pull_request(1), &[], at(1), LEASE).await;
    assert!(matches!(none, Err(Error::NoStacks)), "{none:?}");
    let lock = take(&store, 1, &website).await.unwrap();
    assert_eq!(store.renew_locks(&lock, at(2), LEASE).await.unwrap(), WriteOutcome::Written);
    let other = store.record_applied(&lock, &applied("network", 'a')).await.unwrap();
    assert_eq!(other, WriteOutcome::Lost);
}

async fn a_stack_keeps_what_was_last_applied(database: &Database) {
    let store = database.store().await;
    let stacks = [stack("network"), stack("website")];
    queue(&store, 1, &stacks, 10).await;
    let lock = take(&store, 1, &stacks).await.unwrap();
    let destroyed = AppliedStack { removed: true, at: at(9), ..applied("website", 'c') };
    for applied in [&applied("website", 'a'), &applied("network", 'b'), &destroyed] {
        assert_eq!(store.record_applied(&lock, applied).await.unwrap(), WriteOutcome::Written);
    }
    let repository = pull_request(1).repository;
    let all = store.applied_stacks(repository).await.unwrap();
    assert_eq!(all, [applied("network", 'b'), destroyed]);
    assert_eq!(store.applied_stack(repository, &stack("other")).await.unwrap(), None);
}

on_both!(
    locks_go_in_merge_order_whoever_asks_first,
    a_change_that_comes_late_waits_for_the_holder_though_it_was_merged_before,
    all_locks_or_none,
    of_many_who_take_at_once_one_holds,
    a_lease_that_ran_out_passes_to_the_same_change_only,
    an_unlocked_holder_writes_nothing_more_and_the_audit_says_who_did_it,
    a_run_starts_only_under_locks_that_are_held_and_then_nobody_frees_them,
    whoever_waits_sees_for_whom_until_nobody_comes_first,
    a_lock_is_for_the_stacks_it_names,
    a_stack_keeps_what_was_last_applied,
);
