//! Approvals, each bound to what the approver saw: head, plan set and settings.
//!
//! Append-only. Whether an approval counts is decided in `core` each time; no verdict is stored.

use jiff::Timestamp;

use planwright_core::{
    digest::Digest,
    names::{Login, Sha, UserId},
};

use super::{
    Error, PullRequestId, Store,
    column::{Row, binds, text_enum},
};

text_enum! {
    ApprovalKind {
        /// A review on GitHub.
        Review = "review",
        /// `/infra apply --plan DIGEST` on a merged change.
        Confirm = "confirm",
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    pub kind: ApprovalKind,
    pub user: UserId,
    pub login: Login,
    /// GitHub's id of the review; `None` for a confirmation.
    pub review: Option<i64>,
    pub head: Sha,
    pub plan_set: Digest,
    pub settings_digest: Digest,
    /// The time of submission by GitHub's clock.
    pub submitted_at: Timestamp,
}

impl Approval {
    /// Returns the key by which a webhook that is delivered twice is recognised.
    fn natural_key(&self) -> String {
        match self.review {
            Some(review) => format!("{}/{review}", self.kind),
            None => {
                let at = self.submitted_at.as_millisecond();
                format!("{}/{}/{}/{at}", self.kind, self.user, self.plan_set)
            }
        }
    }

    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            kind: row.read("kind")?,
            user: row.read("user_id")?,
            login: row.read("login")?,
            review: row.read_optional("review")?,
            head: row.read("head")?,
            plan_set: row.read("plan_set_digest")?,
            settings_digest: row.read("policy_digest")?,
            submitted_at: row.read("submitted_at")?,
        })
    }
}

impl Store {
    /// Records an approval. If it is already recorded nothing changes, even if it would now be
    /// bound to another head, plan set or settings.
    pub async fn record_approval(
        &self,
        pull_request: PullRequestId,
        approval: &Approval,
    ) -> Result<(), Error> {
        const RECORD: &str = "INSERT INTO approvals (repository, number, natural_key, kind, \
             user_id, login, review, head, plan_set_digest, policy_digest, submitted_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING";
        let cells = binds![
            pull_request.repository,
            pull_request.number,
            approval.natural_key(),
            approval.kind,
            approval.user,
            approval.login,
            approval.review,
            approval.head,
            approval.plan_set,
            approval.settings_digest,
            approval.submitted_at,
        ];
        self.db.execute(RECORD, cells).await.map(drop)
    }

    /// Returns all approvals of a pull request, in the order in which they were given.
    pub async fn approvals(&self, pull_request: PullRequestId) -> Result<Vec<Approval>, Error> {
        const LIST: &str = "SELECT * FROM approvals WHERE repository = $1 AND number = $2 \
             ORDER BY submitted_at, natural_key";
        let PullRequestId { repository, number } = pull_request;
        let rows = self.db.rows(LIST, binds![repository, number]).await?;
        rows.iter().map(Approval::from_row).collect()
    }
}
