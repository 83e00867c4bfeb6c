//! The whole queue under load: many workers in two "processes", lost leases, workers that return
//! after losing theirs, and retries.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use jiff::Timestamp;
use tokio::sync::RwLock;

use planwright_core::names::DeliveryId;
use planwright_store::{
    Claim, Delivery, Effects, HeartbeatReply, JobId, Lease, NewJob, Outcome, Receipt, Store,
    WriteOutcome,
};

use super::{Database, LEASE, at, job, kind, on_both};

const JOBS: i64 = 1000;
const KEYS: i64 = 20;

/// What the workers saw, beside the database.
#[derive(Default)]
struct Seen {
    /// Who is at work on a key, as far as the workers themselves know.
    at_work: BTreeMap<String, JobId>,
    overlaps: usize,
    done: BTreeMap<String, Vec<i64>>,
    /// Workers that stopped without a word.
    zombies: BTreeMap<JobId, Lease>,
    zombies_refused: usize,
    retried: usize,
}

struct Bench {
    /// Milliseconds; every look at it moves it on.
    clock: AtomicI64,
    /// Held for reading while at work, for writing while the time jumps: only the lost lose leases.
    day: RwLock<()>,
    seen: Mutex<Seen>,
}

impl Bench {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.clock.fetch_add(1, Ordering::SeqCst)).unwrap()
    }

    fn done(&self) -> i64 {
        let seen = self.seen.lock().unwrap();
        seen.done.values().map(Vec::len).sum::<usize>().try_into().unwrap()
    }
}

async fn a_thousand_jobs_neither_overlap_nor_change_order(database: &Database) {
    let stores = [database.store().await, database.store().await];
    enqueue_all(&stores[0]).await;
    let bench = Arc::new(Bench {
        clock: AtomicI64::new(1_000_000),
        day: RwLock::new(()),
        seen: Mutex::default(),
    });
    let workers: Vec<_> = (0..8)
        .map(|i| tokio::spawn(work(stores[i % 2].clone(), Arc::clone(&bench), format!("w{i}"))))
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }

    {
        let seen = bench.seen.lock().unwrap();
        assert_eq!(seen.overlaps, 0);
        assert!(seen.zombies_refused > 20, "{} zombies came back", seen.zombies_refused);
        assert!(seen.retried > 100, "{} attempts were retried", seen.retried);
        for (key, numbers) in &seen.done {
            assert!(numbers.is_sorted(), "{key} ran out of order: {numbers:?}");
            assert_eq!(numbers.len() as i64, JOBS / KEYS, "{key}");
        }
    }
    assert_eq!(stores[1].open_jobs().await.unwrap(), []);
    assert_eq!(stores[1].failed_jobs(1).await.unwrap(), []);
}

async fn enqueue_all(store: &Store) {
    let new = |number: i64| NewJob {
        payload: serde_json::json!({ "number": number }),
        ..job(&format!("key-{:02}", number % KEYS))
    };
    let delivery = Delivery {
        id: DeliveryId::parse("all").unwrap(),
        event: "push".into(),
        action: None,
        repository: None,
        number: None,
        body: "{}".into(),
        received_at: at(0),
    };
    let effects = Effects { jobs: (0..JOBS).map(new).collect(), ..Effects::default() };
    assert_eq!(store.receive(&delivery, &effects).await.unwrap(), Receipt::Received);
}

async fn work(store: Store, bench: Arc<Bench>, name: String) {
    while bench.done() < JOBS {
        let day = bench.day.read().await;
        let claim = store.claim(&name, &[kind("plan")], bench.now(), LEASE).await.unwrap();
        let Some(claim) = claim else {
            drop(day);
            let _nobody_works = bench.day.write().await;
            let lease = i64::try_from(LEASE.as_millis()).unwrap();
            bench.clock.fetch_add(lease, Ordering::SeqCst);
            continue;
        };
        attempt(&store, &bench, &claim).await;
    }
}

async fn attempt(store: &Store, bench: &Bench, claim: &Claim) {
    let number = claim.job.payload["number"].as_i64().unwrap();
    let zombie = {
        let mut seen = bench.seen.lock().unwrap();
        if seen.at_work.insert(claim.job.key.clone(), claim.job.id).is_some() {
            seen.overlaps += 1;
        }
        seen.zombies.remove(&claim.job.id)
    };
    if let Some(zombie) = zombie {
        let late = store.finish(zombie, &Outcome::Done, &[], bench.now()).await.unwrap();
        assert_eq!(late, WriteOutcome::Lost);
        bench.seen.lock().unwrap().zombies_refused += 1;
    }
    assert_eq!(
        store.heartbeat(claim.lease, bench.now(), LEASE).await.unwrap(),
        HeartbeatReply::Going
    );

    let is_lost = number % 31 == 0 && claim.job.lost_leases == 0;
    let is_retried = !is_lost && number % 7 == 0 && claim.job.attempts - claim.job.lost_leases == 1;
    {
        let mut seen = bench.seen.lock().unwrap();
        seen.at_work.remove(&claim.job.key);
        if is_lost {
            seen.zombies.insert(claim.job.id, claim.lease);
            return;
        }
        if is_retried {
            seen.retried += 1;
        } else {
            seen.done.entry(claim.job.key.clone()).or_default().push(number);
        }
    }
    let outcome = match is_retried {
        true => Outcome::Retry { at: bench.now(), error: "once more".into() },
        false => Outcome::Done,
    };
    let fenced = store.finish(claim.lease, &outcome, &[], bench.now()).await.unwrap();
    assert_eq!(fenced, WriteOutcome::Written);
}

on_both!(a_thousand_jobs_neither_overlap_nor_change_order);
