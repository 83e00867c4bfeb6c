//! What people read of a run: what it is about, its steps, what the engine said.
//!
//! Nothing is decided by it, so it may be behind, or missing; what a crash leaves to look at stands in
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

/// What a run is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub repository: Repository,
    pub title: String,
    pub head: Sha,
    /// Who asked for it by a comment; none where a push or the merge was enough.
    pub asked_by: Option<Login>,
}

text_enum! {
    /// A part of a run that takes time of its own.
    Stage {
        /// Head and base are brought up to date.
        Fetch = "fetch",
        /// The head is merged into the base.
        Merge = "merge",
        /// Read, resolved and rendered.
        Validate = "validate",
        /// Until the engine has a place for it.
        Wait = "wait",
        Init = "init",
        Plan = "plan",
        /// The plan of the same input and state was taken over.
        Reuse = "reuse",
        Drift = "drift",
        /// Until the locks of all stacks were had.
        Lock = "lock",
        /// After the merge, with the credentials of an apply.
        PlanAgain = "plan-again",
        Apply = "apply",
        /// A second plan.
        Verify = "verify",
    }
    StepState {
        Running = "running",
        Done = "done",
        Failed = "failed",
        /// It neither came to its end nor failed: cancelled, or put off.
        Stopped = "stopped",
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunStep {
    /// Rises within a run, in the order in which steps began.
    pub seq: i64,
    /// None for a step of the whole run.
    pub stack: Option<StackId>,
    pub stage: Stage,
    pub state: StepState,
    pub began_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

/// Lines of one stack that came together, each with its end.
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
    /// What was said where no plan set came out.
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
    /// Begins the run of a planning. Plannings of a pull request run one at a time, so an open one is
    /// one that was lost: it ends here.
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

    /// Says what a run is about that was begun for another reason than to be read. What another
    /// process has left running in it was stopped.
    pub async fn note_subject(&self, run: RunId, subject: &Subject) -> Result<(), Error> {
        const SUBJECT: &str = "UPDATE runs SET subject = $2 WHERE id = $1";
        const LEFT: &str =
            "UPDATE run_steps SET state = 'stopped' WHERE run = $1 AND state = 'running'";
        let mut tx = self.db.begin().await?;
        tx.execute(SUBJECT, binds![run, subject]).await?;
        tx.execute(LEFT, binds![run]).await?;
        tx.commit().await
    }

    /// Says what came out of a run so far.
    pub async fn note_outcome(
        &self,
        run: RunId,
        plan_set: Option<PlanSetId>,
        change: Option<&Change>,
    ) -> Result<(), Error> {
        const OUTCOME: &str = "UPDATE runs SET plan_set = $2, report = $3 WHERE id = $1";
        self.db.execute(OUTCOME, binds![run, plan_set, change.cloned()]).await.map(drop)
    }

    /// Writes steps, new ones or as they are now, and lines.
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

    /// A number that is higher than those of all steps and lines of a run.
    pub async fn next_note(&self, run: RunId) -> Result<i64, Error> {
        const LAST: &str = "SELECT MAX(seq) AS last FROM \
             (SELECT seq FROM run_steps WHERE run = $1 \
             UNION ALL SELECT seq FROM run_lines WHERE run = $1) AS notes";
        let row = self.db.row(LAST, binds![run]).await?;
        let last: Option<i64> = row.map(|row| row.read_optional("last")).transpose()?.flatten();
        Ok(last.map_or(0, |last| last + 1))
    }

    /// A run that has a page.
    pub async fn noted_run(&self, run: RunId) -> Result<Option<NotedRun>, Error> {
        let row = self.db.row("SELECT * FROM runs WHERE id = $1", binds![run]).await?;
        row.as_ref().map_or(Ok(None), NotedRun::from_row)
    }

    /// The newest run of a pull request that has a page.
    pub async fn newest_noted_run(&self, id: PullRequestId) -> Result<Option<RunId>, Error> {
        const NEWEST: &str = "SELECT id FROM runs WHERE repository = $1 AND number = $2 \
             AND subject IS NOT NULL ORDER BY started_at DESC, id DESC LIMIT 1";
        let row = self.db.row(NEWEST, binds![id.repository, id.number]).await?;
        row.map(|row| row.read("id")).transpose()
    }

    /// The steps of a run, in the order in which they began.
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

    /// What the engine said in a run, in order.
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
