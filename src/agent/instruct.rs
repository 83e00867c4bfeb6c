//! What people tell an agent run: to start, to continue with other instructions, or an answer.

use planwright_core::{
    actor::Actor,
    agent::{
        budget::Limits,
        call::tools_digest,
        event::{End, Entry, Event, Request},
        run::{Phase, Run},
        visible::{self, Visible},
    },
    change::{Change, PlanOutcome},
    digest::Digest,
    escape,
    issue::Issue,
    job::{self, AgentCommand, Instruct, Invocation, Job, Revise, Target},
    repo_config::RepoConfig,
};
use planwright_git::Want;
use planwright_github as github;
use planwright_store::{AgentRun, RecordedPlanSet, records::v1};
use planwright_view::{Marker, Refusal, text};

use super::{Logged, show};
use crate::{
    app::App,
    flow::{Result, id_of, merge_preview, outbox, propose},
};

/// What a run starts from.
pub struct RunRequest<'a> {
    pub issue: &'a Issue,
    /// Who asked for the run; has write permission.
    pub by: &'a Actor,
    /// What they wrote in addition to the issue.
    pub text: &'a str,
    /// A natural key: requests with the same key share one run.
    pub key: String,
}

/// Starts a run, or returns the one with the same key. Earlier runs of the issue that are not over
/// are superseded.
pub async fn begin(
    app: &App,
    target: &Target,
    asked: &RunRequest<'_>,
    config: &RepoConfig,
) -> Result<Job> {
    let request = request(app, target, asked).await?;
    let limits = Limits::default().lowered(&config.agent.limits.amount());
    let event = Event::Started { request, limits, tools: tools_digest() };
    let text = v1::event_to_text(&event);
    let first = Entry::after(None, event, text, app.now());
    let repository = target.repository.id;
    let key = format!("{repository}/{}/{}", target.number, asked.key);
    let run = app.store.start_agent_run(&key, id_of(target), &first).await?;
    for other in app.store.agent_runs(id_of(target)).await? {
        if other.id < run.id && !other.facts.is_over {
            let mut logged = Logged::load(app, other.id).await?;
            logged.append(app, Event::Ended { how: End::Superseded, published: None }).await?;
        }
    }
    let logged = Logged::load(app, run.id).await?;
    if !logged.run.is_over() {
        show(app, target, &logged.run).await?;
    }
    Ok(job::Agent { target: target.clone(), run: run.id.0 }.into())
}

/// Returns the visible text of the issue and of what `asked.by` wrote. Text from people without
/// write permission is not used: if there is any in the issue, only what `asked.by` wrote counts.
async fn request(app: &App, target: &Target, asked: &RunRequest<'_>) -> Result<Request> {
    let RunRequest { issue, by, text, .. } = asked;
    let mut people = vec![(*by).clone()];
    let mut outsider = None;
    for writer in issue.writers().filter(|writer| writer.id != by.id) {
        let may_write = writer.is_user()
            && app.github.permission(&target.repository, writer).await?.can_write();
        if may_write {
            people.push(writer.clone());
        } else {
            outsider = Some(writer.login.clone());
        }
    }
    let said = visible::visible(text);
    let (title, body) = match outsider {
        Some(login) if said.text.is_empty() => return Err(Refusal::Outsider(login).into()),
        Some(_) => {
            people.truncate(1);
            (Visible::default(), Visible::default())
        }
        None => (visible::line(&issue.title), visible::visible(&issue.body)),
    };
    let parts = [body.text.as_str(), said.text.as_str()];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Ok(Request {
        by: people,
        issue: issue.number,
        title: app.secrets.scrubbed(&title.text),
        text: app.secrets.scrubbed(&parts.join("\n")),
        dropped: title.dropped + body.dropped + said.dropped,
        base_ref: issue.base_ref.clone(),
        base: issue.base.clone(),
    })
}

/// Handles `/infra propose`, `revise` and `answer`.
pub async fn instruct(app: &App, job: &Instruct) -> Result<Vec<Job>> {
    let Instruct { target, asked, command } = job;
    if app.model.is_none() {
        return Err(Refusal::NoModel.into());
    }
    if let AgentCommand::Propose(text) = command {
        return propose(app, target, asked, text).await.map(|job| vec![job]);
    }
    let found = find(app, target).await?.ok_or(Refusal::NoRun)?;
    let home = Target { number: found.asked_in.number, ..target.clone() };
    let mut logged = Logged::load(app, found.id).await?;
    if !is_told(&logged, asked, command) {
        let event = event(app, &logged.run, asked, command)?;
        record_asker(app, &home, &logged.run, &asked.by).await?;
        logged.append(app, event).await?;
        show(app, &home, &logged.run).await?;
    }
    Ok(vec![job::Agent { target: home, run: found.id.0 }.into()])
}

/// Continues the run that made a pull request with the changes that a review requests, if the
/// reviewer has write permission. Each review counts once.
pub async fn revise(app: &App, job: &Revise) -> Result<Vec<Job>> {
    let Revise { target, by, review, text } = job;
    let found = app.store.agent_run_of_pull_request(id_of(target)).await?;
    let Some(found) = found.filter(|_| app.model.is_some()) else { return Ok(Vec::new()) };
    let home = Target { number: found.asked_in.number, ..target.clone() };
    let mut logged = Logged::load(app, found.id).await?;
    let is_it = |entry: &Entry| matches!(&entry.event, Event::Reviewed { review: other, .. } if other == review);
    if !logged.log.iter().any(is_it) {
        let Visible { text, dropped } = visible::visible(text);
        let may_write = app.github.permission(&target.repository, by).await?.can_write();
        if !may_write || text.is_empty() {
            // Reviews by others are for people to read.
            return Ok(Vec::new());
        }
        if let Err(refusal) = may_revise(&logged.run) {
            let text = text!["The review changes nothing yet. ", refusal.sentence()];
            outbox::say(app, target, Marker::Review(*review), &text.into()).await?;
            return Ok(Vec::new());
        }
        let text = app.secrets.scrubbed(&text);
        record_asker(app, &home, &logged.run, by).await?;
        logged
            .append(app, Event::Reviewed { by: by.clone(), review: *review, text, dropped })
            .await?;
        show(app, &home, &logged.run).await?;
    }
    Ok(vec![job::Agent { target: home, run: found.id.0 }.into()])
}

/// Records who gives instructions to a run whose changes are published, whatever comes of them.
async fn record_asker(app: &App, target: &Target, run: &Run, by: &Actor) -> Result<()> {
    match &run.published {
        Some(published) => propose::record_asker(app, target, &published.branch, by).await,
        None => Ok(()),
    }
}

fn may_revise(run: &Run) -> Result<(), Refusal> {
    match &run.phase {
        Phase::Over(End::Superseded | End::Cancelled) => Err(Refusal::RunGone),
        Phase::Over(_) => Ok(()),
        _ => Err(Refusal::StillAtWork),
    }
}

/// Returns the newest run of an issue, or the run that made a pull request.
async fn find(app: &App, target: &Target) -> Result<Option<AgentRun>> {
    let id = id_of(target);
    match app.store.agent_runs(id).await?.pop() {
        Some(run) => Ok(Some(run)),
        None => Ok(app.store.agent_run_of_pull_request(id).await?),
    }
}

/// Returns whether the log already contains this command, which happens when a job is repeated.
fn is_told(logged: &Logged, asked: &Invocation, command: &AgentCommand) -> bool {
    logged.log.iter().any(|entry| match (&entry.event, command) {
        (Event::Chosen { comment, .. }, AgentCommand::Answer(_))
        | (Event::Revised { comment, .. }, AgentCommand::Revise(_)) => *comment == asked.comment,
        _ => false,
    })
}

fn event(
    app: &App,
    run: &Run,
    asked: &Invocation,
    command: &AgentCommand,
) -> Result<Event, Refusal> {
    let (by, comment) = (asked.by.clone(), asked.comment);
    match (command, &run.phase) {
        (AgentCommand::Answer(choice), Phase::Waiting { question, .. }) => {
            if run.is_expired(app.now()) {
                return Err(Refusal::Expired);
            }
            let count = question.choices.len();
            if !usize::try_from(*choice).is_ok_and(|choice| (1..=count).contains(&choice)) {
                return Err(Refusal::NoSuchChoice(count));
            }
            Ok(Event::Chosen { by, comment, choice: *choice })
        }
        (AgentCommand::Answer(_), _) => Err(Refusal::NoQuestion),
        (AgentCommand::Revise(text), _) => {
            may_revise(run)?;
            let Visible { text, dropped } = visible::visible(text);
            Ok(Event::Revised { by, comment, text: app.secrets.scrubbed(&text), dropped })
        }
        (AgentCommand::Propose(_), _) => Err(Refusal::StillAtWork),
    }
}

async fn propose(app: &App, target: &Target, asked: &Invocation, text: &str) -> Result<Job> {
    let issue = match app.github.issue(&target.repository, target.number).await {
        Err(github::Error::NotFound { .. }) => return Err(Refusal::ProposeOnPullRequest.into()),
        issue => issue?,
    };
    if !issue.is_open {
        return Err(Refusal::IssueClosed.into());
    }
    let config = settings(app, target, &issue).await?;
    let key = format!("comment/{}/{}", asked.comment, asked.nth);
    begin(app, target, &RunRequest { issue: &issue, by: &asked.by, text, key }, &config).await
}

async fn settings(app: &App, target: &Target, issue: &Issue) -> Result<RepoConfig> {
    let want = Want::Branch(issue.base_ref.clone());
    let mirror = merge_preview::fetch(app, target, &[want]).await?;
    let tree = mirror.tree(&issue.base).await?;
    Ok(merge_preview::config(&mirror, &tree).await?.map_err(Refusal::Invalid)?)
}

/// Returns the key of the run for the text of an issue.
pub fn key_of(issue: &Issue) -> String {
    let parts = [issue.title.as_bytes(), issue.body.as_bytes()];
    format!("issue/{}", Digest::of_parts("v1", parts))
}

/// Passes the failed plan of a pull request to the run that made it, once per head.
pub async fn plan_failed(app: &App, target: &Target) -> Result<Vec<Job>> {
    let Some(found) = app.store.agent_run_of_pull_request(id_of(target)).await? else {
        return Ok(Vec::new());
    };
    let Some(shown) = app.store.latest_plan_set(id_of(target)).await? else {
        return Ok(Vec::new());
    };
    let RecordedPlanSet { plan_set, change, .. } = shown;
    let mut logged = Logged::load(app, found.id).await?;
    let published = logged.run.published.as_ref();
    let is_its_own = published.is_some_and(|published| published.head == plan_set.head);
    if app.model.is_none() || !is_its_own || !change.has_errors() {
        return Ok(Vec::new());
    }
    let of_head = |entry: &Entry| matches!(&entry.event, Event::PlanFailed { head, .. } if *head == plan_set.head);
    let is_told = logged.log.iter().any(of_head);
    if !is_told && !logged.run.is_complete() {
        return Ok(Vec::new());
    }
    let home = Target { number: found.asked_in.number, ..target.clone() };
    if !is_told {
        let why = app.secrets.scrubbed(&failure(&change));
        logged.append(app, Event::PlanFailed { head: plan_set.head, why }).await?;
        show(app, &home, &logged.run).await?;
    }
    Ok(vec![job::Agent { target: home, run: found.id.0 }.into()])
}

/// Returns what is wrong with a change, worded for the model.
fn failure(change: &Change) -> String {
    let stacks = change.stacks.iter().filter_map(|stack| {
        let why = match &stack.plan {
            PlanOutcome::EngineFailed(why) => why.clone(),
            PlanOutcome::Invalid(findings) => findings.first()?.message.clone(),
            _ => return None,
        };
        Some(format!("{}: {}", stack.stack, escape::shortened(&why, 1_500)))
    });
    let findings = change.findings.iter().map(|finding| finding.message.clone());
    let all: Vec<String> = stacks.chain(findings).take(5).collect();
    all.join("\n")
}
