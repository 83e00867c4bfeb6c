//! Issues: the list, and one with its conversation.

use crate::actions::issues::IssueEdit;
use crate::api_error::Refusal;
use crate::pages::context::{Deeds, Place, rendered, segments_of};
use crate::pages::frame::{Face, Frame, Moment};
use crate::pages::markdown;
use crate::pages::timeline;
use crate::pages::timeline::Entry;
use crate::state::data::{Issue, Role};

/// One line of a list of issues or pull requests.
pub struct Line {
    pub number: i64,
    pub url: String,
    /// HTML.
    pub title: String,
    pub state: State,
    pub author: String,
    pub at: Moment,
    pub labels: Vec<String>,
    pub comments: usize,
}

/// How it stands, as a word and as a class of the style.
#[derive(Clone, Copy)]
pub struct State {
    pub word: &'static str,
    pub class: &'static str,
}

impl State {
    pub fn of(issue: &Issue) -> Self {
        let (word, class) = match &issue.pull {
            Some(pull) if pull.merged.is_some() => ("Merged", "merged"),
            Some(pull) if issue.open && pull.draft => ("Draft", "draft"),
            _ if issue.open => ("Open", "open"),
            Some(_) => ("Closed", "refused"),
            None => ("Closed", "merged"),
        };
        Self { word, class }
    }
}

impl Line {
    pub fn of(place: Place<'_>, issue: &Issue) -> Self {
        let world = place.visit.world;
        let comments = world.repository(place.repo).map_or(0, |repository| {
            repository.comments.values().filter(|it| it.issue == issue.number).count()
        });
        Self {
            number: issue.number,
            url: format!("{}/{}/{}", place.url(), timeline::kind(issue), issue.number),
            title: markdown::title(&issue.title),
            state: State::of(issue),
            author: Face::of(world, issue.by.account).login,
            at: issue.created_at.into(),
            labels: issue.labels.clone(),
            comments,
        }
    }
}

#[derive(askama::Template)]
#[template(path = "list.html")]
pub struct List {
    pub frame: Frame,
    pub url: String,
    pub is_of_pulls: bool,
    pub lines: Vec<Line>,
}

pub fn list(place: Place<'_>) -> Result<String, Refusal> {
    let issues = place.visit.world.repository(place.repo)?.issues.values().rev();
    let issues = issues.filter(|issue| issue.pull.is_none());
    rendered(&List {
        frame: Frame::within(place, "issues"),
        url: place.url(),
        is_of_pulls: false,
        lines: issues.map(|issue| Line::of(place, issue)).collect(),
    })
}

#[derive(askama::Template)]
#[template(path = "issue.html")]
struct Page {
    frame: Frame,
    url: String,
    number: i64,
    title: String,
    state: State,
    entries: Vec<Entry>,
    labels: Vec<String>,
    may_label: bool,
    may_manage: bool,
    is_open: bool,
    plain_title: String,
    body: String,
}

pub fn page(place: Place<'_>, number: i64) -> Result<String, Refusal> {
    let issue = place.visit.world.issue(place.repo, number)?;
    rendered(&Page {
        frame: Frame::within(place, "issues"),
        url: format!("{}/issues/{number}", place.url()),
        number,
        title: markdown::title(&issue.title),
        state: State::of(issue),
        entries: timeline::timeline(place, number)?,
        labels: issue.labels.clone(),
        may_label: place.may(Role::Triage),
        may_manage: timeline::may_manage(place, issue),
        is_open: issue.open,
        plain_title: issue.title.clone(),
        body: issue.body.clone().unwrap_or_default(),
    })
}

pub fn act(mut deeds: Deeds<'_>, number: i64, deed: &str) -> Result<String, Refusal> {
    if let Some(to) = timeline::act(&mut deeds, number, deed)? {
        return Ok(to);
    }
    let Deeds { world, by, repo, name, fields } = deeds;
    match deed {
        "edit" => {
            let title = Some(fields.required("title")?.to_owned());
            let edit = IssueEdit { title, body: Some(fields.text("body").to_owned()) };
            world.edit_issue((repo, number), &edit, by)?;
        }
        "label" => world.label_issue((repo, number), fields.required("label")?, by)?,
        "unlabel" => world.unlabel_issue((repo, number), fields.required("label")?, by)?,
        "close" => world.close_issue(repo, number, by)?,
        "reopen" => world.reopen_issue(repo, number, by)?,
        _ => return Err(Refusal::not_found()),
    }
    Ok(format!("/{}/issues/{number}", segments_of(name)))
}
