//! Who lifted the hold on a head, so that it was planned. Append-only.
//!
//! What a lift means for an approval is decided in `core::people`.

use std::collections::BTreeMap;

use jiff::Timestamp;

use planwright_core::names::{Login, Sha, UserId};

use super::{Error, PullRequestId, Store, column::binds};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lift {
    pub head: Sha,
    pub user: UserId,
    pub login: Login,
    pub at: Timestamp,
}

impl Store {
    /// Records a lift; recording it again changes nothing.
    pub async fn record_lift(&self, id: PullRequestId, lift: &Lift) -> Result<(), Error> {
        const RECORD: &str = "INSERT INTO lifts \
             (repository, number, head, user_id, login, lifted_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
        let cells = binds![id.repository, id.number, lift.head, lift.user, lift.login, lift.at];
        self.db.execute(RECORD, cells).await.map(drop)
    }

    /// Returns who lifted the hold on a head.
    pub async fn lifters(
        &self,
        id: PullRequestId,
        head: &Sha,
    ) -> Result<BTreeMap<UserId, Login>, Error> {
        const LIFTERS: &str = "SELECT user_id, login FROM lifts \
             WHERE repository = $1 AND number = $2 AND head = $3";
        let rows = self.db.rows(LIFTERS, binds![id.repository, id.number, head]).await?;
        rows.iter().map(|row| Ok((row.read("user_id")?, row.read("login")?))).collect()
    }
}
