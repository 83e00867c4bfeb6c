//! A worker was lost over an apply: look at what was done, say it, and run nothing again.
//!
//! An apply that the engine had begun goes on without us, in a process group of its own. First that
//! process has to end; then the state says how far it came.

use std::{fs, path::Path};

use serde_json::Value as Json;

use crate::{
    app::App,
    domain::reply::{Progress, Report, State},
    engine::{Control, Process},
    flow::{Error, Result, Watch, id_of, outbox, plan::planned, soon},
    store::{JournalEntry, LockAnswer, LockHeld, Run, RunKind, RunState, StackPlan},
};

use super::{
    Case,
    ground::run_dir,
    locks, release,
    run::{has_converged, set_progress, settle, state_of},
    show,
    steps::{Step, has_begun, is_of, note},
};

/// Whether the change is settled by looking; if not, nothing had been begun and it may be applied.
///
/// Jobs of a change run one at a time, so a run that is still open is one that was lost.
pub async fn is_settled(app: &App, case: &Case<'_>, watch: &Watch) -> Result<bool> {
    let runs = app.store.runs(id_of(case.target)).await?;
    let Some(run) = runs.into_iter().rfind(|run| run.kind == RunKind::Apply) else {
        return Ok(false);
    };
    let steps = app.store.steps(run.id).await?;
    if run.state != RunState::Running {
        let is_over = is_of(&steps, watch.job) && run.state != RunState::Cancelled;
        if is_over {
            last_words(app, case).await?;
        }
        return Ok(is_over);
    }
    let still_runs = steps.iter().any(is_alive) || is_used(&run_dir(app, run.id));
    if still_runs {
        let why = "the engine that an earlier process of ours started still applies".into();
        return Err(Error::Later { at: soon(app, 2), why });
    }
    if !has_begun(&steps) {
        // Nothing was begun that could have changed the world.
        let _ = app.store.finish_run(run.id, RunState::Cancelled, app.now()).await?;
        let _ = fs::remove_dir_all(run_dir(app, run.id));
        return Ok(false);
    }
    match locks(app, case).await? {
        LockAnswer::Held(lock) => look(app, case, (&run, &steps, lock), watch).await.map(|()| true),
        LockAnswer::Waiting(_) => {
            Err(Error::Later { at: soon(app, 5), why: "the lock was taken meanwhile".into() })
        }
    }
}

/// The run of this very job has ended, and only the locks or the comment may be behind.
async fn last_words(app: &App, case: &Case<'_>) -> Result<()> {
    match locks(app, case).await? {
        LockAnswer::Held(lock) => release(app, lock).await?,
        LockAnswer::Waiting(_) => drop(app.store.leave_queues(id_of(case.target)).await?),
    }
    outbox::comment(app, case.target, &case.recorded.plan_set.report).await
}

fn is_alive(step: &JournalEntry) -> bool {
    step.child.is_some_and(|child| {
        let pid = u32::try_from(child.pid).unwrap_or(0);
        let start_time = u64::try_from(child.started).unwrap_or(0);
        pid > 0 && Process { pid, start_time }.is_alive()
    })
}

/// Whether some process works in `dir`: the one that was started just before its name could be
/// written down.
fn is_used(dir: &Path) -> bool {
    let Ok(processes) = fs::read_dir("/proc") else { return false };
    processes.flatten().any(|process| {
        fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(dir))
    })
}

async fn look(
    app: &App,
    case: &Case<'_>,
    (run, steps, lock): (&Run, &[JournalEntry], LockHeld),
    watch: &Watch,
) -> Result<()> {
    let mut report: Report = case.recorded.plan_set.report.clone();
    for plan in &case.recorded.plan_set.plans {
        let own: Vec<&JournalEntry> =
            steps.iter().filter(|step| step.stack.as_ref() == Some(&plan.stack)).collect();
        let progress = look_at(app, case, (run, &own, &lock, plan), watch).await?;
        set_progress(&mut report, &plan.stack, progress);
    }
    report.state = state_of(&report);
    let state = match report.state {
        State::Applied => RunState::Succeeded,
        State::Partial => RunState::Partial,
        _ => RunState::Failed,
    };
    app.store.record_report(case.recorded.id, &report).await?;
    let _ = app.store.finish_run(run.id, state, app.now()).await?;
    let _ = fs::remove_dir_all(run_dir(app, run.id));
    release(app, lock).await?;
    show(app, case, &report).await
}

async fn look_at(
    app: &App,
    case: &Case<'_>,
    (run, steps, lock, plan): (&Run, &[&JournalEntry], &LockHeld, &StackPlan),
    watch: &Watch,
) -> Result<Progress> {
    let is_begun = steps.iter().any(|step| Step::Applying.is(&step.step));
    if !is_begun && !plan.plan.is_empty() {
        return Ok(Progress::Failed {
            message: "Planwright was restarted before this stack was begun; nothing of it was \
                      changed. `/infra apply` goes on with it"
                .into(),
        });
    }
    let work = match case.ground.work(app, run.id, plan).await {
        Ok(work) => work,
        Err(message) => return Ok(Progress::Failed { message }),
    };
    match planned(work.plan(app, &app.apply_env, watch).await)? {
        Ok(now) if has_converged(&now.plan) => {
            drop(now);
            let root = work.root(&app.apply_env);
            let outputs = app.engine.outputs(&root, &Control::default()).await?;
            settle(app, case, (run.id, lock, &work), outputs).await
        }
        Ok(now) => {
            let left = now.plan.resources.len();
            let message = format!(
                "Planwright was restarted during this apply, and the engine did not finish it: {left} \
                 resources would still change. Nothing is repeated by itself; `/infra apply` shows \
                 what is left, to be confirmed by its digest"
            );
            note(app, run.id, &work.stack, (Step::Failed, Json::from(message.clone()))).await?;
            Ok(Progress::Failed { message })
        }
        Err(message) => Ok(Progress::Failed {
            message: format!(
                "Planwright was restarted during this apply; its state cannot be read: {message}"
            ),
        }),
    }
}
