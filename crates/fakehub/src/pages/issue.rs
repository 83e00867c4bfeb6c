//! Issues: the list, and the page of one with its conversation.

use crate::{
    actions::issues::IssueEdit,
    api_error::ApiError,
    pages::{
        context::{RepoPage, Submission, rendered, segments_of},
        frame::{DisplayTime, Frame, Profile},
        markdown,
        timeline::{self, Entry},
    },
    state::data::{Issue, IssueRef, Role},
};

/// A line in a list of issues or pull requests.
pub struct Line {
    pub number: i64,
    pub url: String,
    /// HTML.
    pub title: String,
    pub state: IssueBadge,
    pub author: String,
    pub at: DisplayTime,
    pub labels: Vec<String>,
    pub comments: usize,
}

/// The state of an issue or pull request: a word and a CSS class.
#[derive(Clone, Copy)]
pub struct IssueBadge {
    pub word: &'static str,
    pub class: &'static str,
}

impl IssueBadge {
    pub fn new(issue: &Issue) -> Self {
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
    pub fn new(page: RepoPage<'_>, issue: &Issue) -> Self {
        let state = page.context.state;
        let comments = state.repository(page.repo).map_or(0, |repository| {
            repository.comments.values().filter(|it| it.issue == issue.number).count()
        });
        Self {
            number: issue.number,
            url: format!("{}/{}/{}", page.url(), timeline::kind(issue), issue.number),
            title: markdown::title(&issue.title),
            state: IssueBadge::new(issue),
            author: Profile::new(state, issue.by.account).login,
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

pub fn list(page: RepoPage<'_>) -> Result<String, ApiError> {
    let issues = page.context.state.repository(page.repo)?.issues.values().rev();
    let issues = issues.filter(|issue| issue.pull.is_none());
    rendered(&List {
        frame: Frame::within(page, "issues"),
        url: page.url(),
        is_of_pulls: false,
        lines: issues.map(|issue| Line::new(page, issue)).collect(),
    })
}

#[derive(askama::Template)]
#[template(path = "issue.html")]
struct Page {
    frame: Frame,
    url: String,
    number: i64,
    title: String,
    state: IssueBadge,
    entries: Vec<Entry>,
    labels: Vec<String>,
    may_label: bool,
    may_manage: bool,
    is_open: bool,
    plain_title: String,
    body: String,
}

pub fn page(page: RepoPage<'_>, number: i64) -> Result<String, ApiError> {
    let issue = page.context.state.issue(page.repo, number)?;
    rendered(&Page {
        frame: Frame::within(page, "issues"),
        url: format!("{}/issues/{number}", page.url()),
        number,
        title: markdown::title(&issue.title),
        state: IssueBadge::new(issue),
        entries: timeline::timeline(page, number)?,
        labels: issue.labels.clone(),
        may_label: page.may(Role::Triage),
        may_manage: timeline::may_manage(page, issue),
        is_open: issue.open,
        plain_title: issue.title.clone(),
        body: issue.body.clone().unwrap_or_default(),
    })
}

pub fn act(mut submission: Submission<'_>, number: i64, action: &str) -> Result<String, ApiError> {
    if let Some(to) = timeline::act(&mut submission, number, action)? {
        return Ok(to);
    }
    let Submission { state, by, repo, name, fields } = submission;
    let at = IssueRef { repo, number };
    match action {
        "edit" => {
            let title = Some(fields.required("title")?.to_owned());
            let edit = IssueEdit { title, body: Some(fields.text("body").to_owned()) };
            state.edit_issue(at, &edit, by)?;
        }
        "label" => state.label_issue(at, fields.required("label")?, by)?,
        "unlabel" => state.unlabel_issue(at, fields.required("label")?, by)?,
        "close" => state.close_issue(repo, number, by)?,
        "reopen" => state.reopen_issue(repo, number, by)?,
        _ => return Err(ApiError::not_found()),
    }
    Ok(format!("/{}/issues/{number}", segments_of(name)))
}
