//! Handles a comment with commands: reads it back, checks permissions, reacts, answers, or enqueues
//! jobs.
//!
//! It has its own queue key, so that a status or cancel command never waits behind a plan.

use jiff::SignedDuration;

use planwright_core::{
    command::{self, AllowedOn, Command, Given, Row, Unlock, Who},
    comment::{CommentIdentity, ReadBack, read_back},
    job::{Acknowledge, Invocation, Job, Lane, Target},
    names::StackId,
};
use planwright_store::{
    LockState, StackLock, Stamp, Unlock as UnlockOutcome, records::v1::Reaction,
};
use planwright_view as view;
use planwright_view::{Doc, Refusal, Unlocked};

use super::{Run, apply};
use crate::{
    agent,
    app::App,
    flow::{Error, JobContext, Result, id_of, outbox, soon},
};

/// How long after it was written a comment may not be there to be read.
const LAG: SignedDuration = SignedDuration::from_mins(2);

impl Run for Acknowledge {
    /// Returns false if other jobs follow, because those report the result.
    fn is_done(&self, next: &[Job]) -> bool {
        next.is_empty()
    }

    async fn run(&self, context: &JobContext<'_>) -> Result<Vec<Job>> {
        acknowledge(context.app, self).await
    }
}

/// Carries out the commands that need no engine; returns jobs for the others.
async fn acknowledge(app: &App, job: &Acknowledge) -> Result<Vec<Job>> {
    let Acknowledge { target, asked, comment, on_pull_request, .. } = job;
    let asked = &Invocation { by_mail: came_by_mail(app, job).await?, ..asked.clone() };
    let commands = command::parse(comment).into_iter().collect::<Result<Vec<Command>, _>>();
    let commands = commands.map_err(Refusal::from)?;
    for command in &commands {
        authorise(app, target, asked, command.row()).await?;
        if asked.by_mail && !command.row().by_mail {
            return Err(Refusal::ByMail { command: command.row().name }.into());
        }
    }
    outbox::react(app, target, asked, Reaction::Seen).await?;
    let mut jobs = Vec::new();
    let is_only_one = commands.len() == 1;
    for (i, command) in commands.into_iter().enumerate() {
        if !on_pull_request && command.row().allowed_on == AllowedOn::PullRequests {
            return Err(Refusal::NothingPlanned.into());
        }
        let asked = Invocation { nth: if is_only_one { 0 } else { i + 1 }, ..asked.clone() };
        let given = Given { target, invocation: &asked, on_pull_request: *on_pull_request };
        match command.clone().job(given) {
            Some(job) => jobs.push(job),
            None => {
                if let Some(answer) = answer(app, target, &asked, command).await? {
                    outbox::reply(app, target, &asked, &answer).await?;
                }
            }
        }
    }
    if !jobs.is_empty() {
        bump_generation(app, target).await?;
    }
    Ok(jobs)
}

/// Reads the comment back, and returns whether it came by mail.
///
/// Fails unless it is still what was delivered. A delivery says what a comment was, and a captured
/// or forged one says whatever its sender likes.
async fn came_by_mail(app: &App, job: &Acknowledge) -> Result<bool> {
    let Acknowledge { target, asked, comment, on_pull_request, .. } = job;
    let repository = &target.repository;
    let node_id = match &job.node_id {
        Some(node_id) => Some(node_id.clone()),
        None => app.github.comment_node_id(repository, asked.comment).await?,
    };
    let current = match node_id {
        Some(id) => app.github.current_comment(repository, &id, *on_pull_request).await?,
        None => None,
    };
    let delivered = CommentIdentity {
        id: asked.comment,
        repository: repository.id,
        number: Some(target.number),
        author: Some(asked.by.id),
    };
    match read_back(current.as_ref(), &delivered, comment) {
        ReadBack::AsDelivered { by_mail } => Ok(by_mail),
        ReadBack::Changed => Err(Refusal::CommentChanged.into()),
        // GitHub may answer from a replica that does not have it yet.
        ReadBack::Gone if app.now().duration_since(asked.at) < LAG => {
            let why = "GitHub does not show the comment yet".into();
            Err(Error::Later { at: soon(app, 10), why })
        }
        ReadBack::Gone => Err(Error::Gone),
        ReadBack::Another => {
            tracing::warn!(
                ?current,
                ?delivered,
                "a delivery is about a comment that GitHub has otherwise; nothing is carried out"
            );
            Err(Error::Gone)
        }
    }
}

/// Fails if the person lacks the permission that a command requires, as GitHub reports it now.
/// Whether the person is a principal of the change is checked by the job that loads the change.
async fn authorise(app: &App, target: &Target, asked: &Invocation, row: &Row) -> Result<()> {
    if row.who == Who::Anyone {
        return Ok(());
    }
    let permission = app.github.permission(&target.repository, &asked.by).await?;
    if permission.can_write() {
        return Ok(());
    }
    Err(Refusal::NotAllowed { login: asked.by.login.clone(), command: row.name }.into())
}

/// Raises the generation after a cancel, so that what is requested afterwards is not cancelled.
async fn bump_generation(app: &App, target: &Target) -> Result<()> {
    let id = id_of(target);
    let known = app.store.pull_request(id).await?;
    if known.is_some_and(|known| known.cancel_requested >= Some(known.generation)) {
        app.store.raise_generation(id).await?;
    }
    Ok(())
}

async fn answer(
    app: &App,
    target: &Target,
    asked: &Invocation,
    command: Command,
) -> Result<Option<Doc>> {
    match command {
        Command::Help(_) => Ok(Some(view::help())),
        Command::Status(_) => {
            let shown = app.store.latest_plan_set(id_of(target)).await?;
            let shown = shown.ok_or(Refusal::NothingPlanned)?;
            let head = app.store.pull_request(id_of(target)).await?.and_then(|known| known.head);
            if head.is_some_and(|head| head != shown.plan_set.head) {
                return Err(Refusal::Outdated.into());
            }
            Ok(Some(view::status(&shown.change)))
        }
        Command::Unlock(Unlock { stack }) => unlock(app, target, asked, stack).await.map(Some),
        Command::Cancel(_) => cancel(app, target).await.map(|()| None),
        // Each of these causes a job. They are listed so that no new command is left without an
        // answer.
        Command::Plan(_)
        | Command::Drift(_)
        | Command::Allow(_)
        | Command::Set(_)
        | Command::Propose(_)
        | Command::Revise(_)
        | Command::Answer(_)
        | Command::Apply(_) => Ok(None),
    }
}

async fn cancel(app: &App, target: &Target) -> Result<()> {
    let id = id_of(target);
    let jobs = app.store.open_jobs().await?;
    // The lane of a job from another version may be unknown; such a job is not cancelled.
    let is_cancellable =
        |job: &planwright_store::Job| job.key.parse().is_ok_and(|lane: Lane| lane.is_cancellable());
    if !jobs.iter().any(|job| job.pull_request == Some(id) && is_cancellable(job)) {
        // A run that waits for people has no job.
        if agent::cancel(app, target).await? {
            return Ok(());
        }
        return Err(Refusal::NothingRunning.into());
    }
    let generation = app.store.generation(id).await?;
    Ok(app.store.request_cancel(id, generation).await?)
}

/// Releases the locks that this change holds and leaves the queues in which it waits. Refused while
/// its apply runs.
async fn unlock(
    app: &App,
    target: &Target,
    asked: &Invocation,
    stack: Option<StackId>,
) -> Result<Doc> {
    let (id, by) = (id_of(target), asked.by.login.clone());
    let given_up = apply::given_up(app, id).await?;
    let stamp = Stamp { by: by.as_str(), at: app.now() };
    let unlock = app.store.unlock(id, stack.as_ref(), stamp, given_up).await?;
    let locks = match unlock {
        UnlockOutcome::InUse => return Err(Refusal::LockInUse { stack }.into()),
        UnlockOutcome::Freed(locks) if locks.is_empty() => {
            return Err(Refusal::NothingLocked { stack }.into());
        }
        UnlockOutcome::Freed(locks) => locks,
    };
    let (held, waiting): (Vec<StackLock>, Vec<StackLock>) =
        locks.into_iter().partition(|lock| lock.state == LockState::Held);
    let stacks = |locks: Vec<StackLock>| locks.into_iter().map(|lock| lock.stack).collect();
    Ok(view::unlocked(&Unlocked { by, held: stacks(held), waiting: stacks(waiting) }))
}
