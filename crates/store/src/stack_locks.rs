//! Locks on stacks: one apply per stack at a time, strictly in the order of the merges.
//!
//! A merged change queues for its stacks and takes all their locks or none. An expired lease does
//! **not** pass the lock to the next change, because the engine may still run without its bot. Only
//! the same change can take it over (its recovered job, with a new fence), or a person frees it
//! with `unlock`. An apply only starts under locks that are still held.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;

use planwright_core::names::{PrNumber, RepositoryId, StackId};

use super::{
    Error, PullRequestId, RunId, Stamp, Store, WriteOutcome, audit,
    claim::lease_end,
    column::{Row, binds, text_enum},
    db::{Counter, Tx},
    runs,
};

text_enum! {
    LockState { Waiting = "waiting", Held = "held" }
}

/// The proof that a change holds the locks of its stacks; only [`Store::take_locks`] creates it.
#[derive(Debug)]
pub struct LockHeld {
    pull_request: PullRequestId,
    stacks: BTreeSet<StackId>,
    fence: i64,
}

impl LockHeld {
    pub fn pull_request(&self) -> PullRequestId {
        self.pull_request
    }

    pub fn stacks(&self) -> &BTreeSet<StackId> {
        &self.stacks
    }
}

#[must_use]
#[derive(Debug)]
pub enum LockAnswer {
    Held(LockHeld),
    /// The stacks on which other changes come first; no lock was taken.
    Waiting(Vec<QueuePosition>),
}

/// The position of a change in the queue of one stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuePosition {
    pub stack: StackId,
    /// The changes that come first, in order; if one holds the lock, it is the first of them.
    pub ahead: Vec<PrNumber>,
}

#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unlock {
    /// The locks and queue positions that the change had and has no longer.
    Freed(Vec<StackLock>),
    /// An apply of the change runs under its locks; nothing was freed.
    InUse,
}

/// One change in the queue of one stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackLock {
    pub stack: StackId,
    pub pull_request: PullRequestId,
    pub merge_order: i64,
    pub state: LockState,
    pub queued_at: Timestamp,
    /// When the holder's lease expires, unless it is renewed.
    pub lease_until: Option<Timestamp>,
}

impl StackLock {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            stack: row.read("stack")?,
            pull_request: super::pull_requests::id_from_row(row)?,
            merge_order: row.read("merge_order")?,
            state: row.read("state")?,
            queued_at: row.read("queued_at")?,
            lease_until: row.read_optional("lease_until")?,
        })
    }
}

impl Store {
    /// Queues a merged change for its stacks; a second call changes nothing, not even the order.
    ///
    /// `merge_order` rises with the merges of a repository; ties are ordered by number.
    pub async fn queue_for_locks(
        &self,
        id: PullRequestId,
        stacks: &[StackId],
        merge_order: i64,
        now: Timestamp,
    ) -> Result<(), Error> {
        const QUEUE: &str = "INSERT INTO stack_locks \
             (repository, stack, number, merge_order, state, queued_at) \
             VALUES ($1, $2, $3, $4, 'waiting', $5) ON CONFLICT DO NOTHING";
        let mut tx = self.db.begin().await?;
        lock_queues(&mut tx).await?;
        for stack in stacks {
            let cells = binds![id.repository, stack, id.number, merge_order, now];
            tx.execute(QUEUE, cells).await?;
        }
        tx.commit().await
    }

    /// Takes the locks of all `stacks`, or none if another change comes first on any of them.
    ///
    /// Fails if the change is not in the queue of one of them.
    pub async fn take_locks(
        &self,
        id: PullRequestId,
        stacks: &[StackId],
        now: Timestamp,
        lease: Duration,
    ) -> Result<LockAnswer, Error> {
        const TAKE: &str = "UPDATE stack_locks SET state = 'held', fence = $4, lease_until = $5 \
             WHERE repository = $1 AND stack = $2 AND number = $3";
        if stacks.is_empty() {
            return Err(Error::NoStacks);
        }
        let stacks: BTreeSet<StackId> = stacks.iter().cloned().collect();
        let mut tx = self.db.begin().await?;
        let fence = lock_queues(&mut tx).await?;
        let mut positions = Vec::new();
        for stack in &stacks {
            let ahead = ahead(&mut tx, id, stack).await?;
            if !ahead.is_empty() {
                positions.push(QueuePosition { stack: stack.clone(), ahead });
            }
        }
        if !positions.is_empty() {
            return Ok(LockAnswer::Waiting(positions));
        }
        for stack in &stacks {
            let cells = binds![id.repository, stack, id.number, fence, lease_end(now, lease)];
            tx.execute(TAKE, cells).await?;
        }
        tx.commit().await?;
        Ok(LockAnswer::Held(LockHeld { pull_request: id, stacks, fence }))
    }

    /// Renews the leases of all locks; returns `Lost` if any of them is no longer held.
    pub async fn renew_locks(
        &self,
        lock: &LockHeld,
        now: Timestamp,
        lease: Duration,
    ) -> Result<WriteOutcome, Error> {
        const RENEW: &str = "UPDATE stack_locks SET lease_until = $4 \
             WHERE repository = $1 AND number = $2 AND fence = $3 AND state = 'held'";
        let PullRequestId { repository, number } = lock.pull_request;
        let mut tx = self.db.begin().await?;
        let cells = binds![repository, number, lock.fence, lease_end(now, lease)];
        if usize::try_from(tx.execute(RENEW, cells).await?) != Ok(lock.stacks.len()) {
            return Ok(WriteOutcome::Lost);
        }
        tx.commit().await?;
        Ok(WriteOutcome::Written)
    }

    /// Releases the locks that are still held, and leaves their queues.
    pub async fn release_locks(&self, lock: LockHeld) -> Result<WriteOutcome, Error> {
        const RELEASE: &str = "DELETE FROM stack_locks \
             WHERE repository = $1 AND number = $2 AND fence = $3 AND state = 'held'";
        let PullRequestId { repository, number } = lock.pull_request;
        let mut tx = self.db.begin().await?;
        lock_queues(&mut tx).await?;
        let released = tx.execute(RELEASE, binds![repository, number, lock.fence]).await?;
        tx.commit().await?;
        self.wake_workers();
        Ok(if usize::try_from(released) == Ok(lock.stacks.len()) {
            WriteOutcome::Written
        } else {
            WriteOutcome::Lost
        })
    }

    /// Removes a change from all queues in which it waits, because it will not be applied now.
    pub async fn leave_queues(&self, id: PullRequestId) -> Result<u64, Error> {
        const LEAVE: &str = "DELETE FROM stack_locks \
             WHERE repository = $1 AND number = $2 AND state = 'waiting'";
        let mut tx = self.db.begin().await?;
        lock_queues(&mut tx).await?;
        let left = tx.execute(LEAVE, binds![id.repository, id.number]).await?;
        tx.commit().await?;
        self.wake_workers();
        Ok(left)
    }

    /// Removes a change from the queue of one stack or of all, with an entry in the audit log.
    /// Refused while an apply of the change runs, unless that is the run `given_up`, which is then
    /// ended as failed.
    pub async fn unlock(
        &self,
        id: PullRequestId,
        stack: Option<&StackId>,
        stamp: Stamp<'_>,
        given_up: Option<RunId>,
    ) -> Result<Unlock, Error> {
        const UNLOCK: &str = "DELETE FROM stack_locks WHERE repository = $1 AND number = $2 \
             AND stack = COALESCE($3, stack) RETURNING *";
        let mut tx = self.db.begin().await?;
        // A run starts under the same lock: either it is seen here, or it finds its locks gone.
        lock_queues(&mut tx).await?;
        let running = runs::running_apply(&mut tx, id).await?;
        if running.is_some() && running != given_up {
            return Ok(Unlock::InUse);
        }
        let rows = tx.rows(UNLOCK, binds![id.repository, id.number, stack.cloned()]).await?;
        let mut locks = rows.iter().map(StackLock::from_row).collect::<Result<Vec<_>, _>>()?;
        locks.sort_by(|a, b| a.stack.cmp(&b.stack));
        for lock in &locks {
            let detail = serde_json::json!({
                "repository": id.repository,
                "stack": lock.stack,
                "number": id.number,
                "state": lock.state.as_str(),
                "lease_until": lock.lease_until,
            });
            let entry = audit::AuditEntry {
                at: stamp.at,
                actor: stamp.by.into(),
                action: "unlock".into(),
                detail,
            };
            audit::append(&mut tx, &entry).await?;
        }
        if let Some(run) = running.filter(|_| !locks.is_empty()) {
            let _ = runs::finish(&mut tx, run, runs::RunState::Failed, stamp.at).await?;
        }
        tx.commit().await?;
        self.wake_workers();
        Ok(Unlock::Freed(locks))
    }

    /// Returns the stacks on which a change waits, with the changes that come first; empty if none
    /// do.
    pub async fn waits(&self, id: PullRequestId) -> Result<Vec<QueuePosition>, Error> {
        let locks = self.stack_locks(id.repository).await?;
        let position = |own: &StackLock| {
            let queue = locks.iter().filter(|lock| lock.stack == own.stack);
            let ahead = queue.take_while(|lock| lock.pull_request != id);
            let ahead = ahead.map(|lock| lock.pull_request.number).collect();
            QueuePosition { stack: own.stack.clone(), ahead }
        };
        let positions = locks.iter().filter(|lock| lock.pull_request == id).map(position);
        Ok(positions.filter(|position| !position.ahead.is_empty()).collect())
    }

    /// Returns who holds and who waits, by stack, in the order of the queue.
    pub async fn stack_locks(&self, repository: RepositoryId) -> Result<Vec<StackLock>, Error> {
        const LIST: &str = "SELECT * FROM stack_locks WHERE repository = $1 \
             ORDER BY stack, state, merge_order, number";
        let rows = self.db.rows(LIST, binds![repository]).await?;
        rows.iter().map(StackLock::from_row).collect()
    }
}

/// Returns whether `lock` still holds `stack`; this cannot change until the transaction ends.
pub(super) async fn is_held(tx: &mut Tx, lock: &LockHeld, stack: &StackId) -> Result<bool, Error> {
    const HELD: &str = "SELECT stack FROM stack_locks WHERE repository = $1 AND stack = $2 \
         AND number = $3 AND fence = $4 AND state = 'held'";
    lock_queues(tx).await?;
    let PullRequestId { repository, number } = lock.pull_request;
    Ok(tx.row(HELD, binds![repository, stack, number, lock.fence]).await?.is_some())
}

/// Blocks every other transaction about locks until this one ends; returns a new fence.
async fn lock_queues(tx: &mut Tx) -> Result<i64, Error> {
    tx.next(Counter::StackLocks).await
}

/// Returns the changes that come before this one in the queue of a stack.
async fn ahead(tx: &mut Tx, id: PullRequestId, stack: &StackId) -> Result<Vec<PrNumber>, Error> {
    const QUEUE: &str = "SELECT * FROM stack_locks WHERE repository = $1 AND stack = $2 \
         ORDER BY state, merge_order, number";
    let rows = tx.rows(QUEUE, binds![id.repository, stack]).await?;
    let queue: Vec<StackLock> = rows.iter().map(StackLock::from_row).collect::<Result<_, _>>()?;
    let place = queue.iter().position(|lock| lock.pull_request == id);
    let place = place.ok_or_else(|| Error::NotQueued(id, stack.to_string()))?;
    Ok(queue[..place].iter().map(|lock| lock.pull_request.number).collect())
}
