//! Plan sets: what was planned for a pull request at one head and base, with the plan of each
//! stack.
//!
//! A plan set never changes, except that the time at which its digest was first posted is set once.
//! The change that it belongs to is a value beside it, stored in the same row and updated there.
//! Whether a plan set is still valid is decided in `core`. Sensitive values are replaced by HMACs
//! before they come here.

use std::fmt;

use jiff::Timestamp;

use planwright_core::{
    change::Change,
    digest::Digest,
    names::{BranchName, RepositoryId, Sha, StackId},
    plan::Plan,
};

use super::{
    Error, PullRequestId, Store,
    column::{Column, Row, binds, text_enum},
    db::{Counter, Tx},
    pull_requests::id_from_row,
};

/// The id of a plan set; rises in the order in which plan sets were recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlanSetId(pub i64);

impl fmt::Display for PlanSetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Column for PlanSetId {
    type Raw = i64;
    fn raw(&self) -> i64 {
        self.0
    }
    fn parse(raw: i64) -> Result<Self, String> {
        Ok(Self(raw))
    }
}

text_enum! {
    PlanKind { Change = "change", Destroy = "destroy" }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanSet {
    pub pull_request: PullRequestId,
    pub head: Sha,
    pub base_commit: Sha,
    /// The tree that was planned: head merged into base.
    pub merge_tree: Sha,
    pub base_ref: BranchName,
    /// The digest of all its plans; approvals are bound to it.
    pub digest: Digest,
    /// The digest of the settings that apply to it.
    pub settings_digest: Digest,
    pub created_at: Timestamp,
    /// One plan for each affected stack that could be planned.
    pub plans: Vec<StackPlan>,
}

/// A plan set as stored in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedPlanSet {
    pub id: PlanSetId,
    /// The time, by GitHub's clock, at which this digest was first posted for this head, base and
    /// settings.
    pub posted_at: Option<Timestamp>,
    pub plan_set: PlanSet,
    /// The current state of the change that it was recorded for.
    pub change: Change,
}

/// The plan of one stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackPlan {
    pub stack: StackId,
    pub kind: PlanKind,
    pub input_digest: Digest,
    pub plan: Plan,
    pub plan_digest: Digest,
    /// The state that was planned against; `None` if there was no state yet.
    pub state: Option<StateVersion>,
    /// The digest of the repository's own code that was run; `None` if all of it came with the
    /// binary.
    pub code: Option<Digest>,
}

/// A version of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateVersion {
    pub lineage: String,
    pub serial: i64,
}

/// Everything that a plan depends on: a plan may be reused for an equal input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanInput {
    /// Needed beside the digest, because a removed stack is rendered from the base tree, so its
    /// digest can equal that of a change.
    pub kind: PlanKind,
    pub digest: Digest,
    pub state: Option<StateVersion>,
}

impl Store {
    /// Records the plan set of a change. If it equals the previous one, it keeps the time of
    /// posting. A return to an older plan set starts without one, because people last saw a
    /// different one.
    pub async fn record_plan_set(
        &self,
        set: &PlanSet,
        change: &Change,
    ) -> Result<PlanSetId, Error> {
        const RECORD: &str = "INSERT INTO plan_sets (id, repository, number, head, base_commit, \
             merge_tree, base_ref, digest, policy_digest, report, created_at, posted_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, \
             (SELECT posted_at FROM plan_sets WHERE head = $4 AND base_ref = $7 \
             AND policy_digest = $9 AND digest = $8 AND id = (SELECT MAX(id) FROM plan_sets \
             WHERE repository = $2 AND number = $3)))";
        let mut tx = self.db.begin().await?;
        let id = PlanSetId(tx.next(Counter::PlanSets).await?);
        let cells = binds![
            id,
            set.pull_request.repository,
            set.pull_request.number,
            set.head,
            set.base_commit,
            set.merge_tree,
            set.base_ref,
            set.digest,
            set.settings_digest,
            change,
            set.created_at,
        ];
        tx.execute(RECORD, cells).await?;
        for plan in &set.plans {
            record_plan(&mut tx, id, set.pull_request.repository, plan).await?;
        }
        tx.commit().await?;
        Ok(id)
    }

    /// Records the current state of the change of a plan set.
    pub async fn record_change(&self, id: PlanSetId, change: &Change) -> Result<(), Error> {
        const REPORT: &str = "UPDATE plan_sets SET report = $2 WHERE id = $1";
        self.db.execute(REPORT, binds![id, change]).await.map(drop)
    }

    /// Returns the newest plan set of a pull request.
    pub async fn latest_plan_set(
        &self,
        id: PullRequestId,
    ) -> Result<Option<RecordedPlanSet>, Error> {
        const LATEST: &str = "SELECT * FROM plan_sets \
             WHERE repository = $1 AND number = $2 ORDER BY id DESC LIMIT 1";
        match self.db.row(LATEST, binds![id.repository, id.number]).await? {
            Some(row) => self.with_plans(&row).await.map(Some),
            None => Ok(None),
        }
    }

    pub async fn plan_set(&self, id: PlanSetId) -> Result<Option<RecordedPlanSet>, Error> {
        match self.db.row("SELECT * FROM plan_sets WHERE id = $1", binds![id]).await? {
            Some(row) => self.with_plans(&row).await.map(Some),
            None => Ok(None),
        }
    }

    /// Records when a digest was first posted for a head, by GitHub's clock.
    ///
    /// Later times are ignored; otherwise an approval in between would count as given too early.
    pub async fn record_posted(
        &self,
        id: PullRequestId,
        head: &Sha,
        digest: &Digest,
        at: Timestamp,
    ) -> Result<(), Error> {
        const POSTED: &str = "UPDATE plan_sets SET posted_at = $5 WHERE posted_at IS NULL \
             AND repository = $1 AND number = $2 AND head = $3 AND digest = $4";
        let cells = binds![id.repository, id.number, head, digest, at];
        self.db.execute(POSTED, cells).await.map(drop)
    }

    /// Returns the newest plan that was made from exactly this input.
    pub async fn plan_with_input(
        &self,
        repository: RepositoryId,
        stack: &StackId,
        input: &PlanInput,
    ) -> Result<Option<StackPlan>, Error> {
        const REUSE: &str = "SELECT * FROM plans WHERE repository = $1 AND stack = $2 \
             AND kind = $3 AND input_digest = $4 AND lineage IS NOT DISTINCT FROM $5 \
             AND serial IS NOT DISTINCT FROM $6 \
             ORDER BY plan_set DESC LIMIT 1";
        let cells = binds![
            repository,
            stack,
            input.kind,
            input.digest,
            input.state.as_ref().map(|state| state.lineage.clone()),
            input.state.as_ref().map(|state| state.serial),
        ];
        let row = self.db.row(REUSE, cells).await?;
        row.as_ref().map(plan_from_row).transpose()
    }

    async fn with_plans(&self, row: &Row) -> Result<RecordedPlanSet, Error> {
        const PLANS: &str = "SELECT * FROM plans WHERE plan_set = $1 ORDER BY stack";
        let id: PlanSetId = row.read("id")?;
        let plans = self.db.rows(PLANS, binds![id]).await?;
        let plan_set = PlanSet {
            pull_request: id_from_row(row)?,
            head: row.read("head")?,
            base_commit: row.read("base_commit")?,
            merge_tree: row.read("merge_tree")?,
            base_ref: row.read("base_ref")?,
            digest: row.read("digest")?,
            settings_digest: row.read("policy_digest")?,
            created_at: row.read("created_at")?,
            plans: plans.iter().map(plan_from_row).collect::<Result<_, _>>()?,
        };
        let posted_at = row.read_optional("posted_at")?;
        Ok(RecordedPlanSet { id, posted_at, plan_set, change: row.read("report")? })
    }
}

async fn record_plan(
    tx: &mut Tx,
    set: PlanSetId,
    repository: RepositoryId,
    plan: &StackPlan,
) -> Result<(), Error> {
    const RECORD: &str = "INSERT INTO plans (plan_set, repository, stack, kind, input_digest, \
         plan_digest, plan, lineage, serial, code) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let cells = binds![
        set,
        repository,
        plan.stack,
        plan.kind,
        plan.input_digest,
        plan.plan_digest,
        plan.plan,
        plan.state.as_ref().map(|state| state.lineage.clone()),
        plan.state.as_ref().map(|state| state.serial),
        plan.code,
    ];
    tx.execute(RECORD, cells).await.map(drop)
}

fn plan_from_row(row: &Row) -> Result<StackPlan, Error> {
    let lineage = row.read_optional("lineage")?;
    let serial = row.read_optional("serial")?;
    Ok(StackPlan {
        stack: row.read("stack")?,
        kind: row.read("kind")?,
        input_digest: row.read("input_digest")?,
        plan: row.read("plan")?,
        plan_digest: row.read("plan_digest")?,
        state: lineage.zip(serial).map(|(lineage, serial)| StateVersion { lineage, serial }),
        code: row.read_optional("code")?,
    })
}
