//! Writes to GitHub, each under its natural key, so that none is lost and none is made twice.
//!
//! A request that was begun and never heard of again is *unsure*: whoever sends it next first looks
//! at GitHub whether it is there. What a request means, and how one looks, is not known here.

use jiff::Timestamp;
use serde_json::Value as Json;

use planwright_core::{canonical::canonical, digest::Digest};

use super::{
    Error, Stamp, Store, WriteOutcome,
    column::{Row, binds, text_enum},
};

text_enum! {
    RequestState {
        Pending = "pending",
        Sending = "sending",
        Done = "done",
        /// GitHub will not have it, whatever we do.
        Refused = "refused",
    }
}

/// What is to stand at GitHub under a key, and what is known of it there.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Natural, e.g. `comment/<repository>/<number>`.
    pub key: String,
    pub body: Json,
    /// Of the body as it is stored.
    pub digest: Digest,
    pub state: RequestState,
    pub attempts: i64,
    /// GitHub's id of what an earlier request under this key made: edit that.
    pub remote_id: Option<String>,
    /// GitHub's time of the last answer.
    pub remote_at: Option<Timestamp>,
    /// Why it was refused.
    pub error: Option<String>,
}

/// A request that is to be sent now.
#[derive(Clone, Debug, PartialEq)]
pub struct Sending {
    pub request: Request,
    /// An earlier attempt may have arrived: look before sending.
    pub look_first: bool,
}

impl Request {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            key: row.read("key")?,
            body: row.read("request")?,
            digest: row.read("digest")?,
            state: row.read("state")?,
            attempts: row.read("attempts")?,
            remote_id: row.read_optional("remote_id")?,
            remote_at: row.read_optional("remote_at")?,
            error: row.read_optional("error")?,
        })
    }
}

impl Store {
    /// Says what is to stand under `key`; nothing changes when just that is there or on its way. What
    /// GitHub has refused may pass now: somebody may have mended the reason.
    pub async fn put_request(&self, key: &str, body: &Json, stamp: Stamp<'_>) -> Result<(), Error> {
        const PUT: &str = "INSERT INTO outbox (key, request, digest, state, unsure, attempts, \
             created_at, touched_by, touched_at) VALUES ($1, $2, $3, 'pending', 0, 0, $4, $5, $4) \
             ON CONFLICT (key) DO UPDATE SET request = excluded.request, \
             digest = excluded.digest, state = 'pending', attempts = 0, error = NULL, \
             touched_by = excluded.touched_by, touched_at = excluded.touched_at \
             WHERE outbox.digest <> excluded.digest OR outbox.state = 'refused'";
        let text = canonical(body);
        let digest = Digest::sha256(text.as_bytes());
        let cells = binds![key, text, digest, stamp.at, stamp.by];
        self.db.execute(PUT, cells).await.map(drop)
    }

    /// Writes down that the request is being sent, before it is; none when there is nothing to send.
    pub async fn begin_sending(
        &self,
        key: &str,
        stamp: Stamp<'_>,
    ) -> Result<Option<Sending>, Error> {
        const UNSURE: &str = "SELECT unsure FROM outbox WHERE key = $1";
        const BEGIN: &str = "UPDATE outbox SET state = 'sending', unsure = 1, \
             attempts = attempts + 1, touched_by = $2, touched_at = $3 \
             WHERE key = $1 AND state IN ('pending', 'sending') RETURNING *";
        let mut tx = self.db.begin().await?;
        let Some(before) = tx.row(UNSURE, binds![key]).await? else { return Ok(None) };
        let Some(row) = tx.row(BEGIN, binds![key, stamp.by, stamp.at]).await? else {
            return Ok(None);
        };
        let sending =
            Sending { request: Request::from_row(&row)?, look_first: before.read("unsure")? };
        tx.commit().await?;
        Ok(Some(sending))
    }

    /// Writes down that the request stands at GitHub.
    ///
    /// Lost when another was put in its place meanwhile: that one has to be sent, and edits
    /// `remote_id`. Also where somebody else has sent it already: of two that are under way at once
    /// nobody knows which one stands.
    pub async fn finish_sending(
        &self,
        request: &Request,
        remote_id: &str,
        remote_at: Option<Timestamp>,
    ) -> Result<WriteOutcome, Error> {
        const FINISH: &str = "UPDATE outbox SET unsure = 0, remote_id = $3, remote_at = $4, \
             state = CASE WHEN digest = $2 THEN 'done' ELSE 'pending' END WHERE key = $1 \
             RETURNING state";
        let mut tx = self.db.begin().await?;
        let cells = binds![request.key, request.digest, remote_id, remote_at];
        let state = tx.row(FINISH, cells).await?.map(|row| row.read("state")).transpose()?;
        tx.commit().await?;
        Ok(match state {
            Some(RequestState::Done) => WriteOutcome::Written,
            _ => WriteOutcome::Lost,
        })
    }

    /// Writes down that the request surely did not arrive; it stays to be sent, without a look.
    pub async fn record_not_sent(&self, request: &Request) -> Result<(), Error> {
        const NOT_SENT: &str = "UPDATE outbox SET unsure = 0, state = 'pending' \
             WHERE key = $1 AND digest = $2 AND state = 'sending'";
        self.db.execute(NOT_SENT, binds![request.key, request.digest]).await.map(drop)
    }

    /// Writes down that GitHub will not have the request; it is not sent again.
    pub async fn record_refused(&self, request: &Request, why: &str) -> Result<(), Error> {
        const REFUSED: &str = "UPDATE outbox SET unsure = 0, state = 'refused', error = $3 \
             WHERE key = $1 AND digest = $2 AND state = 'sending'";
        let cells = binds![request.key, request.digest, why];
        self.db.execute(REFUSED, cells).await.map(drop)
    }

    pub async fn request(&self, key: &str) -> Result<Option<Request>, Error> {
        let cells = binds![key];
        let row = self.db.row("SELECT * FROM outbox WHERE key = $1", cells).await?;
        row.as_ref().map(Request::from_row).transpose()
    }

    /// What has to be sent yet and was last touched before `then` or by a process that is gone, the
    /// oldest first. Anything else may be under way, in this process or in another.
    pub async fn unfinished_requests(&self, then: Timestamp) -> Result<Vec<Request>, Error> {
        const UNFINISHED: &str = "SELECT * FROM outbox WHERE state IN ('pending', 'sending') \
             AND COALESCE(touched_at, created_at) < $1 ORDER BY created_at, key";
        self.db.rows(UNFINISHED, binds![then]).await?.iter().map(Request::from_row).collect()
    }

    /// Leaves what a process was sending to others; only for one that is surely dead.
    pub async fn abandon_requests(&self, process: &str) -> Result<u64, Error> {
        const ABANDON: &str = "UPDATE outbox SET touched_at = 0 \
             WHERE touched_by = $1 AND state IN ('pending', 'sending')";
        self.db.execute(ABANDON, binds![process]).await
    }
}
