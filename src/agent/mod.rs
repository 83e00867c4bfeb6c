//! An agent run, step by step. Each step ends with an event in the log, so that after a crash the
//! run continues where its log ends.
//!
//! The next step, and whether a call is allowed, are decided in `core::agent`. This module asks the
//! model and carries its calls out on files in memory. Planning and publishing do not involve the
//! model.

mod instruct;
mod publish;
pub(crate) mod workspace;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use planwright_core::{
    agent::{
        budget::{Amount, Limit},
        call::RawCall,
        event::{Decision, End, Entry, Event, Turn},
        gate,
        run::{Phase, Run, Step},
    },
    digest::Digest,
    job::{self, Job, Target},
    verdict,
};
use planwright_model as model;
use planwright_model::Model;
use planwright_package::credentials;
use planwright_store::{AgentFacts, NewJob, RunId, Unfinished, WriteOutcome, records::v1};
use planwright_view as view;
use planwright_view::{Marker, RequestReport, RunReport};

use crate::{
    app::App,
    flow::{Error, JobContext, Result, id_of, outbox, soon},
    queue,
};

pub use instruct::{RunRequest, begin, instruct, key_of, plan_failed, revise};

use self::workspace::Workspace;

/// A log and the state of the run that follows from it.
pub(crate) struct Logged {
    pub id: RunId,
    pub log: Vec<Entry>,
    pub run: Run,
}

impl Logged {
    pub async fn load(app: &App, id: RunId) -> Result<Self> {
        let log = app.store.agent_log(id).await?;
        let run = Run::from_log(&log).with_context(|| format!("reading run {id}"))?;
        Ok(Self { id, log, run })
    }

    /// Appends an event. If another process has appended one in the meantime, fails with
    /// `Error::Later`, so that the job starts over.
    pub async fn append(&mut self, app: &App, event: Event) -> Result<()> {
        let text = v1::event_to_text(&event);
        let entry = Entry::after(self.log.last(), event, text, app.now());
        let run = self.run.after(&entry);
        match app.store.append_agent_event(self.id, &entry, &facts(&run)).await? {
            WriteOutcome::Written => {
                self.log.push(entry);
                self.run = run;
                Ok(())
            }
            WriteOutcome::Lost => {
                let why = "the run went on elsewhere".into();
                Err(Error::Later { at: soon(app, 1), why })
            }
        }
    }
}

fn facts(run: &Run) -> AgentFacts {
    AgentFacts {
        pull_request: run.published.as_ref().map(|published| published.pull_request),
        is_over: run.is_over(),
        is_complete: run.is_complete(),
        unfinished: unfinished(run),
        spent: i64::try_from(run.spent().microdollars).unwrap_or(i64::MAX),
    }
}

/// Returns the head that a run has published although its work is unfinished, and what is missing.
fn unfinished(run: &Run) -> Option<Unfinished> {
    let (how, published) = (run.unfinished.clone()?, run.published.as_ref()?);
    let is_planned = run.planned.as_ref().is_some_and(|it| it.rev == run.rev());
    let why = verdict::Unfinished::Ended { how, is_planned };
    Some(Unfinished { head: published.head.clone(), why })
}

/// Continues a run until it has to wait for people, a plan, or a point in time.
pub async fn go(job: &job::Agent, context: &JobContext<'_>) -> Result<Vec<Job>> {
    let (app, target, run) = (context.app, &job.target, job.run);
    let mut logged = Logged::load(app, RunId(run)).await?;
    let mut workspace = None;
    loop {
        if context.stop.is_cancelled() {
            return stopped(app, target, &mut logged).await;
        }
        match logged.run.next(app.now()) {
            Step::Ask => ask(app, target, &mut logged, context).await?,
            Step::Decide(call) => {
                let workspace = Workspace::fresh(app, target, &logged.run, &mut workspace).await?;
                decide(app, &mut logged, &call, workspace).await?;
            }
            Step::Do(call) => {
                let workspace = Workspace::fresh(app, target, &logged.run, &mut workspace).await?;
                let (content, accepted) = workspace.carry_out(&logged.run, &call);
                let content = scrubbed(app, &content);
                logged.append(app, Event::Returned { content, accepted, planned: None }).await?;
            }
            Step::Plan => {
                return Ok(vec![job::Preview { target: target.clone(), run }.into()]);
            }
            Step::Close(how) => {
                let workspace = Workspace::fresh(app, target, &logged.run, &mut workspace).await?;
                publish::close(app, target, &mut logged, how, workspace).await?;
            }
            Step::Park(until) => {
                show(app, target, &logged.run).await?;
                return Err(Error::Later { at: until, why: "the model server is away".into() });
            }
            Step::Wait => {
                show(app, target, &logged.run).await?;
                remind_later(app, target, &logged).await?;
                return Ok(Vec::new());
            }
            Step::Rest => {
                show(app, target, &logged.run).await?;
                look_again(app, target, &logged).await?;
                return Ok(Vec::new());
            }
        }
    }
}

/// Schedules a reminder for the open question; once per question, however often the job is
/// repeated.
async fn remind_later(app: &App, target: &Target, logged: &Logged) -> Result<()> {
    let Some((at, question)) = logged.run.reminder() else { return Ok(()) };
    let job = job::Remind { target: target.clone(), run: logged.id.0, question }.into();
    let once = format!("remind/{}/{question}", logged.id);
    let row = NewJob { run_at: at, ..queue::new_job(&job, Some(once), app.now())? };
    Ok(app.store.enqueue(&row, app.now()).await.map(drop)?)
}

/// Reminds people of a question, if the run still waits for the answer.
pub async fn remind(app: &App, job: &job::Remind) -> Result<()> {
    let job::Remind { target, run, question } = job;
    let logged = Logged::load(app, RunId(*run)).await?;
    match &logged.run.phase {
        Phase::Waiting { question: asked, .. } if logged.run.last.seq == *question => {
            let marker = Marker::Reminder(run.as_u128(), *question);
            outbox::say(app, target, marker, &view::reminder(asked)).await
        }
        _ => Ok(()),
    }
}

/// Enqueues a job that checks the pull request of an ended run again, once. The pull request is
/// opened before the end is recorded, so its verdict may not have considered the end.
async fn look_again(app: &App, target: &Target, logged: &Logged) -> Result<()> {
    let Some(job) = afterwards(target, logged) else { return Ok(()) };
    let once = format!("published/{}", logged.run.last.hash);
    let row = queue::new_job(&job, Some(once), app.now())?;
    Ok(app.store.enqueue(&row, app.now()).await.map(drop)?)
}

fn afterwards(target: &Target, logged: &Logged) -> Option<Job> {
    let mut published = logged.log.iter().rev().map(|entry| match &entry.event {
        Event::Ended { published, .. } => published.as_ref(),
        _ => None,
    });
    let now = published.next().flatten()?;
    let target = Target { number: now.pull_request, ..target.clone() };
    if published.flatten().next().is_some_and(|before| before.head == now.head) {
        // The head has not moved, so no push causes a plan.
        return Some(job::Plan { target, asked: None, stacks: Vec::new() }.into());
    }
    logged.run.unfinished.as_ref().map(|_| job::Verdict { target, review: None }.into())
}

/// Ends a run that people cancelled. If the job was only stopped, another worker continues the run.
async fn stopped(app: &App, target: &Target, logged: &mut Logged) -> Result<Vec<Job>> {
    let known = app.store.pull_request(id_of(target)).await?;
    let is_cancelled = known.is_some_and(|it| it.cancel_requested >= Some(it.generation));
    if is_cancelled && !logged.run.is_over() {
        logged.append(app, Event::Ended { how: End::Cancelled, published: None }).await?;
        show(app, target, &logged.run).await?;
    }
    Err(Error::Stopped)
}

/// Updates the comment on the issue.
async fn show(app: &App, target: &Target, run: &Run) -> Result<()> {
    outbox::request(app, target, &RequestReport::Run(RunReport::from(run))).await
}

/// Asks the model. The most that it can cost is deducted from the budget first.
async fn ask(
    app: &App,
    target: &Target,
    logged: &mut Logged,
    context: &JobContext<'_>,
) -> Result<()> {
    let model = app.model.as_ref().context("a run goes on where no model is set up")?;
    let body = model.body(&logged.run.conversation);
    let debit = model.estimate(body.len());
    if let Err(limit) = affords(app, target, &logged.run, &debit).await? {
        return exhausted(app, logged, limit).await;
    }
    logged.append(app, Event::Asked { debit, body: Digest::sha256(&body) }).await?;
    let size = body.len();
    let answered = tokio::select! {
        answered = model.complete(body) => answered,
        () = context.stop.cancelled() => return Ok(()),
    };
    let used = answered.as_ref().ok().map(|answer| model.cost(size, answer));
    app.metrics.model_answer(used.as_ref());
    let event = heard(app, model, size, answered)?;
    logged.append(app, event).await
}

/// Records which limit is used up; the next step ends the run for that reason.
async fn exhausted(app: &App, logged: &mut Logged, limit: Limit) -> Result<()> {
    logged.append(app, Event::Exhausted { limit }).await
}

async fn affords(
    app: &App,
    target: &Target,
    run: &Run,
    debit: &Amount,
) -> Result<Result<(), Limit>> {
    let yesterday = app.now().checked_sub(SignedDuration::from_hours(24));
    let since = yesterday.unwrap_or(Timestamp::MIN);
    let spent = app.store.agent_spending(target.repository.id, since).await?;
    let today = run.budget.limits.affords_today(u64::try_from(spent).unwrap_or(0), debit);
    Ok(today.and_then(|()| run.budget.affords(debit)))
}

/// Returns the model's response, or its failure, as an event.
fn heard(
    app: &App,
    model: &Model,
    size: usize,
    answered: Result<model::Answer, model::Error>,
) -> Result<Event> {
    Ok(match answered {
        Ok(answer) => {
            let used = model.cost(size, &answer);
            Event::Answered { used, turn: without_secrets(app, answer.turn) }
        }
        Err(model::Error::Garbled(why)) => Event::Garbled { why: why.to_string() },
        Err(model::Error::Rejected(why)) => Event::Rejected { why },
        Err(model::Error::Away { why, retry_after }) => {
            tracing::warn!(why, "the model server is away");
            let pause = retry_after.map_or(60, |after| after.as_secs() + 1);
            let until = soon(app, i64::try_from(pause).unwrap_or(60));
            Event::Failed { why, until }
        }
        Err(error @ model::Error::Address(_)) => return Err(anyhow::Error::from(error).into()),
    })
}

/// Replaces everything in a model's response that contains a secret, wherever the model got it
/// from, so that it reaches neither the log nor the model server.
fn without_secrets(app: &App, mut turn: Turn) -> Turn {
    const GONE: &str = "[secret]";
    if is_secret(app, &turn.text) {
        turn.text = GONE.into();
    }
    for call in &mut turn.calls {
        if call.texts().iter().any(|text| is_secret(app, text)) {
            *call = RawCall { name: "secret".into(), arguments: json!(GONE).to_string() };
        }
    }
    turn
}

/// Returns content for the model without the secrets of this process.
pub(crate) fn scrubbed(app: &App, content: &Value) -> Value {
    let text = app.secrets.scrubbed(&content.to_string());
    serde_json::from_str(&text).unwrap_or_else(|_| json!({ "code": "secret" }))
}

/// Decides on the model's next call.
async fn decide(
    app: &App,
    logged: &mut Logged,
    call: &RawCall,
    workspace: &Workspace,
) -> Result<()> {
    let is_secret = |text: &str| is_secret(app, text);
    let facts = gate::Facts {
        stacks: &workspace.stacks,
        packages: &workspace.packages,
        scope: &workspace.configuration.config.agent.stacks,
        is_secret: &is_secret,
    };
    match gate::decide(&logged.run, call, &facts) {
        Err(limit) => exhausted(app, logged, limit).await,
        Ok((decision, debit)) => {
            if let Decision::Refused(problem) = &decision {
                tracing::info!(run = %logged.id, code = %problem.code, "a call is refused");
            }
            logged.append(app, Event::Called { decision, debit }).await
        }
    }
}

/// Returns whether a text contains a secret of this process, also in encoded form or with
/// whitespace in between, or anything that looks like a credential.
fn is_secret(app: &App, text: &str) -> bool {
    let squeezed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let holds = |text: &str| app.secrets.is_in(text) || credentials::likeness(text).is_some();
    holds(text) || holds(&squeezed)
}

/// Ends the open run of an issue, for a person who cancels it while no job works on it. Returns
/// false if there is none.
pub async fn cancel(app: &App, target: &Target) -> Result<bool> {
    let runs = app.store.agent_runs(id_of(target)).await?;
    let Some(open) = runs.into_iter().rfind(|run| !run.facts.is_over) else { return Ok(false) };
    let mut logged = Logged::load(app, open.id).await?;
    logged.append(app, Event::Ended { how: End::Cancelled, published: None }).await?;
    show(app, target, &logged.run).await?;
    Ok(true)
}
