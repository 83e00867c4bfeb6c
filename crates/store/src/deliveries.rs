//! Webhook deliveries as GitHub sent them, each stored once and together with its effects.
//!
//! The signature covers the body alone. Whoever captured one can send it under another GUID and as
//! another event, so a body is received once, whatever stands around it.
//!
//! What an event causes is decided in `core::inbox`; here it is stored before GitHub gets an
//! answer.

use jiff::Timestamp;

use planwright_core::{
    canonical::canonical,
    digest::Digest,
    names::{CommentId, DeliveryId, PrNumber, RepositoryId},
};

use super::{
    Error, NewJob, PullRequestId, Push, Store,
    column::{Row, binds},
    db::Tx,
    jobs, pull_requests, pushes,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub id: DeliveryId,
    /// The `X-GitHub-Event` header.
    pub event: String,
    pub action: Option<String>,
    pub repository: Option<RepositoryId>,
    pub number: Option<PrNumber>,
    /// The raw body, over which the signature was checked; empty once older than the retention
    /// time.
    pub body: String,
    pub received_at: Timestamp,
}

/// What a delivery causes, stored in the same transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// The pull request whose generation to raise. This happens before the jobs are enqueued, so
    /// that they belong to the new generation.
    pub raise_generation: Option<PullRequestId>,
    pub push: Option<Push>,
    /// The comment whose commands the jobs carry out. If another delivery had it before, they are
    /// not enqueued.
    pub carries_out: Option<CommentId>,
    pub jobs: Vec<NewJob>,
}

#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    Received,
    /// A delivery with the same GUID or the same body was stored before; nothing was done.
    Duplicate,
}

impl Store {
    /// Stores a delivery and its effects in one transaction, once per GUID and once per body.
    pub async fn receive(&self, delivery: &Delivery, effects: &Effects) -> Result<Receipt, Error> {
        const RECEIVE: &str = "INSERT INTO deliveries \
             (id, event, action, repository, number, body, received_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
        let mut tx = self.db.begin().await?;
        let is_new = is_new_body(&mut tx, delivery).await?;
        let cells = binds![
            delivery.id,
            delivery.event,
            delivery.action,
            delivery.repository,
            delivery.number,
            // A body that is sent again and again takes no room.
            if is_new { delivery.body.as_str() } else { "" },
            delivery.received_at,
        ];
        if tx.execute(RECEIVE, cells).await? == 0 {
            return Ok(Receipt::Duplicate);
        }
        if !is_new {
            // The row is kept, because a missing GUID would be requested from GitHub again.
            tx.commit().await?;
            return Ok(Receipt::Duplicate);
        }
        if let Some(pull_request) = effects.raise_generation {
            pull_requests::raise_generation(&mut tx, pull_request).await?;
        }
        if let Some(push) = &effects.push {
            pushes::record(&mut tx, push).await?;
        }
        if is_first(&mut tx, delivery, effects.carries_out).await? {
            for job in &effects.jobs {
                jobs::enqueue(&mut tx, job, delivery.received_at).await?;
            }
        }
        tx.commit().await?;
        self.wake_workers();
        Ok(Receipt::Received)
    }

    pub async fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>, Error> {
        const SELECT: &str = "SELECT id, event, action, repository, number, body, received_at \
             FROM deliveries WHERE id = $1";
        let row = self.db.row(SELECT, binds![id]).await?;
        row.as_ref().map(from_row).transpose()
    }

    /// Returns those of `ids` that never arrived, in the order given, so that they can be requested
    /// again.
    pub async fn missing_deliveries(&self, ids: &[DeliveryId]) -> Result<Vec<DeliveryId>, Error> {
        const KNOWN: &str = "SELECT id FROM deliveries WHERE id = $1";
        let mut missing = Vec::new();
        for id in ids {
            if self.db.row(KNOWN, binds![id]).await?.is_none() {
                missing.push(id.clone());
            }
        }
        Ok(missing)
    }

    /// Returns when the last delivery arrived: how far back to search for missed deliveries.
    pub async fn last_delivery_at(&self) -> Result<Option<Timestamp>, Error> {
        const LAST: &str = "SELECT received_at FROM deliveries ORDER BY received_at DESC LIMIT 1";
        let row = self.db.row(LAST, Vec::new()).await?;
        row.map(|row| row.read("received_at")).transpose()
    }
}

/// Records the body of a delivery, and returns whether it was never received before.
async fn is_new_body(tx: &mut Tx, delivery: &Delivery) -> Result<bool, Error> {
    const RECORD: &str = "INSERT INTO delivery_bodies (digest, delivery, received_at) \
         VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    let cells = binds![body_digest(&delivery.body), delivery.id, delivery.received_at];
    Ok(tx.execute(RECORD, cells).await? > 0)
}

/// Returns the digest of what a body says. GitHub's list of deliveries has another spelling of the
/// same JSON than the delivery had.
fn body_digest(body: &str) -> Digest {
    let json: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let text = json.map_or_else(|| body.to_owned(), |json| canonical(&json));
    Digest::of_parts("v1", [text.as_bytes()])
}

/// Records that a delivery carries the commands of a comment out, and returns whether no other one
/// did before.
async fn is_first(
    tx: &mut Tx,
    delivery: &Delivery,
    comment: Option<CommentId>,
) -> Result<bool, Error> {
    const RECORD: &str = "INSERT INTO carried_out (repository, comment, delivery, received_at) \
         VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    let (Some(comment), Some(repository)) = (comment, delivery.repository) else {
        return Ok(true);
    };
    let cells = binds![repository, comment, delivery.id, delivery.received_at];
    Ok(tx.execute(RECORD, cells).await? > 0)
}

fn from_row(row: &Row) -> Result<Delivery, Error> {
    Ok(Delivery {
        id: row.read("id")?,
        event: row.read("event")?,
        action: row.read_optional("action")?,
        repository: row.read_optional("repository")?,
        number: row.read_optional("number")?,
        body: row.read("body")?,
        received_at: row.read("received_at")?,
    })
}
