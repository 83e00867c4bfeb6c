//! Check runs: a line on the page of a pull request, and a page with summary and annotations.

use crate::{
    api_error::ApiError,
    pages::{
        context::{RepoPage, Submission, rendered, segments_of},
        files,
        frame::{DisplayTime, Frame},
        markdown, timeline,
    },
    state::data::{CheckRun, Role},
};

/// The state of a run: a word, a CSS class and a symbol.
#[derive(Clone, Copy)]
pub struct CheckBadge {
    pub word: &'static str,
    pub class: &'static str,
    pub mark: &'static str,
}

impl CheckBadge {
    pub fn new(run: &CheckRun) -> Self {
        let (word, class, mark) = match (run.status.as_str(), run.conclusion.as_deref()) {
            ("completed", Some("success")) => ("passed", "open", "✓"),
            ("completed", Some("action_required")) => ("action required", "waiting", "!"),
            ("completed", Some("neutral" | "skipped")) => ("neutral", "draft", "–"),
            ("completed", Some("cancelled")) => ("cancelled", "draft", "–"),
            ("completed", Some("stale")) => ("stale", "draft", "–"),
            ("completed", Some("timed_out")) => ("timed out", "refused", "✗"),
            ("completed", _) => ("failed", "refused", "✗"),
            ("in_progress", _) => ("in progress", "running", ""),
            _ => ("queued", "running", ""),
        };
        Self { word, class, mark }
    }
}

pub struct Line {
    pub name: String,
    pub title: String,
    pub url: String,
    pub standing: CheckBadge,
}

impl Line {
    pub fn new(page: RepoPage<'_>, run: &CheckRun) -> Self {
        Self {
            name: run.name.clone(),
            title: run.title.clone().unwrap_or_default(),
            url: format!("{}/runs/{}", page.url(), run.id),
            standing: CheckBadge::new(run),
        }
    }
}

#[derive(askama::Template)]
#[template(path = "run.html")]
struct Page {
    frame: Frame,
    url: String,
    repository_url: String,
    name: String,
    title: String,
    standing: CheckBadge,
    head: String,
    pulls: Vec<(i64, String)>,
    started: DisplayTime,
    completed: Option<DisplayTime>,
    summary: String,
    text: String,
    annotations: Vec<Annotation>,
    may_run_again: bool,
    details: Option<String>,
}

struct Annotation {
    level: String,
    location: String,
    url: String,
    title: String,
    message: String,
}

pub fn page(page: RepoPage<'_>, id: i64) -> Result<String, ApiError> {
    let state = page.context.state;
    let run = state.check_run(page.repo, id)?;
    let references = timeline::references(page);
    let text =
        |text: &Option<String>| markdown::rendered(text.as_deref().unwrap_or(""), &references);
    let pulls = state
        .repository(page.repo)?
        .issues
        .values()
        .filter(|issue| issue.pull.as_ref().is_some_and(|pull| pull.head_sha == run.head_sha));
    let pulls = pulls.map(|issue| (issue.number, markdown::title(&issue.title))).collect();
    let annotation = |wire: &serde_json::Value| {
        let of = |field: &str| wire[field].as_str().unwrap_or_default().to_owned();
        let (path, line) = (of("path"), wire["start_line"].as_i64().unwrap_or(1));
        let file = files::address(page, "blob", &run.head_sha, &path);
        Annotation {
            level: of("annotation_level"),
            location: format!("{path}:{line}"),
            url: format!("{file}#L{line}"),
            title: of("title"),
            message: of("message"),
        }
    };
    // An app may write any address there; only those of web pages become links.
    let is_address = |url: &&String| url.starts_with("http://") || url.starts_with("https://");
    rendered(&Page {
        frame: Frame::within(page, "pulls"),
        url: format!("{}/runs/{id}", page.url()),
        repository_url: page.url(),
        name: run.name.clone(),
        title: run.title.clone().unwrap_or_default(),
        standing: CheckBadge::new(run),
        head: run.head_sha[..7].to_owned(),
        pulls,
        started: run.started_at.into(),
        completed: run.completed_at.map(Into::into),
        summary: text(&run.summary),
        text: text(&run.text),
        annotations: run.annotations.iter().map(annotation).collect(),
        may_run_again: run.status == "completed" && page.may(Role::Write),
        details: run.details_url.as_ref().filter(is_address).cloned(),
    })
}

/// Performs the button *Re-run*, and returns the path of the page to go on with.
pub fn act(submission: Submission<'_>, id: i64) -> Result<String, ApiError> {
    let Submission { state, by, repo, name, .. } = submission;
    state.rerequest_check_run(repo, id, by)?;
    Ok(format!("/{}/runs/{id}", segments_of(name)))
}
