//! Check runs: a line beside a pull request, and a page with summary and annotations.

use crate::api_error::Refusal;
use crate::pages::context::{Deeds, Place, rendered, segments_of};
use crate::pages::frame::{Frame, Moment};
use crate::pages::{files, markdown, timeline};
use crate::state::data::{CheckRun, Role};

/// How a run stands, as words and as a class of the style.
#[derive(Clone, Copy)]
pub struct Standing {
    pub word: &'static str,
    pub class: &'static str,
    pub mark: &'static str,
}

impl Standing {
    pub fn of(run: &CheckRun) -> Self {
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
    pub standing: Standing,
}

impl Line {
    pub fn of(place: Place<'_>, run: &CheckRun) -> Self {
        Self {
            name: run.name.clone(),
            title: run.title.clone().unwrap_or_default(),
            url: format!("{}/runs/{}", place.url(), run.id),
            standing: Standing::of(run),
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
    standing: Standing,
    head: String,
    pulls: Vec<(i64, String)>,
    started: Moment,
    completed: Option<Moment>,
    summary: String,
    text: String,
    annotations: Vec<Annotation>,
    may_run_again: bool,
    details: Option<String>,
}

struct Annotation {
    level: String,
    place: String,
    url: String,
    title: String,
    message: String,
}

pub fn page(place: Place<'_>, id: i64) -> Result<String, Refusal> {
    let world = place.visit.world;
    let run = world.check_run(place.repo, id)?;
    let references = timeline::references(place);
    let text =
        |text: &Option<String>| markdown::rendered(text.as_deref().unwrap_or(""), &references);
    let pulls = world
        .repository(place.repo)?
        .issues
        .values()
        .filter(|issue| issue.pull.as_ref().is_some_and(|pull| pull.head_sha == run.head_sha));
    let pulls = pulls.map(|issue| (issue.number, markdown::title(&issue.title))).collect();
    let annotation = |wire: &serde_json::Value| {
        let of = |field: &str| wire[field].as_str().unwrap_or_default().to_owned();
        let (path, line) = (of("path"), wire["start_line"].as_i64().unwrap_or(1));
        let file = files::address(place, "blob", (&run.head_sha, &path));
        Annotation {
            level: of("annotation_level"),
            place: format!("{path}:{line}"),
            url: format!("{file}#L{line}"),
            title: of("title"),
            message: of("message"),
        }
    };
    // Only what leads to a page: an App may write any address there.
    let is_address = |url: &&String| url.starts_with("http://") || url.starts_with("https://");
    rendered(&Page {
        frame: Frame::within(place, "pulls"),
        url: format!("{}/runs/{id}", place.url()),
        repository_url: place.url(),
        name: run.name.clone(),
        title: run.title.clone().unwrap_or_default(),
        standing: Standing::of(run),
        head: run.head_sha[..7].to_owned(),
        pulls,
        started: run.started_at.into(),
        completed: run.completed_at.map(Into::into),
        summary: text(&run.summary),
        text: text(&run.text),
        annotations: run.annotations.iter().map(annotation).collect(),
        may_run_again: run.status == "completed" && place.may(Role::Write),
        details: run.details_url.as_ref().filter(is_address).cloned(),
    })
}

/// *Re-run*.
pub fn act(deeds: Deeds<'_>, id: i64) -> Result<String, Refusal> {
    let Deeds { world, by, repo, name, .. } = deeds;
    world.rerequest_check_run(repo, id, by)?;
    Ok(format!("/{}/runs/{id}", segments_of(name)))
}
