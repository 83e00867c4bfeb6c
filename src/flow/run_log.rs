//! The log of a run for its page: the steps and the engine's output.
//!
//! Buffered in memory and written twice a second, so that no output waits for the database. Nothing
//! is decided by it: a failed write is logged, and the run goes on.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use jiff::Timestamp;

use planwright_core::{change::Change, escape, job::Target, names::StackId};
use planwright_engine as engine;
use planwright_engine::Secrets;
use planwright_store::{
    PlanSetId, RunId, RunLines, RunState, RunStep, Stage, StepState, Store, Subject,
};

use super::{Error, id_of};
use crate::app::{App, Clock};

/// How often the buffer is written.
const PAUSE: Duration = Duration::from_millis(500);
/// How many bytes of engine output are kept of one stack, and of all stacks of a run.
const MOST_OF_A_STACK: usize = 256 << 10;
const MOST_OF_A_RUN: usize = 2 << 20;
/// How many characters are kept of one line.
const MOST_OF_A_LINE: usize = 4_000;

/// The log of a run, or nothing if there are no pages; clones share one recorder.
#[derive(Clone, Default)]
pub struct RunLog(Option<Arc<Recorder>>);

struct Recorder {
    store: Store,
    clock: Clock,
    secrets: Secrets,
    buffer: Mutex<Buffer>,
    /// Locked while writing, so that newer content is written later.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Buffer {
    /// `None` until there is a run to write to.
    run: Option<RunId>,
    next: i64,
    steps: Vec<RunStep>,
    /// Indices of steps that are not written in their current state.
    changed: BTreeSet<usize>,
    lines: Vec<RunLines>,
    /// Bytes kept of each stack.
    kept: BTreeMap<StackId, usize>,
    /// Stacks of which no more output is kept.
    full: BTreeSet<StackId>,
}

impl RunLog {
    /// Returns a log that is not written until its run begins.
    pub fn new(app: &App) -> Self {
        let recorder = app.public_url.as_ref().map(|_| Recorder {
            store: app.store.clone(),
            clock: app.clock.clone(),
            secrets: app.secrets.clone(),
            buffer: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
        });
        Self(recorder.map(Arc::new))
    }

    /// Starts the run of a planning, unless it has started; it includes what was recorded before.
    pub async fn begin_planning(&self, target: &Target, subject: Subject) {
        let Some(recorder) = &self.0 else { return };
        if recorder.buffer().run.is_some() {
            return;
        }
        match recorder.store.start_planning(id_of(target), &subject, (recorder.clock)()).await {
            Ok(run) => recorder.write_from_now_on(run, None),
            Err(error) => tracing::warn!(%error, "a planning has no page"),
        }
    }

    /// Starts the log of an apply, or continues that of an apply that a crash interrupted.
    pub async fn of_apply(&self, run: RunId, subject: Subject, plan_set: PlanSetId) {
        let Some(recorder) = &self.0 else { return };
        let noted = async {
            let next = recorder.store.next_note(run).await?;
            recorder.store.note_outcome(run, Some(plan_set), None).await?;
            recorder.store.note_subject(run, &subject).await.map(|()| next)
        };
        match noted.await {
            Ok(next) => recorder.write_from_now_on(run, Some(next)),
            Err(error) => tracing::warn!(%run, %error, "an apply has no page"),
        }
    }

    /// Records the result so far: a plan set, or else a change that has none.
    pub async fn outcome(&self, plan_set: Option<PlanSetId>, change: Option<&Change>) {
        let Some((recorder, run)) = self.open() else { return };
        if let Err(error) = recorder.store.note_outcome(run, plan_set, change).await {
            tracing::warn!(%run, %error, "what came out of a run is not on its page");
        }
    }

    /// Ends the run of a planning.
    pub async fn end_planning(&self, ended: &Result<(), Error>) {
        let Some((recorder, run)) = self.open() else { return };
        recorder.write().await;
        let state = match ended {
            Ok(()) => RunState::Succeeded,
            Err(Error::Failed(_)) => RunState::Failed,
            Err(_) => RunState::Cancelled,
        };
        if let Err(error) = recorder.store.finish_run(run, state, (recorder.clock)()).await {
            tracing::warn!(%run, %error, "the end of a planning is not on its page");
        }
    }

    /// Writes everything that is not written yet.
    pub async fn write(&self) {
        if let Some(recorder) = &self.0 {
            recorder.write().await;
        }
    }

    /// Begins a step, of one stack or of the whole run.
    pub fn step(&self, stack: Option<&StackId>, stage: Stage) -> Step {
        let at = self.0.as_ref().map(|recorder| {
            let now = (recorder.clock)();
            recorder.buffer().begin(stack.cloned(), stage, now)
        });
        Step { log: self.clone(), at, stack: stack.cloned(), stage }
    }

    /// Begins a step of the whole run, with an earlier start time.
    pub fn step_since(&self, stage: Stage, since: Timestamp) -> Step {
        let at = self.0.as_ref().map(|recorder| recorder.buffer().begin(None, stage, since));
        Step { log: self.clone(), at, stack: None, stage }
    }

    /// Records a line of the engine's output.
    pub fn line(&self, stack: &StackId, line: &str) {
        if let Some(recorder) = &self.0 {
            let line = escape::shortened(&recorder.secrets.scrubbed(line), MOST_OF_A_LINE);
            recorder.buffer().say(stack, &line);
        }
    }

    fn open(&self) -> Option<(&Recorder, RunId)> {
        let recorder = self.0.as_deref()?;
        let run = recorder.buffer().run?;
        Some((recorder, run))
    }
}

/// A running step; if dropped, it counts as stopped.
pub struct Step {
    log: RunLog,
    at: Option<usize>,
    stack: Option<StackId>,
    stage: Stage,
}

impl Step {
    /// Moves on to the stage that belongs to the engine command that has started.
    pub fn command(&mut self, command: &str) {
        let stage = match (self.stage, command) {
            (Stage::Wait | Stage::Init, "init") => Stage::Init,
            (Stage::Wait | Stage::Init, "plan") => Stage::Plan,
            _ => return,
        };
        if stage != self.stage {
            self.set(StepState::Done);
            *self = self.log.step(self.stack.clone().as_ref(), stage);
        }
    }

    pub fn done(mut self) {
        self.set(StepState::Done);
    }

    /// Ends the step with the result of its work.
    pub fn ended<T>(mut self, outcome: &Result<T, engine::Error>) {
        self.set(match outcome {
            Ok(_) => StepState::Done,
            Err(engine::Error::Cancelled { .. }) => StepState::Stopped,
            Err(_) => StepState::Failed,
        });
    }

    pub fn failed(mut self) {
        self.set(StepState::Failed);
    }

    fn set(&mut self, state: StepState) {
        if let (Some(recorder), Some(at)) = (&self.log.0, self.at.take()) {
            let now = (recorder.clock)();
            recorder.buffer().end(at, state, now);
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.set(StepState::Stopped);
    }
}

impl Recorder {
    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts writing. `next` is the first free number, or `None` for a run without an earlier log.
    fn write_from_now_on(self: &Arc<Self>, run: RunId, next: Option<i64>) {
        {
            let mut buffer = self.buffer();
            buffer.run = Some(run);
            if let Some(next) = next {
                buffer.begin_at(next);
            }
        }
        tokio::spawn(keep_writing(Arc::downgrade(self)));
    }

    async fn write(&self) {
        let _alone = self.writing.lock().await;
        let (run, changed, steps, lines) = {
            let mut buffer = self.buffer();
            let Some(run) = buffer.run else { return };
            let changed = std::mem::take(&mut buffer.changed);
            let steps: Vec<RunStep> = changed.iter().map(|at| buffer.steps[*at].clone()).collect();
            (run, changed, steps, std::mem::take(&mut buffer.lines))
        };
        if steps.is_empty() && lines.is_empty() {
            return;
        }
        if let Err(error) = self.store.note(run, &steps, &lines).await {
            tracing::warn!(%run, %error, "notes of a run were not written");
            // Lines may be lost, but the state of a step is written with the next attempt.
            self.buffer().changed.extend(changed);
        }
    }
}

/// Writes until the log is dropped.
async fn keep_writing(recorder: Weak<Recorder>) {
    loop {
        tokio::time::sleep(PAUSE).await;
        let Some(recorder) = recorder.upgrade() else { return };
        recorder.write().await;
    }
}

impl Buffer {
    fn number(&mut self) -> i64 {
        self.next += 1;
        self.next - 1
    }

    /// Renumbers what was recorded so far to come after what another process has written.
    fn begin_at(&mut self, first: i64) {
        self.next += first;
        self.steps.iter_mut().for_each(|step| step.seq += first);
        self.lines.iter_mut().for_each(|lines| lines.seq += first);
    }

    fn begin(&mut self, stack: Option<StackId>, stage: Stage, now: Timestamp) -> usize {
        let seq = self.number();
        let state = StepState::Running;
        self.steps.push(RunStep { seq, stack, stage, state, began_at: now, ended_at: None });
        self.changed.insert(self.steps.len() - 1);
        self.steps.len() - 1
    }

    fn end(&mut self, at: usize, state: StepState, now: Timestamp) {
        self.steps[at].state = state;
        self.steps[at].ended_at = Some(now);
        self.changed.insert(at);
    }

    fn say(&mut self, stack: &StackId, line: &str) {
        if self.full.contains(stack) {
            return;
        }
        let whole: usize = self.kept.values().sum();
        let kept = self.kept.entry(stack.clone()).or_default();
        let room = MOST_OF_A_STACK.saturating_sub(*kept).min(MOST_OF_A_RUN.saturating_sub(whole));
        let line = if line.len() < room {
            *kept += line.len() + 1;
            line
        } else {
            self.full.insert(stack.clone());
            "… the log goes on; no more of it is kept here"
        };
        match self.lines.last_mut() {
            Some(last) if last.stack == *stack => {
                last.body.push_str(line);
                last.body.push('\n');
            }
            _ => {
                let seq = self.number();
                let body = format!("{line}\n");
                self.lines.push(RunLines { seq, stack: stack.clone(), body });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(name: &str) -> StackId {
        StackId::parse(name).unwrap()
    }

    #[test]
    fn lines_of_one_stack_go_together_and_keep_their_order() {
        let mut buffer = Buffer::default();
        for (name, line) in [("a", "1"), ("a", "2"), ("b", "3"), ("a", "4")] {
            buffer.say(&stack(name), line);
        }
        let bodies: Vec<&str> = buffer.lines.iter().map(|lines| lines.body.as_str()).collect();
        assert_eq!(bodies, ["1\n2\n", "3\n", "4\n"]);
        assert_eq!(buffer.lines.iter().map(|lines| lines.seq).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn a_log_ends_at_its_limit_and_says_so_once() {
        let mut buffer = Buffer::default();
        let line = "x".repeat(1_000);
        for _ in 0..1_000 {
            buffer.say(&stack("a"), &line);
        }
        buffer.say(&stack("b"), "still heard");
        let said: String = buffer.lines.iter().map(|lines| lines.body.as_str()).collect();
        assert!(said.len() < MOST_OF_A_STACK + 100, "{}", said.len());
        assert_eq!(said.matches("no more of it is kept").count(), 1);
        assert!(said.ends_with("still heard\n"), "another stack has room of its own");
        for i in 0..100 {
            for _ in 0..300 {
                buffer.say(&stack(&format!("s-{i}")), &line);
            }
        }
        let said: usize = buffer.lines.iter().map(|lines| lines.body.len()).sum();
        assert!(said < MOST_OF_A_RUN + 100 * 100, "{said}");
    }

    #[test]
    fn what_another_process_has_noted_keeps_its_numbers() {
        let mut buffer = Buffer::default();
        buffer.begin(None, Stage::Lock, Timestamp::UNIX_EPOCH);
        buffer.begin_at(7);
        buffer.begin(None, Stage::Apply, Timestamp::UNIX_EPOCH);
        assert_eq!(buffer.steps.iter().map(|step| step.seq).collect::<Vec<_>>(), [7, 8]);
    }
}
