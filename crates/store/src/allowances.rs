//! `/infra allow STACK ADDRESS…`: who allowed a change of which protected address, bound like an
//! approval to the head and plan set.
//!
//! Append-only. Whether an allowance counts is decided in `core`.

use jiff::Timestamp;

use planwright_core::{
    digest::Digest,
    names::{Login, Sha, StackId, UserId},
};

use super::{Error, PullRequestId, Store, column::binds};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    pub stack: StackId,
    /// A resource address, as the engine writes it.
    pub address: String,
    pub user: UserId,
    pub login: Login,
    pub head: Sha,
    pub plan_set: Digest,
    pub at: Timestamp,
}

impl Store {
    /// Records an allowance; recording the same one again changes nothing.
    pub async fn record_allowance(
        &self,
        pull_request: PullRequestId,
        allowance: &Allowance,
    ) -> Result<(), Error> {
        const RECORD: &str = "INSERT INTO allowances (repository, number, stack, address, user_id, \
             login, head, plan_set_digest, allowed_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";
        let cells = binds![
            pull_request.repository,
            pull_request.number,
            allowance.stack,
            allowance.address,
            allowance.user,
            allowance.login,
            allowance.head,
            allowance.plan_set,
            allowance.at,
        ];
        self.db.execute(RECORD, cells).await.map(drop)
    }

    /// Returns all allowances of a pull request, in the order in which they were given.
    pub async fn allowances(&self, pull_request: PullRequestId) -> Result<Vec<Allowance>, Error> {
        const LIST: &str = "SELECT * FROM allowances WHERE repository = $1 AND number = $2 \
             ORDER BY allowed_at, stack, address, user_id";
        let PullRequestId { repository, number } = pull_request;
        let rows = self.db.rows(LIST, binds![repository, number]).await?;
        rows.iter()
            .map(|row| {
                Ok(Allowance {
                    stack: row.read("stack")?,
                    address: row.read("address")?,
                    user: row.read("user_id")?,
                    login: row.read("login")?,
                    head: row.read("head")?,
                    plan_set: row.read("plan_set_digest")?,
                    at: row.read("allowed_at")?,
                })
            })
            .collect()
    }
}
