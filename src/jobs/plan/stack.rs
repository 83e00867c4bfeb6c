//! One stack of a pull request: its plan and drift, or what is wrong with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use futures::future::{self, BoxFuture};
use tracing::Instrument as _;

use planwright_core::{
    change::{DriftCheck, Inputs, NotPlanned, PlanOutcome, StackChange},
    digest::Digest,
    finding::{Finding, Location},
    job::Plan,
    names::{RepositoryId, StackId},
    repo_config::RepoConfig,
};
use planwright_engine as engine;
use planwright_engine::{Control, Log, Mode, OnStart, Planned, Process, Root};
use planwright_git::Mirror;
use planwright_package::{
    Checked, Prepared, Trusted, affected::Reason, files::MemoryFiles, lock, repository,
};
use planwright_store::{AppliedStack, PlanInput, PlanKind, StackPlan, Stage, StateVersion};

use super::{Planning, gate::PlanGate, repeat};
use crate::{
    app::{App, Environment},
    flow::{
        JobContext, Result,
        merge_preview::{self, MergePreview},
        own_code::AllowedCode,
        work::{self, Tree},
    },
};

/// What is planned for a stack.
pub type Kind = PlanKind;

/// What all stacks of one planning share.
pub struct StackPlanning<'a> {
    pub planning: &'a Planning<'a>,
    pub preview: &'a MergePreview,
    pub config: &'a RepoConfig,
    pub settings_digest: &'a Digest,
    /// The stacks of the states that were ever used, by key.
    pub state_owners: &'a BTreeMap<String, StackId>,
    pub gate: PlanGate,
}

/// What a planning made of a stack.
struct StackPlanned {
    plan: PlanOutcome,
    /// The plan to store, if there is one.
    row: Option<StackPlan>,
    /// The warning that the plan does not repeat.
    moving: Option<Finding>,
}

/// The repository, settings and work directory for a stack.
pub struct Site<'a> {
    pub repository: RepositoryId,
    pub config: &'a RepoConfig,
    pub dir: PathBuf,
    /// The code that may run.
    pub code: AllowedCode<'a>,
}

/// A stack of a change that is ready for the engine.
pub struct Work {
    pub stack: StackId,
    pub kind: Kind,
    pub prepared: Prepared,
    pub work: work::Work,
}

impl Work {
    /// Prepares a stack for the engine. Fails, with a message for people, if its code may not run,
    /// or if its lock or the settings cannot be used here.
    pub async fn open(
        app: &App,
        Site { repository, config, dir, code }: Site<'_>,
        kind: Kind,
        prepared: Prepared,
    ) -> Result<Self, String> {
        if let Some(why) = code.refusal(&prepared) {
            return Err(why);
        }
        if config.backend.kind == "local" && !app.has_all_roles() {
            return Err("the state is local, and the roles of this bot run on several machines; \
                        set another `backend` in planwright.yaml"
                .into());
        }
        let states = app.data.join("state").join(repository.to_string());
        let name = repository.to_string();
        let home = work::Home { repository: &name, config, states: &states };
        let stack = prepared.stack.id.clone();
        let site = work::Site { home, stack: stack.clone(), dir };
        let tree = Tree::new(&prepared);
        let work = work::Work::open(&app.engine, site, tree, &Control::default()).await;
        Ok(Self { stack, kind, prepared, work: work.map_err(|error| error.to_string())? })
    }

    pub fn root<'a>(&'a self, env: &'a Environment) -> Root<'a> {
        self.work.root(&env.variables, &env.secrets)
    }

    /// Returns the digest of the repository's own code that it runs.
    pub fn code(&self) -> Option<Digest> {
        self.prepared.package.own_code().map(|code| code.digest)
    }

    pub fn mode(&self) -> Mode {
        match self.kind {
            Kind::Change => Mode::Normal,
            Kind::Destroy => Mode::Destroy,
        }
    }

    /// Returns the digest of everything that its plan depends on, except the state: files, lock,
    /// exact engine, settings.
    pub fn input_digest(&self, settings: &Digest) -> Digest {
        let Inputs { files, engine, .. } = self.inputs();
        let parts: [&[u8]; 5] = [
            self.kind.as_str().as_bytes(),
            files.as_str().as_bytes(),
            &self.prepared.lock.bytes(),
            engine.as_bytes(),
            settings.as_str().as_bytes(),
        ];
        Digest::of_parts("v1", parts)
    }

    /// Returns what its plan is made from, apart from state and settings.
    pub fn inputs(&self) -> Inputs {
        let binary = &self.work.binary;
        Inputs {
            files: self.prepared.rendered.digest(),
            lock: Digest::of_parts("v1", [self.prepared.lock.bytes().as_slice()]),
            engine: format!("{} {}", binary.kind.name(), binary.version),
        }
    }

    pub async fn plan(
        &self,
        env: &Environment,
        context: &JobContext<'_>,
        stage: Stage,
    ) -> Result<Planned, engine::Error> {
        let step = Mutex::new(context.log.step(Some(&self.stack), stage));
        let on_start = |command: &'static str, _: Process| -> BoxFuture<'_, ()> {
            step.lock().unwrap_or_else(PoisonError::into_inner).command(command);
            Box::pin(future::ready(()))
        };
        let log = |line: &str| context.log.line(&self.stack, line);
        let (on_start, log) = (Some(&on_start as &OnStart<'_>), Some(&log as &Log<'_>));
        let control = Control { cancel: context.stop.clone(), on_start, log };
        let span = tracing::info_span!("stack", otel.name = "plan stack", stack = %self.stack);
        let (app, root) = (context.app, self.root(env));
        let planned = app.engine.plan(&root, self.mode(), &control).instrument(span).await;
        app.metrics.plan(stage, planned.is_ok());
        step.into_inner().unwrap_or_else(PoisonError::into_inner).ended(&planned);
        planned
    }
}

/// Returns the work directory for plans of a stack; it is kept, so that `init` rarely has to run.
pub fn plan_dir(app: &App, repository: RepositoryId, stack: &StackId) -> PathBuf {
    app.data.join("plan").join(repository.to_string()).join(stack.to_string())
}

impl<'a> StackPlanning<'a> {
    /// Plans one stack. The second value is the plan to store, if there is one.
    pub async fn plan(
        &self,
        stack: &StackId,
        reasons: &BTreeSet<Reason>,
    ) -> Result<(StackChange, Option<StackPlan>)> {
        let change = |plan| StackChange {
            stack: stack.clone(),
            plan,
            drift: DriftCheck::NeverApplied,
            protected: BTreeSet::new(),
            changes_code: reasons.iter().any(Reason::is_code),
            code: None,
            inputs: None,
            cautions: Vec::new(),
            progress: None,
        };
        if let Some(outcome) = self.refused(stack, reasons) {
            return Ok((change(outcome), None));
        }
        let context = self.planning.context;
        let step = context.log.step(Some(stack), Stage::Validate);
        let (kind, prepared) = match self.prepared(stack, reasons) {
            Ok(prepared) => prepared,
            Err(findings) => {
                step.failed();
                return Ok((change(PlanOutcome::Invalid(findings)), None));
            }
        };
        step.done();
        let code = prepared.package.own_code().map(|code| code.digest);
        let mut cautions = prepared.code_risks();
        if let Some(why) = self.gate.not_planned(&prepared) {
            let withheld = change(PlanOutcome::NotPlanned(why));
            return Ok((StackChange { code, cautions, ..withheld }, None));
        }
        let feeds_commands = self.feeds_commands(&prepared, &cautions);
        let is_approved = code.as_ref().is_none_or(|code| self.gate.code.may_apply(code));
        let repository = self.planning.context.target.repository.id;
        let dir = plan_dir(context.app, repository, stack);
        let allowed = AllowedCode::OfPlans(&self.gate.code);
        let site = Site { repository, config: self.config, dir, code: allowed };
        let work = match Work::open(context.app, site, kind, prepared).await {
            Ok(work) => work,
            Err(why) => return Ok((change(PlanOutcome::EngineFailed(why)), None)),
        };
        let StackPlanned { plan, row, moving } = self.plan_work(&work).await?;
        cautions.extend(moving);
        let drift = self.drift(stack).await?;
        context.app.metrics.drift_check(&drift);
        let protected = plan.plan().map_or_else(BTreeSet::new, |plan| work.work.protected(plan));
        let inputs = plan.is_planned().then(|| work.inputs());
        let mut change = StackChange { drift, protected, code, inputs, cautions, ..change(plan) };
        change.changes_code |= !is_approved || feeds_commands;
        Ok((change, row))
    }

    /// Returns why a stack is not even prepared, if so.
    fn refused(&self, stack: &StackId, reasons: &BTreeSet<Reason>) -> Option<PlanOutcome> {
        let renamed = reasons.iter().find_map(|reason| match reason {
            Reason::Renamed { from, .. } => Some(from.clone()),
            _ => None,
        });
        if let Some(from) = renamed {
            return Some(PlanOutcome::NotPlanned(NotPlanned::Renamed { from }));
        }
        // Whoever had the state of another stack has to give it up.
        let gives_back = |reason: &&Reason| {
            matches!(reason, Reason::StateMoved { from, .. }
                if self.state_owners.get(from).is_some_and(|owner| owner != stack))
        };
        let mut refused = reasons.iter().filter(|reason| !gives_back(reason));
        let refusal = refused.find_map(Reason::refusal)?;
        let place = Location { file: repository::lock_file(stack), line: 1, column: 1 };
        Some(PlanOutcome::Invalid(vec![Finding::error("state_moved", place, refusal)]))
    }

    /// Returns whether commands that the stack runs would get other values than those of the base.
    /// Those are in no plan.
    fn feeds_commands(&self, prepared: &Prepared, cautions: &[Finding]) -> bool {
        if !cautions.iter().any(|caution| caution.code == "runs_command") {
            return false;
        }
        let Ok(base) = &self.preview.base else { return true };
        let trusted = Trusted { config: self.config, packages: base };
        let before = Prepared::load(base, &trusted, &prepared.stack.id);
        before.map_or(true, |before| before.rendered.digest() != prepared.rendered.digest())
    }

    /// Returns a stack as the change has it, or as the base has it if it is removed.
    fn prepared(&self, stack: &StackId, reasons: &BTreeSet<Reason>) -> Checked<(Kind, Prepared)> {
        let files = |files: &'a Checked<MemoryFiles>| files.as_ref().map_err(Vec::clone);
        let base = files(&self.preview.base)?;
        let merged = files(&self.preview.merged)?;
        let is_removed = reasons.contains(&Reason::Removed);
        let (kind, files) = if is_removed { (Kind::Destroy, base) } else { (Kind::Change, merged) };
        // Whether the code of the merged tree may run is decided by its digest.
        let trusted = Trusted { config: self.config, packages: files };
        let mut prepared = Prepared::load(files, &trusted, stack)?;
        if !is_removed {
            prepared.protect_also(base, self.config, stack);
        }
        let key = &prepared.lock.state_key;
        if let Some(owner) = self.state_owners.get(key).filter(|owner| *owner != stack) {
            let place = Location { file: repository::lock_file(stack), line: 1, column: 1 };
            let message = lock::belongs_to(key, owner, stack);
            return Err(vec![Finding::error("state_shared", place, message)]);
        }
        Ok((kind, prepared))
    }

    async fn plan_work(&self, work: &Work) -> Result<StackPlanned> {
        let context = self.planning.context;
        let input_digest = work.input_digest(self.settings_digest);
        if let Some(row) = self.known(work, &input_digest).await? {
            context.log.step(Some(&work.stack), Stage::Reuse).done();
            let row = StackPlan { code: work.code(), ..row };
            let plan = PlanOutcome::Planned(row.plan.clone());
            return Ok(StackPlanned { plan, row: Some(row), moving: None });
        }
        let planned = match planned(work.plan(&context.app.plan_env, context, Stage::Wait).await)? {
            Ok(planned) => planned,
            Err(message) => {
                let plan = PlanOutcome::EngineFailed(message);
                return Ok(StackPlanned { plan, row: None, moving: None });
            }
        };
        let row = StackPlan {
            stack: work.stack.clone(),
            kind: work.kind,
            input_digest,
            plan_digest: planned.plan.digest(),
            state: planned.state.as_ref().map(version),
            plan: planned.plan.clone(),
            code: work.code(),
        };
        // It holds the work directory, in which the second plan is made.
        drop(planned);
        let moving = self.moving(work, &row).await?;
        Ok(StackPlanned { plan: PlanOutcome::Planned(row.plan.clone()), row: Some(row), moving })
    }

    /// Plans a stack once more if it reads what may change by itself; returns a warning if it did.
    async fn moving(&self, work: &Work, first: &StackPlan) -> Result<Option<Finding>> {
        let context = self.planning.context;
        if !repeat::reads_elsewhere(work) {
            return Ok(None);
        }
        let second = planned(work.plan(&context.app.plan_env, context, Stage::PlanAgain).await)?;
        Ok(match second {
            Err(message) => Some(repeat::failed(&work.stack, &message)),
            // Something was applied in between.
            Ok(second) if second.state.as_ref().map(version) != first.state => None,
            Ok(second) => repeat::difference(&work.stack, &first.plan, &second.plan),
        })
    }

    /// Returns a stored plan of the same input and state, unless a new one was requested.
    async fn known(&self, work: &Work, input: &Digest) -> Result<Option<StackPlan>> {
        let Plan { asked, stacks, .. } = self.planning.job;
        let is_named = stacks.is_empty() || stacks.contains(&work.stack);
        let is_local = work.work.backend.kind == "local";
        if (asked.is_some() && is_named) || !is_local || repeat::reads_elsewhere(work) {
            return Ok(None);
        }
        let Ok(state) = work.work.backend.local_state() else { return Ok(None) };
        let input = PlanInput {
            kind: work.kind,
            digest: input.clone(),
            state: state.as_ref().map(version),
        };
        let repository = self.planning.context.target.repository.id;
        Ok(self.planning.context.app.store.plan_with_input(repository, &work.stack, &input).await?)
    }

    async fn drift(&self, stack: &StackId) -> Result<DriftCheck> {
        let context = self.planning.context;
        let repository = context.target.repository.id;
        let applied = context.app.store.applied_stack(repository, stack).await?;
        match applied.filter(|applied| !applied.removed) {
            None => Ok(DriftCheck::NeverApplied),
            Some(applied) => {
                let site = DriftSite {
                    mirror: &self.preview.mirror,
                    config: self.config,
                    code: AllowedCode::OfPlans(&self.gate.code),
                };
                drift_of(context, site, &applied).await
            }
        }
    }
}

/// What the drift checks of a repository share.
#[derive(Clone, Copy)]
pub struct DriftSite<'a> {
    pub mirror: &'a Mirror,
    pub config: &'a RepoConfig,
    /// The code that may run.
    pub code: AllowedCode<'a>,
}

/// Returns what a plan of the last applied tree of a stack would do.
pub async fn drift_of(
    context: &JobContext<'_>,
    DriftSite { mirror, config, code }: DriftSite<'_>,
    applied: &AppliedStack,
) -> Result<DriftCheck> {
    let (app, target) = (context.app, context.target);
    let repository = target.repository.id;
    let tree = match merge_preview::applied_tree(app, target, mirror, &applied.commit).await? {
        Ok(tree) => tree,
        Err(why) => return Ok(DriftCheck::Unknown(why)),
    };
    let files = merge_preview::files(mirror, &tree, &merge_preview::folders(Some(config))).await?;
    let prepared = files.and_then(|files| {
        let trusted = Trusted { config, packages: &files };
        Prepared::load(&files, &trusted, &applied.stack)
    });
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(findings) => {
            let first = findings.first().map_or(String::new(), |finding| finding.message.clone());
            return Ok(DriftCheck::Unknown(format!(
                "the tree applied last, {}, can no longer be rendered: {first}",
                applied.commit
            )));
        }
    };
    let dir = plan_dir(app, repository, &applied.stack);
    let site = Site { repository, config, dir, code };
    let work = match Work::open(app, site, Kind::Change, prepared).await {
        Ok(work) => work,
        Err(why) => return Ok(DriftCheck::Unknown(why)),
    };
    Ok(match planned(work.plan(&app.plan_env, context, Stage::Drift).await)? {
        Ok(planned) => DriftCheck::Checked(planned.plan.clone()),
        Err(message) => DriftCheck::Unknown(message),
    })
}

/// Separates errors of the engine, which are shown to people, from a cancellation, which ends the
/// job.
pub fn planned<T>(outcome: Result<T, engine::Error>) -> Result<Result<T, String>> {
    match outcome {
        Ok(planned) => Ok(Ok(planned)),
        Err(error @ engine::Error::Cancelled { .. }) => Err(error.into()),
        Err(error) => Ok(Err(error.to_string())),
    }
}

fn version(state: &engine::StateId) -> StateVersion {
    StateVersion {
        lineage: state.lineage.clone(),
        serial: i64::try_from(state.serial).unwrap_or(i64::MAX),
    }
}
