//! One run of an apply: plan again, compare, apply, verify, and report.

use std::{collections::BTreeMap, fs};

use futures::future::{self, BoxFuture};
use serde_json::Value as Json;
use tracing::Instrument as _;

use planwright_core::{
    change::{Change, ChangeState, StackAgain, StackProgress},
    names::{Sha, StackId},
    plan::{Plan, Value},
    verdict::RequirementsMet,
};
use planwright_engine as engine;
use planwright_engine::{ApplyFailed, Control, Outcome, Output, Planned, Process};
use planwright_store::{
    AppliedStack, LockHeld, RunId, RunKind, RunState, StackPlan, Stage, WriteOutcome,
};

use super::{
    ApplyContext, LEASE, approve_code,
    confirm::{PlannedAgain, await_confirmation},
    merged_trees::run_dir,
    release, show,
    steps::{Step, begun, has_begun, note, started},
};
use crate::{
    app::App,
    flow::{Error, JobContext, Result, id_of, merge_preview, outbox, soon},
    jobs::plan::{Work, planned},
};

/// The result of applying one stack.
struct AppliedOne {
    progress: StackProgress,
    /// Whether any of its resources may have changed.
    is_begun: bool,
}

/// What is about to be done with a stack.
enum Next {
    Ready(Box<(Work, Planned)>),
    /// Nothing: this newer merge was already applied.
    Superseded(Sha),
}

/// A change that may be applied: every requirement is met, and the locks are held.
pub struct Approved {
    pub met: RequirementsMet,
    pub lock: LockHeld,
    pub change: Change,
}

/// A run with its locks and context.
#[derive(Clone, Copy)]
pub struct ApplyRun<'a> {
    pub app: &'a App,
    pub apply: &'a ApplyContext<'a>,
    pub id: RunId,
    pub lock: &'a LockHeld,
    pub context: &'a JobContext<'a>,
}

/// The change after a run, and the state of the run.
struct Ended {
    change: Change,
    state: RunState,
}

/// Applies the change under its locks if the new plans have the approved digest; returns the change
/// afterwards.
pub async fn run(
    app: &App,
    apply: &ApplyContext<'_>,
    Approved { met, lock, change }: Approved,
    context: &JobContext<'_>,
) -> Result<Change> {
    let change = change.applying()?;
    let Some(id) = app.store.start_run(RunKind::Apply, &lock, app.now()).await? else {
        let why = "somebody released the locks before anything was begun".into();
        return Err(Error::Later { at: soon(app, 2), why });
    };
    begun(app, id, context.job).await?;
    context.log.of_apply(id, apply.subject(), apply.recorded.id).await;
    note_wait(app, apply, context).await?;
    let run = ApplyRun { app, apply, id, lock: &lock, context };
    let ended = run_locked(&run, &met, change.clone()).await;
    if let Err(error) = &ended
        && has_begun(&app.store.steps(id).await?)
    {
        tracing::error!(run = %id, %error, "an apply was broken off; it will be looked at");
        // The run stays open and its locks stay held, so that the next attempt is a recovery.
        return Err(Error::Later { at: soon(app, 2), why: "an apply was broken off".into() });
    }
    let state = ended.as_ref().map_or(RunState::Cancelled, |ended| ended.state);
    // What is needed after a failure is in the state and the journal, not in this directory.
    let _ = fs::remove_dir_all(run_dir(app, id));
    context.log.write().await;
    app.metrics.apply(state);
    let _ = app.store.finish_run(id, state, app.now()).await?;
    release(app, lock).await?;
    let error = match ended {
        Ok(Ended { change, .. }) => {
            return outbox::comment(app, apply.target, &change).await.map(|()| change);
        }
        Err(later @ Error::Later { .. }) => return Err(later),
        Err(error) => error,
    };
    let change = match error {
        Error::Stopped => change.cancelled()?,
        _ => change.failed()?,
    };
    show(app, apply, &change).await?;
    Err(error)
}

/// Logs how long the change waited for its locks.
async fn note_wait(app: &App, apply: &ApplyContext<'_>, context: &JobContext<'_>) -> Result<()> {
    let locks = app.store.stack_locks(apply.target.repository.id).await?;
    let own = locks.iter().filter(|lock| lock.pull_request == id_of(apply.target));
    if let Some(since) = own.map(|lock| lock.queued_at).min() {
        context.log.step_since(Stage::Lock, since).done();
    }
    Ok(())
}

/// Returns the progress of a stack whose outputs could not be read.
pub fn unread_outputs(error: &engine::Error) -> StackProgress {
    let message = format!(
        "nothing is left to do for it, but its outputs cannot be read, so it is not noted as applied: \
         {error}. `/infra apply` looks again"
    );
    StackProgress::Failed { message }
}

async fn run_locked(run: &ApplyRun<'_>, met: &RequirementsMet, change: Change) -> Result<Ended> {
    let ApplyRun { app, apply, .. } = *run;
    let mut change = change;
    show(app, apply, &change).await?;
    let mut stacks = BTreeMap::new();
    let plans = &apply.recorded.plan_set.plans;
    approve_code(app, apply.target, apply.recorded).await?;
    let planning = plans.iter().map(|plan| next(run, plan));
    for (plan, next) in plans.iter().zip(future::try_join_all(planning).await?) {
        match next {
            Ok(next) => {
                stacks.insert(plan.stack.clone(), (plan, next));
            }
            Err(message) => {
                change = change.progressed(&plan.stack, StackProgress::Failed { message })?;
            }
        }
    }
    if change.has_failed_stacks() {
        return settled(run, change, false).await;
    }
    let again = planned_again(change.clone(), &stacks)?;
    if !met.is_for(&again.plan_set_digest()) {
        let change = differs(run, again, &stacks).await?;
        return Ok(Ended { change, state: RunState::Superseded });
    }
    change = install_providers(run, change, &stacks).await?;
    if change.has_failed_stacks() {
        return settled(run, change, false).await;
    }
    let mut has_begun = false;
    for (stack, (_, next)) in stacks {
        let progress = match next {
            Next::Superseded(by) => StackProgress::Superseded { by },
            Next::Ready(ready) => {
                let (work, planned) = *ready;
                let span = tracing::info_span!("stack", otel.name = "apply stack", %stack);
                let applied = apply_one(run, &work, planned).instrument(span).await?;
                has_begun |= applied.is_begun;
                applied.progress
            }
        };
        change = change.progressed(&stack, progress)?;
    }
    settled(run, change, has_begun).await
}

/// Stores the result of an apply.
async fn settled(run: &ApplyRun<'_>, change: Change, has_begun: bool) -> Result<Ended> {
    let change = change.settled(has_begun)?;
    run.app.store.record_change(run.apply.recorded.id, &change).await?;
    let state = match change.state {
        ChangeState::Applied => RunState::Succeeded,
        ChangeState::Superseded => RunState::Superseded,
        ChangeState::Partial => RunState::Partial,
        _ => RunState::Failed,
    };
    Ok(Ended { change, state })
}

/// Installs the providers that the stacks need before the first is begun.
async fn install_providers(
    run: &ApplyRun<'_>,
    mut change: Change,
    stacks: &BTreeMap<StackId, (&StackPlan, Next)>,
) -> Result<Change> {
    let ApplyRun { app, context, .. } = *run;
    for (stack, (_, next)) in stacks {
        let Next::Ready(ready) = next else { continue };
        let (work, plan) = ready.as_ref();
        let log = |line: &str| context.log.line(stack, line);
        let control = Control { cancel: context.stop.clone(), on_start: None, log: Some(&log) };
        let equipped =
            app.engine.install_providers(&work.root(&app.apply_env), plan, &control).await;
        if let Err(message) = planned(equipped)? {
            change = change.progressed(stack, StackProgress::Failed { message })?;
        }
    }
    Ok(change)
}

/// Plans a stack again, unless a newer merge was already applied to it.
async fn next(run: &ApplyRun<'_>, plan: &StackPlan) -> Result<Result<Next, String>> {
    let ApplyRun { app, apply, id, context, .. } = *run;
    let repository = apply.target.repository.id;
    if let Some(applied) = app.store.applied_stack(repository, &plan.stack).await? {
        let (mirror, commit) = (&apply.trees.mirror, &apply.trees.commit);
        let is_known =
            merge_preview::applied_tree(app, apply.target, mirror, &applied.commit).await?;
        // If the applied commit is in no branch any more, it is newer than no merge.
        if is_known.is_ok()
            && applied.commit != *commit
            && mirror.is_ancestor(commit, &applied.commit).await?
        {
            return Ok(Ok(Next::Superseded(applied.commit)));
        }
    }
    let work = match apply.trees.work(app, id, plan).await? {
        Ok(work) => work,
        Err(message) => return Ok(Err(message)),
    };
    let planned = match planned(work.plan(&app.apply_env, context, Stage::PlanAgain).await)? {
        Ok(planned) => planned,
        Err(message) => return Ok(Err(message)),
    };
    if let Some(why) = other_state(plan, &planned) {
        return Ok(Err(why));
    }
    Ok(Ok(Next::Ready(Box::new((work, planned)))))
}

/// Returns why a plan is not applied if its state is not the one that was planned against. Another
/// version of the same state only makes another plan.
fn other_state(approved: &StackPlan, now: &Planned) -> Option<String> {
    let then = &approved.state.as_ref()?.lineage;
    let now = now.state.as_ref().map(|state| &state.lineage);
    if now == Some(then) {
        return None;
    }
    let found = now.map_or("there is no state".into(), |now| format!("it is `{now}`"));
    Some(format!(
        "the state is not the one that was planned and approved, `{then}`: {found}. Nothing was \
         changed. Restore that state; or, if this is the right one, change the stack in another \
         pull request, which plans against it"
    ))
}

/// Returns the change with the current plans, their inputs and code; a superseded stack stays as it
/// was approved.
fn planned_again(
    mut change: Change,
    stacks: &BTreeMap<StackId, (&StackPlan, Next)>,
) -> Result<Change> {
    for (stack, (approved, next)) in stacks {
        let Next::Ready(ready) = next else { continue };
        let (work, planned) = ready.as_ref();
        let now = &planned.plan;
        let again = StackAgain {
            other: (now.digest() != approved.plan_digest).then(|| now.clone()),
            protected: work.work.protected(now),
            code: work.code(),
            inputs: work.inputs(),
            cautions: work.prepared.code_risks(),
        };
        change = change.planned_again(stack, again)?;
    }
    Ok(change)
}

/// Shows the current plans under a new digest, which can be confirmed.
async fn differs(
    run: &ApplyRun<'_>,
    change: Change,
    stacks: &BTreeMap<StackId, (&StackPlan, Next)>,
) -> Result<Change> {
    let ApplyRun { app, apply, context, .. } = *run;
    let plan = |(approved, next): &(&StackPlan, Next)| match next {
        Next::Superseded(_) => (*approved).clone(),
        Next::Ready(ready) => {
            let (work, planned) = ready.as_ref();
            StackPlan {
                input_digest: work.input_digest(&apply.trees.settings_digest),
                plan_digest: planned.plan.digest(),
                plan: planned.plan.clone(),
                code: work.code(),
                ..(*approved).clone()
            }
        }
    };
    let plans = stacks.values().map(plan).collect();
    let again = PlannedAgain { change, plans, changed_settings: None };
    let (id, change) = await_confirmation(app, apply, again).await?;
    context.log.outcome(Some(id), None).await;
    Ok(change)
}

/// Applies one stack and verifies that it has converged.
async fn apply_one(run: &ApplyRun<'_>, work: &Work, planned: Planned) -> Result<AppliedOne> {
    let ApplyRun { app, id, lock, context, .. } = *run;
    let outputs = if planned.plan.is_empty() {
        drop(planned);
        match app.engine.outputs(&work.root(&app.apply_env), &Control::default()).await {
            Ok(outputs) => outputs,
            Err(error) => {
                return Ok(AppliedOne { progress: unread_outputs(&error), is_begun: false });
            }
        }
    } else {
        if app.store.renew_locks(lock, app.now(), LEASE).await? == WriteOutcome::Lost {
            // Another worker took the locks and recovers this apply, so this one must not report
            // anything.
            let why = "another worker has taken the locks".into();
            return Err(Error::Later { at: soon(app, 5), why });
        }
        note(app, id, &work.stack, Step::Applying, Json::Null).await?;
        let stack = &work.stack;
        let on_start = |command: &'static str, process: Process| -> BoxFuture<'_, ()> {
            Box::pin(started(app, id, stack, command, process))
        };
        let log = |line: &str| context.log.line(stack, line);
        let control =
            Control { cancel: context.stop.clone(), on_start: Some(&on_start), log: Some(&log) };
        let step = context.log.step(Some(stack), Stage::Apply);
        let applied = app.engine.apply(&work.root(&app.apply_env), planned, &control).await;
        if applied.is_ok() {
            step.done();
        } else {
            step.failed();
        }
        match applied {
            Ok(applied) => applied.outputs,
            Err(failed) => {
                let message = what_stands(&failed);
                note(app, id, &work.stack, Step::Failed, message.clone().into()).await?;
                let is_begun = !failed.steps.is_empty();
                return Ok(AppliedOne { progress: StackProgress::Failed { message }, is_begun });
            }
        }
    };
    let progress = record_applied(run, work, outputs).await?;
    Ok(AppliedOne { progress, is_begun: true })
}

/// Returns why the engine failed, and what it had done until then.
fn what_stands(failed: &ApplyFailed) -> String {
    let mut message = failed.to_string();
    for (outcome, words) in [
        (Outcome::Done, "Done before that, and stands:"),
        (Outcome::Unknown, "Begun, and not known to be done:"),
    ] {
        let steps = failed.steps.iter().filter(|step| step.outcome == outcome);
        let steps: Vec<String> =
            steps.map(|step| format!("\n- {}: {}", step.address, step.action)).collect();
        if !steps.is_empty() {
            message.push_str(&format!("\n{words}{}", steps.concat()));
        }
    }
    message
}

/// Records that a stack was applied, and verifies it with a second plan.
pub async fn record_applied(
    run: &ApplyRun<'_>,
    work: &Work,
    outputs: BTreeMap<String, Output>,
) -> Result<StackProgress> {
    let ApplyRun { app, apply, id, lock, context } = *run;
    note(app, id, &work.stack, Step::Applied, Json::Null).await?;
    let applied = AppliedStack {
        stack: work.stack.clone(),
        commit: apply.trees.commit.clone(),
        number: apply.target.number,
        input_digest: work.input_digest(&apply.trees.settings_digest),
        at: app.now(),
        removed: work.kind == crate::jobs::plan::Kind::Destroy,
    };
    if app.store.record_applied(lock, &applied).await? == WriteOutcome::Lost {
        // Without the record, later changes would take the previously applied commit for the
        // current one.
        let message = "it was applied, but its lock was taken away meanwhile, so Planwright could not \
                       note it: neither drift nor a later change knows of it. Look at the state of \
                       this stack and at what else was applied to it; `/infra apply` plans it again";
        note(app, id, &work.stack, Step::Failed, message.into()).await?;
        return Ok(StackProgress::Failed { message: message.into() });
    }
    match planned(work.plan(&app.apply_env, &context.unstoppable(), Stage::Verify).await)? {
        Ok(second) if second.plan.has_converged() => {
            note(app, id, &work.stack, Step::Verified, Json::Null).await?;
            Ok(StackProgress::Applied { outputs: output_values(outputs) })
        }
        Ok(second) => Ok(StackProgress::Failed {
            message: format!(
                "it was applied, but it has not converged; a second plan would still change:{}",
                changes(&second.plan)
            ),
        }),
        Err(message) => Ok(StackProgress::Failed {
            message: format!("it was applied, but could not be verified: {message}"),
        }),
    }
}

/// Returns what a plan would change, as list items to follow a sentence.
fn changes(plan: &Plan) -> String {
    let resources = plan.acted_on().map(|it| format!("\n- {}: {}", it.address, it.action));
    let outputs = plan.outputs.keys().map(|name| format!("\n- output {name}"));
    resources.chain(outputs).collect()
}

/// Returns outputs to show; sensitive ones without their value.
fn output_values(outputs: BTreeMap<String, Output>) -> BTreeMap<String, Value> {
    let value = |output: Output| match output.sensitive {
        true => Value::Sensitive(String::new()),
        false => Value::Known(output.value),
    };
    outputs.into_iter().map(|(name, output)| (name, value(output))).collect()
}
