//! One stack of a pull request: from its files to its plan, its drift, or what is wrong with it.

use std::{collections::BTreeSet, path::PathBuf};

use jiff::Timestamp;

use crate::{
    app::{App, Environment},
    domain::{
        digest::Digest,
        finding::{Finding, Place},
        names::{RepositoryId, StackId},
        reply::{DriftReport, NotPlanned, PlanReport, StackReport},
        repo_config::RepoConfig,
    },
    engine::{self, Control, Mode, Planned, Root},
    flow::{
        Result, Watch, ground, id_of,
        work::{self, Tree},
    },
    package::{Checked, Prepared, Trusted, affected::Reason, files::MemoryFiles, repository},
    store::{AppliedStack, PlanInput, PlanKind, StackPlan, StateVersion},
};

use super::Change;

/// What is planned of a stack.
pub type Kind = PlanKind;

/// What all stacks of one planning share.
pub struct Planning<'a> {
    app: &'a App,
    change: &'a Change<'a>,
    config: &'a RepoConfig,
    policy: &'a Digest,
    /// Why nothing may be run of this head, if so.
    withheld: Option<NotPlanned>,
    /// Whether a maintainer asked for this very head.
    lifted: bool,
}

/// A stack of a change that is ready for the engine.
pub struct Work {
    pub stack: StackId,
    pub kind: Kind,
    pub prepared: Prepared,
    pub work: work::Work,
}

impl Work {
    /// Errors are worded for people: the lock or the settings cannot be used here.
    pub async fn of(
        app: &App,
        (repository, config): (RepositoryId, &RepoConfig),
        (kind, prepared): (Kind, Prepared),
        dir: PathBuf,
    ) -> Result<Self, String> {
        if config.backend.kind == "local" && !app.has_all_roles() {
            return Err("the state is local, and the roles of this bot run on several machines; \
                        set another `backend` in planwright.yaml"
                .into());
        }
        let states = app.data.join("state").join(repository.to_string());
        let stack = prepared.stack.id.clone();
        let tree = (stack.clone(), Tree::of(&prepared));
        let work =
            work::Work::of(&app.engine, tree, (config, &states), (dir, &Control::default())).await;
        Ok(Self { stack, kind, prepared, work: work.map_err(|error| error.to_string())? })
    }

    pub fn root<'a>(&'a self, env: &'a Environment) -> Root<'a> {
        self.work.root(&env.variables, &env.secrets)
    }

    pub fn mode(&self) -> Mode {
        match self.kind {
            Kind::Change => Mode::Normal,
            Kind::Destroy => Mode::Destroy,
        }
    }

    /// All that its plan depends on but the state: files, lock, exact engine, policy.
    pub fn input_digest(&self, policy: &Digest) -> Digest {
        let binary = &self.work.binary;
        let engine = format!("{} {}", binary.kind.name(), binary.version);
        let rendered = self.prepared.rendered.digest();
        let parts: [&[u8]; 5] = [
            self.kind.as_str().as_bytes(),
            rendered.as_str().as_bytes(),
            &self.prepared.lock.bytes(),
            engine.as_bytes(),
            policy.as_str().as_bytes(),
        ];
        Digest::of_parts("v1", parts)
    }

    pub async fn plan(
        &self,
        app: &App,
        env: &Environment,
        watch: &Watch,
    ) -> Result<Planned, engine::Error> {
        let control = Control { cancel: watch.stop.clone(), ..Control::default() };
        app.engine.plan(&self.root(env), self.mode(), &control).await
    }
}

/// Where plans of a stack are worked on; kept, so that `init` seldom has to run.
pub fn plan_dir(app: &App, repository: RepositoryId, stack: &StackId) -> PathBuf {
    app.data.join("plan").join(repository.to_string()).join(stack.to_string())
}

impl<'a> Planning<'a> {
    /// Finds out what may be run of the head.
    pub async fn of(
        app: &'a App,
        change: &'a Change<'a>,
        (config, policy): (&'a RepoConfig, &'a Digest),
    ) -> Result<Self> {
        let lifted = is_lifted(app, change).await?;
        let withheld = if lifted { None } else { withheld(app, change).await? };
        Ok(Self { app, change, config, policy, withheld, lifted })
    }

    /// Plans one stack; the row is there when it has a plan.
    pub async fn plan(
        &self,
        stack: &StackId,
        reasons: &BTreeSet<Reason>,
        watch: &Watch,
    ) -> Result<(StackReport, Option<StackPlan>)> {
        let drift = DriftReport::NeverApplied;
        let report = |plan| StackReport {
            stack: stack.clone(),
            plan,
            drift: drift.clone(),
            protected: BTreeSet::new(),
            progress: None,
        };
        if let Some(Reason::Renamed { from, .. }) =
            reasons.iter().find(|reason| matches!(reason, Reason::Renamed { .. }))
        {
            let why = NotPlanned::Renamed { from: from.clone() };
            return Ok((report(PlanReport::NotPlanned(why)), None));
        }
        if let Some(refusal) = reasons.iter().find_map(Reason::refusal) {
            let place = Place { file: repository::lock_file(stack), line: 1, column: 1 };
            let finding = Finding::error("state_moved", place, refusal);
            return Ok((report(PlanReport::Invalid(vec![finding])), None));
        }
        let (kind, prepared) = match self.prepared(stack, reasons) {
            Ok(prepared) => prepared,
            Err(findings) => return Ok((report(PlanReport::Invalid(findings)), None)),
        };
        if let Some(why) = self.not_planned(reasons) {
            return Ok((report(PlanReport::NotPlanned(why)), None));
        }
        let repository = self.change.target.repository.id;
        let dir = plan_dir(self.app, repository, stack);
        let work = match Work::of(self.app, (repository, self.config), (kind, prepared), dir).await
        {
            Ok(work) => work,
            Err(why) => return Ok((report(PlanReport::EngineFailed(why)), None)),
        };
        let (plan, row) = self.plan_work(&work, watch).await?;
        let drift = self.drift(stack, watch).await?;
        let protected = plan.plan().map_or_else(BTreeSet::new, |plan| work.work.protected(plan));
        let report = StackReport { stack: stack.clone(), plan, drift, protected, progress: None };
        Ok((report, row))
    }

    fn prepared(&self, stack: &StackId, reasons: &BTreeSet<Reason>) -> Checked<(Kind, Prepared)> {
        let files = |files: &'a Checked<MemoryFiles>| files.as_ref().map_err(Vec::clone);
        let base = files(&self.change.ground.base)?;
        let merged = files(&self.change.ground.merged)?;
        if reasons.contains(&Reason::Removed) {
            let trusted = Trusted { config: self.config, packages: base };
            return Ok((Kind::Destroy, Prepared::of(base, &trusted, stack)?));
        }
        // Bytes of a package in the head are looked at, and run only when a maintainer says so.
        let packages =
            if changes_package(reasons).is_some() || self.lifted { merged } else { base };
        let trusted = Trusted { config: self.config, packages };
        let mut prepared = Prepared::of(merged, &trusted, stack)?;
        prepared.protect_also(base, self.config, stack);
        Ok((Kind::Change, prepared))
    }

    fn not_planned(&self, reasons: &BTreeSet<Reason>) -> Option<NotPlanned> {
        self.withheld.clone().or_else(|| {
            let folder = changes_package(reasons).filter(|_| !self.lifted)?;
            Some(NotPlanned::PackageBytes(folder.to_owned()))
        })
    }

    async fn plan_work(
        &self,
        work: &Work,
        watch: &Watch,
    ) -> Result<(PlanReport, Option<StackPlan>)> {
        let input_digest = work.input_digest(self.policy);
        if let Some(row) = self.known(work, &input_digest).await? {
            return Ok((PlanReport::Planned(row.plan.clone()), Some(row)));
        }
        let planned = match planned(work.plan(self.app, &self.app.plan_env, watch).await)? {
            Ok(planned) => planned,
            Err(message) => return Ok((PlanReport::EngineFailed(message), None)),
        };
        let row = StackPlan {
            stack: work.stack.clone(),
            kind: work.kind,
            input_digest,
            plan_digest: planned.plan.digest(),
            state: planned.state.as_ref().map(version),
            plan: planned.plan.clone(),
        };
        Ok((PlanReport::Planned(planned.plan.clone()), Some(row)))
    }

    /// The plan of the same input against the same state, unless somebody asked for a new one.
    async fn known(&self, work: &Work, input: &Digest) -> Result<Option<StackPlan>> {
        let Change { asked, stacks, .. } = self.change;
        let is_named = stacks.is_empty() || stacks.contains(&work.stack);
        if (asked.is_some() && is_named) || work.work.backend.kind != "local" {
            return Ok(None);
        }
        let Ok(state) = work.work.backend.local_state() else { return Ok(None) };
        let input = PlanInput {
            kind: work.kind,
            digest: input.clone(),
            state: state.as_ref().map(version),
        };
        let repository = self.change.target.repository.id;
        Ok(self.app.store.plan_with_input(repository, &work.stack, &input).await?)
    }

    async fn drift(&self, stack: &StackId, watch: &Watch) -> Result<DriftReport> {
        let repository = self.change.target.repository.id;
        let applied = self.app.store.applied_stack(repository, stack).await?;
        match applied.filter(|applied| !applied.removed) {
            None => Ok(DriftReport::NeverApplied),
            Some(applied) => {
                let at = (&self.change.ground.mirror, self.config);
                drift_of(self.app, (repository, at), &applied, watch).await
            }
        }
    }
}

/// What a plan of the last applied tree of a stack would do.
pub async fn drift_of(
    app: &App,
    (repository, (mirror, config)): (RepositoryId, (&crate::git::Mirror, &RepoConfig)),
    applied: &AppliedStack,
    watch: &Watch,
) -> Result<DriftReport> {
    let tree = mirror.tree(&applied.commit).await?;
    let files = ground::files(mirror, &tree, &ground::folders(Some(config))).await?;
    let prepared = files.and_then(|files| {
        let trusted = Trusted { config, packages: &files };
        Prepared::of(&files, &trusted, &applied.stack)
    });
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(findings) => {
            let first = findings.first().map_or(String::new(), |finding| finding.message.clone());
            return Ok(DriftReport::Unknown(format!(
                "the tree applied last, {}, can no longer be rendered: {first}",
                applied.commit
            )));
        }
    };
    let dir = plan_dir(app, repository, &applied.stack);
    let work = match Work::of(app, (repository, config), (Kind::Change, prepared), dir).await {
        Ok(work) => work,
        Err(why) => return Ok(DriftReport::Unknown(why)),
    };
    Ok(match planned(work.plan(app, &app.plan_env, watch).await)? {
        Ok(planned) => DriftReport::Checked(planned.plan.clone()),
        Err(message) => DriftReport::Unknown(message),
    })
}

/// What the engine says of a stack is for people; that we were stopped is not.
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

fn changes_package(reasons: &BTreeSet<Reason>) -> Option<&str> {
    reasons.iter().find_map(|reason| match reason {
        Reason::Package { folder } => Some(folder.as_str()),
        _ => None,
    })
}

/// Whether a maintainer asked for a plan of just what stands in our comment on this head.
async fn is_lifted(app: &App, change: &Change<'_>) -> Result<bool> {
    let Some(asked) = change.asked else { return Ok(false) };
    let seen = app.store.latest_plan_set(id_of(change.target)).await?;
    let was_before = |posted: Timestamp| posted < asked.at;
    Ok(seen.is_some_and(|seen| {
        seen.plan_set.head == change.pull.head && seen.posted_at.is_some_and(was_before)
    }))
}

/// A plan runs providers: only for branches of this repository, pushed by people who may write.
async fn withheld(app: &App, change: &Change<'_>) -> Result<Option<NotPlanned>> {
    let Change { target, pull, .. } = change;
    if pull.is_from_fork() {
        return Ok(Some(NotPlanned::Fork));
    }
    let heads = [pull.head.clone()];
    let mut pushers = app.store.pushers(target.repository.id, &pull.head_ref, &heads).await?;
    if pushers.is_empty() {
        // The push was not heard of; whoever opened the pull request stands for it.
        pushers.insert(pull.author.id, pull.author.login.clone());
    }
    // What the bot commits, it commits for people who are noted as pushers too, and asked live.
    let ours = app.github.login().await?;
    for (user, login) in pushers.into_iter().filter(|(_, login)| login != ours) {
        let actor = crate::flow::judge::person(user, login);
        if !app.github.permission(&target.repository, &actor).await?.can_write() {
            return Ok(Some(NotPlanned::PusherMayNotWrite));
        }
    }
    Ok(None)
}
