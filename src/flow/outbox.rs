//! Every write to GitHub: recorded under its natural key, sent once, and checked on GitHub before
//! it is sent again.
//!
//! The report comment of a pull request is edited in place, a head has one check run, a comment has
//! one reaction of each kind. `view` words them.

mod wire;

use std::collections::BTreeSet;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};

use planwright_core::{
    change::Change,
    digest::Digest,
    job::{Invocation, Target},
    names::{CheckRunId, CommentId, Sha},
};
use planwright_github as github;
use planwright_store::{
    RequestState, Sending, Stamp, WriteOutcome,
    records::v1::{
        Annotation, AnnotationLevel, CheckRun, CheckState, Conclusion, OutboxRequest, Reaction,
    },
};
use planwright_view as view;
use planwright_view::{CheckReport, CheckStatus, Doc, Level, Marker, RequestReport};

use super::{Error, Result, id_of, soon};
use crate::app::App;

/// The name of the check run; rulesets require the check by this name.
pub const CHECK: &str = "planwright";

/// How long a request that was touched may still be in progress: checking and sending take less.
const UNDER_WAY: SignedDuration = SignedDuration::from_mins(5);

/// Returns the natural key of a request.
fn key(request: &OutboxRequest) -> String {
    match request {
        OutboxRequest::Comment { target, marker, .. } => comment_key(&target.into(), marker),
        OutboxRequest::Check { target, check, .. } => check_key(&target.into(), &check.head),
        OutboxRequest::Reaction { target, comment, face } => {
            let face = match face {
                Reaction::Seen => "Seen",
                Reaction::Done => "Done",
                Reaction::Refused => "Refused",
            };
            format!("reaction/{}/{comment}/{face}", target.repository.id)
        }
    }
}

fn check_key(target: &Target, head: &Sha) -> String {
    format!("check/{}/{}/{head}", target.repository.id, target.number)
}

fn comment_key(target: &Target, marker: &str) -> String {
    format!("comment/{}/{}/{marker}", target.repository.id, target.number)
}

/// Posts or edits the report comment of a pull request.
pub async fn comment(app: &App, target: &Target, change: &Change) -> Result<()> {
    send(app, &comment_request(app, target, change).await?).await
}

/// Returns whether a report comment of the pull request was ever recorded.
pub async fn has_commented(app: &App, target: &Target) -> Result<bool> {
    let marker = Marker::Report.to_string();
    Ok(app.store.request(&comment_key(target, &marker)).await?.is_some())
}

/// Creates or updates the check run of the change's head.
pub async fn check(app: &App, target: &Target, change: &Change) -> Result<()> {
    send(app, &check_request(app, target, change).await?).await
}

/// Does the same, unless that head has no check run or one that has certainly ended.
pub async fn end_check(app: &App, target: &Target, change: &Change) -> Result<()> {
    match last_check(app, target, &change.head).await? {
        None => Ok(()),
        Some((last, _, RequestState::Done)) if last.state != CheckState::InProgress => Ok(()),
        Some(_) => check(app, target, change).await,
    }
}

/// Updates the report comment and the check run. Both are recorded before either is sent, because
/// after a crash in between people may act on the comment before a new process sends the check run.
pub async fn show(app: &App, target: &Target, change: &Change) -> Result<()> {
    let check = check_request(app, target, change).await?;
    put(app, &check).await?;
    comment(app, target, change).await?;
    send(app, &check).await
}

async fn comment_request(app: &App, target: &Target, change: &Change) -> Result<OutboxRequest> {
    let page = page(app, target).await?;
    let (marker, body) = (Marker::Report.to_string(), view::comment(change, page.as_deref()));
    let digest = change.digest.clone().unwrap_or_else(|| change.plan_set_digest());
    let shows = Some((change.head.clone(), digest));
    Ok(OutboxRequest::Comment { target: target.into(), marker, body, shows })
}

/// Returns the address of the page of a pull request's newest run; `None` if there are no pages.
async fn page(app: &App, target: &Target) -> Result<Option<String>> {
    let Some(url) = &app.public_url else { return Ok(None) };
    let run = app.store.newest_noted_run(id_of(target)).await?;
    Ok(run.map(|run| url.page(run)))
}

/// Returns the request for a check run. GitHub adds the annotations of each update to the earlier
/// ones, so each annotation is sent only once per head.
async fn check_request(app: &App, target: &Target, change: &Change) -> Result<OutboxRequest> {
    let mut check = check_run(target, change);
    check.details_url = page(app, target).await?;
    let mut annotated = BTreeSet::new();
    if let Some((last, before, state)) = last_check(app, target, &change.head).await? {
        annotated = before;
        // After a write that may not have arrived, all annotations are sent again.
        if state == RequestState::Done {
            annotated.extend(last.annotations.iter().map(Annotation::digest));
        }
    }
    check.annotations.retain(|annotation| !annotated.contains(&annotation.digest()));
    Ok(OutboxRequest::Check { target: target.into(), check, annotated })
}

/// Returns the last recorded check run of a head, with its earlier annotations.
async fn last_check(
    app: &App,
    target: &Target,
    head: &Sha,
) -> Result<Option<(CheckRun, BTreeSet<Digest>, RequestState)>> {
    let key = check_key(target, head);
    let Some(request) = app.store.request(&key).await? else { return Ok(None) };
    let body = OutboxRequest::parse(&request.body);
    Ok(match body.with_context(|| format!("reading the request `{key}`"))? {
        OutboxRequest::Check { check, annotated, .. } => Some((check, annotated, request.state)),
        _ => None,
    })
}

/// Answers a command with a comment.
pub async fn reply(app: &App, target: &Target, asked: &Invocation, answer: &Doc) -> Result<()> {
    say(app, target, Marker::Reply(asked.comment, asked.nth), answer).await
}

/// Posts or edits the comment on an issue about its progress.
pub async fn request(app: &App, target: &Target, report: &RequestReport) -> Result<()> {
    say(app, target, Marker::Request, &view::request(report)).await
}

/// Posts or edits the same comment to say why there is no result.
pub async fn note(app: &App, target: &Target, why: &Doc) -> Result<()> {
    say(app, target, Marker::Request, why).await
}

/// Posts or edits the comment with this marker.
pub async fn say(app: &App, target: &Target, marker: Marker, doc: &Doc) -> Result<()> {
    let (marker, body) = (marker.to_string(), marker.on(&view::markdown(doc)));
    send(app, &OutboxRequest::Comment { target: target.into(), marker, body, shows: None }).await
}

/// Posts a comment about an internal error, with the id that the log has.
pub async fn failure(app: &App, target: &Target, id: &str, doc: &Doc) -> Result<()> {
    let marker = format!("<!-- planwright:failure:{id} -->");
    let body = format!("{marker}\n{}", view::markdown(doc));
    send(app, &OutboxRequest::Comment { target: target.into(), marker, body, shows: None }).await
}

/// Reacts to a comment.
pub async fn react(app: &App, target: &Target, asked: &Invocation, face: Reaction) -> Result<()> {
    let target = target.into();
    send(app, &OutboxRequest::Reaction { target, comment: asked.comment, face }).await
}

/// Sends requests that a dead process recorded and did not complete; one that fails does not keep
/// the others from being sent.
pub async fn send_unfinished(app: &App) -> Result<()> {
    let then = app.now().checked_sub(UNDER_WAY).context("the clock is before all requests")?;
    for request in app.store.unfinished_requests(then).await? {
        let sent = match OutboxRequest::parse(&request.body) {
            Ok(wanted) => send_put(app, &wanted).await,
            Err(error) => Err(anyhow::Error::from(error).into()),
        };
        if let Err(error) = sent {
            tracing::warn!(request = request.key, %error, "an unfinished request was not sent");
        }
    }
    Ok(())
}

async fn put(app: &App, request: &OutboxRequest) -> Result<()> {
    Ok(app.store.put_request(&key(request), &request.to_json(), stamp(app)).await?)
}

async fn send(app: &App, request: &OutboxRequest) -> Result<()> {
    put(app, request).await?;
    send_put(app, request).await
}

async fn send_put(app: &App, request: &OutboxRequest) -> Result<()> {
    let key = key(request);
    while let Some(sending) = app.store.begin_sending(&key, stamp(app)).await? {
        // Another request may have replaced it since, so the stored one is sent.
        let wanted = OutboxRequest::parse(&sending.request.body)
            .with_context(|| format!("reading the request `{key}`"))?;
        let (remote, at) = match deliver(app, &wanted, &sending).await {
            Ok(sent) => sent,
            Err(error) => return Err(failed(app, &sending, error).await?),
        };
        record_posted(app, &wanted, at).await?;
        if app.store.finish_sending(&sending.request, &remote, at).await? == WriteOutcome::Written {
            break;
        }
    }
    Ok(())
}

fn stamp(app: &App) -> Stamp<'_> {
    Stamp { by: &app.process, at: app.now() }
}

/// Records since when people can read a plan set. This happens before the request counts as done,
/// so that a process that finds it unfinished also finds the time on GitHub.
async fn record_posted(app: &App, request: &OutboxRequest, at: Option<Timestamp>) -> Result<()> {
    let OutboxRequest::Comment { target, shows: Some((head, digest)), .. } = request else {
        return Ok(());
    };
    let at = at.context("GitHub gave no time for our comment")?;
    Ok(app.store.record_posted(id_of(&target.into()), head, digest, at).await?)
}

/// Records what is known of a request that did not succeed; returns the error for the job.
async fn failed(app: &App, sending: &Sending, error: github::Error) -> Result<Error> {
    let request = &sending.request;
    Ok(match error {
        github::Error::Unknown { .. } => Error::Later { at: soon(app, 5), why: error.to_string() },
        github::Error::RateLimited { until, .. } => {
            not_sent(app, sending).await?;
            Error::Later { at: until, why: error.to_string() }
        }
        github::Error::Unavailable { .. } => {
            not_sent(app, sending).await?;
            Error::Later { at: soon(app, 30), why: error.to_string() }
        }
        error => {
            app.store.record_refused(request, &error.to_string()).await?;
            error.into()
        }
    })
}

/// Records that this attempt did not arrive, unless an earlier one may have arrived.
async fn not_sent(app: &App, sending: &Sending) -> Result<()> {
    if sending.look_first {
        return Ok(());
    }
    Ok(app.store.record_not_sent(&sending.request).await?)
}

type Sent = (String, Option<Timestamp>);

async fn deliver(app: &App, request: &OutboxRequest, sending: &Sending) -> github::Result<Sent> {
    match request {
        OutboxRequest::Comment { target, marker, body, .. } => {
            deliver_comment(app, &target.into(), MarkedBody { marker, body }, sending).await
        }
        OutboxRequest::Check { target, check, .. } => {
            deliver_check(app, &target.into(), &wire::check_run(check), sending).await
        }
        OutboxRequest::Reaction { target, comment, face } => {
            let reaction = match face {
                Reaction::Seen => github::Reaction::Eyes,
                Reaction::Done => github::Reaction::Rocket,
                Reaction::Refused => github::Reaction::Confused,
            };
            // GitHub returns the existing reaction if it is created again, so there is nothing to
            // check.
            let target: Target = target.into();
            app.github.react(&target.repository, *comment, reaction).await?;
            Ok((comment.to_string(), None))
        }
    }
}

/// The text of a comment, and the marker by which it is found.
#[derive(Clone, Copy)]
struct MarkedBody<'a> {
    marker: &'a str,
    body: &'a str,
}

async fn deliver_comment(
    app: &App,
    target: &Target,
    text: MarkedBody<'_>,
    sending: &Sending,
) -> github::Result<Sent> {
    let MarkedBody { marker, body } = text;
    let mut known = remote(sending).map(CommentId);
    if known.is_none() && sending.look_first {
        let found = app.github.find_comment(&target.repository, target.number, marker).await?;
        if let Some(found) = &found
            && found.body == body
        {
            return Ok((found.id.to_string(), Some(found.updated_at)));
        }
        known = found.map(|comment| comment.id);
    }
    if let Some(id) = known {
        match app.github.update_comment(&target.repository, id, body).await {
            // Somebody deleted the comment, so a new one is created.
            Err(github::Error::NotFound { .. }) => {}
            updated => return updated.map(|c| (c.id.to_string(), Some(c.updated_at))),
        }
    }
    let comment = app.github.create_comment(&target.repository, target.number, body).await?;
    Ok((comment.id.to_string(), Some(comment.updated_at)))
}

async fn deliver_check(
    app: &App,
    target: &Target,
    check: &github::CheckRun,
    sending: &Sending,
) -> github::Result<Sent> {
    let mut known = remote(sending).map(CheckRunId);
    if known.is_none() && sending.look_first {
        known = app
            .github
            .find_check(&target.repository, &check.head, &check.name, &check.external_id)
            .await?;
    }
    let id = match known {
        Some(id) => {
            app.github.update_check(&target.repository, id, check).await?;
            id
        }
        None => app.github.create_check(&target.repository, check).await?,
    };
    Ok((id.to_string(), None))
}

fn remote(sending: &Sending) -> Option<i64> {
    sending.request.remote_id.as_ref().and_then(|id| id.parse().ok())
}

/// Returns the check run for a change.
fn check_run(target: &Target, change: &Change) -> CheckRun {
    let CheckReport { status, conclusion, title, summary, annotations } = view::check(change);
    let conclusion = conclusion.map_or(Conclusion::Failure, |conclusion| match conclusion {
        view::Conclusion::Success => Conclusion::Success,
        view::Conclusion::ActionRequired => Conclusion::ActionRequired,
        view::Conclusion::Failure => Conclusion::Failure,
        view::Conclusion::Cancelled => Conclusion::Cancelled,
    });
    CheckRun {
        name: CHECK.into(),
        head: change.head.clone(),
        external_id: format!("{CHECK}/{}/{}", target.number, change.head),
        state: match status {
            CheckStatus::InProgress => CheckState::InProgress,
            CheckStatus::Completed => CheckState::Completed(conclusion),
        },
        title,
        summary,
        text: None,
        annotations: annotations.into_iter().map(annotation).collect(),
        details_url: None,
    }
}

fn annotation(annotation: view::Annotation) -> Annotation {
    Annotation {
        path: annotation.path,
        start_line: annotation.line,
        end_line: annotation.line,
        annotation_level: match annotation.level {
            Level::Failure => AnnotationLevel::Failure,
            Level::Warning => AnnotationLevel::Warning,
        },
        title: annotation.title,
        message: annotation.message,
    }
}
