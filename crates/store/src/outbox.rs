//! The outbox: writes to GitHub, each with a natural key, so that none is lost or made twice.
//!
//! A request whose sending was begun but never completed is *unsure*: the next sender first checks
//! on GitHub whether it arrived. What a request contains, and how to check, is not known here.

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
        /// GitHub rejects the request, and would reject it again.
        Refused = "refused",
    }
}

/// What GitHub is to show under a key, and what is known of it there.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// A natural key, such as `comment/<repository>/<number>`.
    pub key: String,
    pub body: Json,
    /// The digest of the stored body.
    pub digest: Digest,
    pub state: RequestState,
    pub attempts: i64,
    /// GitHub's id of what an earlier request with this key created, which is to be edited.
    pub remote_id: Option<String>,
    /// The time of the last response, by GitHub's clock.
    pub remote_at: Option<Timestamp>,
    /// Why GitHub refused it.
    pub error: Option<String>,
}

/// A request that is to be sent now.
#[derive(Clone, Debug, PartialEq)]
pub struct Sending {
    pub request: Request,
    /// Whether an earlier attempt may have arrived: check on GitHub before sending.
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
    /// Records what GitHub is to show under `key`. Changes nothing if the same body is already
    /// there or on its way. A request that GitHub has refused is tried again, because the reason
    /// may have been fixed.
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

    /// Records that the request is about to be sent; returns `None` if there is nothing to send.
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

    /// Records that GitHub has accepted the request.
    ///
    /// Returns `Lost` if another body was put under the key in the meantime. That one then has to
    /// be sent, as an edit of `remote_id`, even if another process has already sent it: which of
    /// two concurrent writes GitHub kept is unknown.
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

    /// Records that the request certainly did not arrive; it is sent again without a check.
    pub async fn record_not_sent(&self, request: &Request) -> Result<(), Error> {
        const NOT_SENT: &str = "UPDATE outbox SET unsure = 0, state = 'pending' \
             WHERE key = $1 AND digest = $2 AND state = 'sending'";
        self.db.execute(NOT_SENT, binds![request.key, request.digest]).await.map(drop)
    }

    /// Records that GitHub refused the request; it is not sent again.
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

    /// Returns the requests that still have to be sent and were last touched before `then` or by a
    /// dead process, oldest first. All others may be on their way, from this process or another.
    pub async fn unfinished_requests(&self, then: Timestamp) -> Result<Vec<Request>, Error> {
        const UNFINISHED: &str = "SELECT * FROM outbox WHERE state IN ('pending', 'sending') \
             AND COALESCE(touched_at, created_at) < $1 ORDER BY created_at, key";
        self.db.rows(UNFINISHED, binds![then]).await?.iter().map(Request::from_row).collect()
    }

    /// Lets other processes send what `process` was sending. Only call this for a process that is
    /// certainly dead.
    pub async fn abandon_requests(&self, process: &str) -> Result<u64, Error> {
        const ABANDON: &str = "UPDATE outbox SET touched_at = 0 \
             WHERE touched_by = $1 AND state IN ('pending', 'sending')";
        self.db.execute(ABANDON, binds![process]).await
    }
}
