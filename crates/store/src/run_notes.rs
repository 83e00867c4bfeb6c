//! What the page of a run shows: its subject, its steps, the engine's output.
//!
//! Nothing is decided by it, so it may be late or missing. What recovery needs after a crash is in
//! the journal.

use jiff::Timestamp;

use planwright_core::{
    change::Change,
    names::{Login, Sha, StackId},
    repository::Repository,
};

use super::{
    Error, PlanSetId, PullRequestId, Run, RunId, RunKind, RunState, Store,
    column::{Row, binds, text_enum},
};

/// The subject of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub repository: Repository,
    pub title: String,
    pub head: Sha,
    /// Who requested it by a comment; `None` if a push or merge caused it.
    pub asked_by: Option<Login>,
}

text_enum! {
    /// A stage of a run that takes noticeable time.
    Stage {
        /// Head and base are fetched.
        Fetch = "fetch",
        /// The head is merged into the base.
        Merge = "merge",
        /// The stack is read, resolved and rendered.
        Validate = "validate",
        /// The run waits for a free engine slot.
        Wait = "wait",
        Init = "init",
        Plan = "plan",
        /// The plan of the same input and state is reused.
        Reuse = "reuse",
        Drift = "drift",
        /// The apply waits for the locks of all its stacks.
        Lock = "lock",
        /// The plan after the merge, with the credentials of an apply.
        PlanAgain = "plan-again",
        Apply = "apply",
        /// The plan after the apply, which has to be empty.
        Verify = "verify",
    }
    StepState {
        Running = "running",
        Done = "done",
        Failed = "failed",
        /// It neither completed nor failed: it was cancelled or postponed.
        Stopped = "stopped",
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunStep {
    /// The number of the step; rises within a run in the order in which steps began.
    pub seq: i64,
    /// `None` for a step of the whole run.
    pub stack: Option<StackId>,
    pub stage: Stage,
    pub state: StepState,
    pub began_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

/// Lines of output of one stack that were recorded together, each with its line end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunLines {
    pub seq: i64,
    pub stack: StackId,
    pub body: String,
}

/// A run that has a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotedRun {
    pub run: Run,
    pub subject: Subject,
    pub plan_set: Option<PlanSetId>,
    /// What was reported where no plan set was made.
    pub change: Option<Change>,
}

impl NotedRun {
    fn from_row(row: &Row) -> Result<Option<Self>, Error> {
        let Some(subject) = row.read_optional("subject")? else { return Ok(None) };
        Ok(Some(Self {
            run: Run::from_row(row)?,
            subject,
            plan_set: row.read_optional("plan_set")?,
            change: row.read_optional("report")?,
        }))
    }
}

impl Store {
    /// Starts a planning run. The plannings of a pull request run one at a time, so one that is
    /// still open was lost in a crash and is ended here.
    pub async fn start_planning(
        &self,
        id: PullRequestId,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<RunId, Error> {
        const LOST: &str = "UPDATE runs SET state = 'cancelled', finished_at = $3 \
             WHERE repository = $1 AND number = $2 AND kind = 'plan' AND state = 'running'";
        const START: &str = "INSERT INTO runs \
             (id, kind, repository, number, state, started_at, subject) \
             VALUES ($1, $2, $3, $4, 'running', $5, $6)";
        let run = RunId::new(now);
        let mut tx = self.db.begin().await?;
        tx.execute(LOST, binds![id.repository, id.number, now]).await?;
        let cells = binds![run, RunKind::Plan, id.repository, id.number, now, subject];
        tx.execute(START, cells).await?;
        tx.commit().await?;
        Ok(run)
    }

    /// Records the subject of a run, which gives it a page. Steps that a dead process left running
    /// are marked as stopped.
    pub async fn note_subject(&self, run: RunId, subject: &Subject) -> Result<(), Error> {
        const SUBJECT: &str = "UPDATE runs SET subject = $2 WHERE id = $1";
        const LEFT: &str =
            "UPDATE run_steps SET state = 'stopped' WHERE run = $1 AND state = 'running'";
        let mut tx = self.db.begin().await?;
        tx.execute(SUBJECT, binds![run, subject]).await?;
        tx.execute(LEFT, binds![run]).await?;
        tx.commit().await
    }

    /// Records the result of a run so far.
    pub async fn note_outcome(
        &self,
        run: RunId,
        plan_set: Option<PlanSetId>,
        change: Option<&Change>,
    ) -> Result<(), Error> {
        const OUTCOME: &str = "UPDATE runs SET plan_set = $2, report = $3 WHERE id = $1";
        self.db.execute(OUTCOME, binds![run, plan_set, change.cloned()]).await.map(drop)
    }

    /// Records new or changed steps, and lines of output.
    pub async fn note(
        &self,
        run: RunId,
        steps: &[RunStep],
        lines: &[RunLines],
    ) -> Result<(), Error> {
        const STEP: &str = "INSERT INTO run_steps \
             (run, seq, stack, stage, state, began_at, ended_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (run, seq) \
             DO UPDATE SET state = excluded.state, ended_at = excluded.ended_at";
        const LINES: &str = "INSERT INTO run_lines (run, seq, stack, body) VALUES ($1, $2, $3, $4)";
        let mut tx = self.db.begin().await?;
        for step in steps {
            let RunStep { seq, stack, stage, state, began_at, ended_at } = step;
            let cells = binds![run, *seq, stack, stage, state, began_at, ended_at];
            tx.execute(STEP, cells).await?;
        }
        for lines in lines {
            tx.execute(LINES, binds![run, lines.seq, lines.stack, lines.body]).await?;
        }
        tx.commit().await
    }

    /// Returns a number that is higher than those of all steps and lines of a run.
    pub async fn next_note(&self, run: RunId) -> Result<i64, Error> {
        const LAST: &str = "SELECT MAX(seq) AS last FROM \
             (SELECT seq FROM run_steps WHERE run = $1 \
             UNION ALL SELECT seq FROM run_lines WHERE run = $1) AS notes";
        let row = self.db.row(LAST, binds![run]).await?;
        let last: Option<i64> = row.map(|row| row.read_optional("last")).transpose()?.flatten();
        Ok(last.map_or(0, |last| last + 1))
    }

    /// Returns a run if it has a page.
    pub async fn noted_run(&self, run: RunId) -> Result<Option<NotedRun>, Error> {
        let row = self.db.row("SELECT * FROM runs WHERE id = $1", binds![run]).await?;
        row.as_ref().map_or(Ok(None), NotedRun::from_row)
    }

    /// Returns the newest run of a pull request that has a page.
    pub async fn newest_noted_run(&self, id: PullRequestId) -> Result<Option<RunId>, Error> {
        const NEWEST: &str = "SELECT id FROM runs WHERE repository = $1 AND number = $2 \
             AND subject IS NOT NULL ORDER BY started_at DESC, id DESC LIMIT 1";
        let row = self.db.row(NEWEST, binds![id.repository, id.number]).await?;
        row.map(|row| row.read("id")).transpose()
    }

    /// Returns the steps of a run, in the order in which they began.
    pub async fn run_steps(&self, run: RunId) -> Result<Vec<RunStep>, Error> {
        const STEPS: &str = "SELECT * FROM run_steps WHERE run = $1 ORDER BY seq";
        let step = |row: &Row| {
            Ok(RunStep {
                seq: row.read("seq")?,
                stack: row.read_optional("stack")?,
                stage: row.read("stage")?,
                state: row.read("state")?,
                began_at: row.read("began_at")?,
                ended_at: row.read_optional("ended_at")?,
            })
        };
        self.db.rows(STEPS, binds![run]).await?.iter().map(step).collect()
    }

    /// Returns the engine's output in a run, in order.
    pub async fn run_lines(&self, run: RunId) -> Result<Vec<RunLines>, Error> {
        const LINES: &str = "SELECT * FROM run_lines WHERE run = $1 ORDER BY seq";
        let lines = |row: &Row| {
            Ok(RunLines {
                seq: row.read("seq")?,
                stack: row.read("stack")?,
                body: row.read("body")?,
            })
        };
        self.db.rows(LINES, binds![run]).await?.iter().map(lines).collect()
    }
}

impl RunState {
    pub fn is_over(self) -> bool {
        self != Self::Running
    }
}
