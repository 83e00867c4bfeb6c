//! Recovers from an interrupted apply: finds out what was done, reports it, and repeats nothing.
//!
//! An apply that the engine had begun continues without the bot, in its own process group. First
//! that process has to end; then the state shows how far it got.

use std::{fs, path::Path};

use jiff::Timestamp;
use serde_json::Value as Json;

use planwright_core::change::{Change, ChangeState, StackProgress};
use planwright_engine as engine;
use planwright_engine::{Control, Host, Process};
use planwright_store::{
    JournalEntry, LockAnswer, LockHeld, PullRequestId, Run, RunId, RunKind, RunState, StackPlan,
    Stage,
};

use super::{
    ApplyContext, locks,
    merged_trees::run_dir,
    release,
    run::{ApplyRun, record_applied, unread_outputs},
    show,
    steps::{Step, has_begun, host, is_of, note, open_step},
};
use crate::{
    app::App,
    flow::{Error, JobContext, Result, id_of, outbox, soon},
    jobs::plan::planned,
};

/// Returns the change if an earlier run settled it; `None` if nothing had been begun, so that it
/// may be applied.
///
/// Jobs of a change run one at a time, so a run that is still open was interrupted.
pub async fn settled(
    app: &App,
    apply: &ApplyContext<'_>,
    context: &JobContext<'_>,
) -> Result<Option<Change>> {
    let Some(run) = last_apply(app, id_of(apply.target)).await? else { return Ok(None) };
    let steps = app.store.steps(run.id).await?;
    if run.state != RunState::Running {
        let is_over = is_of(&steps, context.job) && run.state != RunState::Cancelled;
        if !is_over {
            return Ok(None);
        }
        finish_reply(app, apply).await?;
        return Ok(Some(apply.recorded.change.clone()));
    }
    if may_run(app, run.id, &steps) {
        let open = open_step(&steps);
        if !is_overdue(app, open.or(steps.last()).map_or(run.started_at, |step| step.at)) {
            let why = "the engine that an earlier process of ours started is still at work".into();
            return Err(Error::Later { at: soon(app, 2), why });
        }
        if let Some(step) = open {
            return given_up_on(app, apply, &steps, step).await.map(Some);
        }
        // A hanging process that only reads does not prevent recovery.
    }
    if !has_begun(&steps) {
        // Nothing was begun that could have changed any resource.
        let _ = app.store.finish_run(run.id, RunState::Cancelled, app.now()).await?;
        let _ = fs::remove_dir_all(run_dir(app, run.id));
        return Ok(None);
    }
    match locks(app, apply).await? {
        LockAnswer::Held(lock) => {
            let lost = LostRun { run: &run, steps: &steps };
            look_at_state(app, apply, &lost, lock, context).await.map(Some)
        }
        LockAnswer::Waiting(_) => {
            Err(Error::Later { at: soon(app, 5), why: "the lock was taken meanwhile".into() })
        }
    }
}

async fn last_apply(app: &App, id: PullRequestId) -> Result<Option<Run>> {
    let runs = app.store.runs(id).await?;
    Ok(runs.into_iter().rfind(|run| run.kind == RunKind::Apply))
}

/// Returns the open run of a change whose engine should have ended long ago, so that a person may
/// decide that it has.
pub async fn given_up(app: &App, id: PullRequestId) -> Result<Option<RunId>> {
    let Some(run) = last_apply(app, id).await?.filter(|run| run.state == RunState::Running) else {
        return Ok(None);
    };
    let steps = app.store.steps(run.id).await?;
    Ok(open_step(&steps).filter(|step| is_overdue(app, step.at)).map(|_| run.id))
}

/// Returns whether something that began at `since` has taken longer than any apply may.
fn is_overdue(app: &App, since: Timestamp) -> bool {
    since.checked_add(app.engine.longest_apply()).is_ok_and(|end| end < app.now())
}

/// Reports that it is unknown whether the engine still runs. The run stays open and the locks stay
/// held.
async fn given_up_on(
    app: &App,
    apply: &ApplyContext<'_>,
    steps: &[JournalEntry],
    step: &JournalEntry,
) -> Result<Change> {
    let child = steps.iter().rev().find_map(|it| it.child.filter(|_| it.stack == step.stack));
    let process = child.map_or("a process".into(), |child| format!("process {}", child.pid));
    let place = host(steps).map_or_else(String::new, |host| format!(" on {host}"));
    let message = format!(
        "The engine began to apply this at {}, as {process}{place}, and is not known to have ended; it \
         may take {} s. So the lock stays held, and nothing else is applied to this stack. Look \
         there, and end that process if it hangs; then `/infra apply` looks at what was done. If \
         nothing can run there any more, `/infra unlock` frees the lock",
        step.at,
        app.engine.longest_apply().as_secs()
    );
    let mut change = apply.recorded.change.clone().recovering()?;
    if let Some(stack) = &step.stack {
        change = change.progressed(stack, StackProgress::Failed { message })?;
    }
    let change = change.failed()?;
    show(app, apply, &change).await?;
    Ok(change)
}

/// Completes a run of this same job that had ended: releases the locks and updates the comment.
async fn finish_reply(app: &App, apply: &ApplyContext<'_>) -> Result<()> {
    match locks(app, apply).await? {
        LockAnswer::Held(lock) => release(app, lock).await?,
        LockAnswer::Waiting(_) => drop(app.store.leave_queues(id_of(apply.target)).await?),
    }
    outbox::comment(app, apply.target, &apply.recorded.change).await
}

/// Returns whether an engine of the run may still be running. Process ids are only meaningful on
/// the run's own host; on another host that shares the data directory, the lock on the work
/// directory is checked.
fn may_run(app: &App, run: RunId, steps: &[JournalEntry]) -> bool {
    let dir = run_dir(app, run);
    let is_of_here = host(steps).is_none_or(|host| host == Host::here());
    let is_alive = if is_of_here {
        steps.iter().any(is_alive)
    } else {
        open_step(steps).is_some() && !dir.exists()
    };
    is_alive || is_used(&dir) || is_held(&dir)
}

/// Returns whether an engine holds the work directory of a stack in `dir`.
fn is_held(dir: &Path) -> bool {
    let dirs = walkdir::WalkDir::new(dir).max_depth(2).into_iter().flatten();
    dirs.filter(|entry| entry.file_type().is_dir()).any(|entry| engine::is_held(entry.path()))
}

fn is_alive(step: &JournalEntry) -> bool {
    step.child.is_some_and(|child| {
        let pid = u32::try_from(child.pid).unwrap_or(0);
        let start_time = u64::try_from(child.started).unwrap_or(0);
        pid > 0 && Process { pid, start_time }.is_alive()
    })
}

/// Returns whether any process works in `dir`. This finds a process that was started just before it
/// could be recorded.
fn is_used(dir: &Path) -> bool {
    let Ok(processes) = fs::read_dir("/proc") else { return false };
    processes.flatten().any(|process| {
        fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(dir))
    })
}

/// An interrupted run, and its steps in the journal.
struct LostRun<'a> {
    run: &'a Run,
    steps: &'a [JournalEntry],
}

async fn look_at_state(
    app: &App,
    apply: &ApplyContext<'_>,
    run: &LostRun<'_>,
    lock: LockHeld,
    context: &JobContext<'_>,
) -> Result<Change> {
    let LostRun { run, steps } = *run;
    context.log.of_apply(run.id, apply.subject(), apply.recorded.id).await;
    let mut change = apply.recorded.change.clone().recovering()?;
    let recovered = ApplyRun { app, apply, id: run.id, lock: &lock, context };
    for plan in &apply.recorded.plan_set.plans {
        let own: Vec<&JournalEntry> =
            steps.iter().filter(|step| step.stack.as_ref() == Some(&plan.stack)).collect();
        let progress = look_at(&recovered, &own, plan).await?;
        change = change.progressed(&plan.stack, progress)?;
    }
    let change = change.settled(false)?;
    let state = match change.state {
        ChangeState::Applied => RunState::Succeeded,
        ChangeState::Partial => RunState::Partial,
        _ => RunState::Failed,
    };
    app.store.record_change(apply.recorded.id, &change).await?;
    context.log.write().await;
    let _ = app.store.finish_run(run.id, state, app.now()).await?;
    let _ = fs::remove_dir_all(run_dir(app, run.id));
    release(app, lock).await?;
    show(app, apply, &change).await?;
    Ok(change)
}

async fn look_at(
    run: &ApplyRun<'_>,
    steps: &[&JournalEntry],
    plan: &StackPlan,
) -> Result<StackProgress> {
    let ApplyRun { app, apply, context, .. } = *run;
    let is_begun = steps.iter().any(|step| Step::Applying.is(&step.step));
    if !is_begun && !plan.plan.is_empty() {
        return Ok(StackProgress::Failed {
            message: "Planwright was restarted before this stack was begun; nothing of it was \
                      changed. `/infra apply` goes on with it"
                .into(),
        });
    }
    let work = match apply.trees.work(app, run.id, plan).await? {
        Ok(work) => work,
        Err(message) => return Ok(StackProgress::Failed { message }),
    };
    // This only reads the state, so a cancellation must not stop it: it reports what was done.
    match planned(work.plan(&app.apply_env, &context.unstoppable(), Stage::PlanAgain).await)? {
        Ok(now) if now.plan.has_converged() => {
            drop(now);
            let root = work.root(&app.apply_env);
            match app.engine.outputs(&root, &Control::default()).await {
                Ok(outputs) => record_applied(run, &work, outputs).await,
                Err(error) => Ok(unread_outputs(&error)),
            }
        }
        Ok(now) => {
            let left = now.plan.resources.len();
            let message = format!(
                "Planwright was restarted during this apply, and the engine did not finish it: {left} \
                 resources would still change. Nothing is repeated by itself; `/infra apply` shows \
                 what is left, to be confirmed by its digest"
            );
            note(app, run.id, &work.stack, Step::Failed, Json::from(message.clone())).await?;
            Ok(StackProgress::Failed { message })
        }
        Err(message) => Ok(StackProgress::Failed {
            message: format!(
                "Planwright was restarted during this apply; its state cannot be read: {message}"
            ),
        }),
    }
}
