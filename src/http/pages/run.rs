//! The page of a run: its subject, progress, result, and unmet requirements.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use jiff::Timestamp;
use uuid::Uuid;

use planwright_core::{
    actor::Actor,
    change::{Change, ChangeState, SettingsChange},
    escape::visible,
    names::StackId,
    verdict::{Requirement, RequirementKind},
};
use planwright_store::{NotedRun, RunId, RunKind, RunLines, RunState, RunStep};
use planwright_view as view;
use planwright_view::{Html, Text, code, html_line, setting_change, text, words};

use super::{
    PagesState, Shared, no_pages, not_found, page_response, said, sign_in,
    stack::{StackView, StepView, steps},
    text::{Moment, took},
};
use crate::app::App;

#[derive(Template)]
#[template(path = "page_run.html")]
struct Page<'a> {
    viewer: Option<&'a Actor>,
    is_live: bool,
    standing: Standing,
    kind: &'static str,
    title: String,
    repository: String,
    number: String,
    pull_url: String,
    head: String,
    cause: String,
    started: Moment,
    took: String,
    newer: Option<String>,
    lines: Vec<Html>,
    lists: Vec<List>,
    steps: Vec<StepView>,
    stacks: Vec<StackView>,
    needs: Vec<Need>,
}

/// The state of a run, as a word, a CSS class and a symbol.
struct Standing {
    word: &'static str,
    class: &'static str,
    mark: &'static str,
}

struct List {
    title: &'static str,
    items: Vec<Html>,
}

/// A requirement, met or unmet.
struct Need {
    is_met: bool,
    /// Whether this is one of several alternatives, so that the change is not blocked by it alone.
    is_optional: bool,
    words: Html,
    below: Vec<Need>,
}

/// Everything that a page is made from.
struct RunData {
    noted: NotedRun,
    change: Option<Change>,
    steps: Vec<RunStep>,
    lines: Vec<RunLines>,
    newest: Option<RunId>,
}

pub async fn show(State(pages): Shared, Path(run): Path<String>, headers: HeaderMap) -> Response {
    if pages.signer.is_none() {
        return no_pages(&pages.app);
    }
    let Ok(run) = Uuid::parse_str(&run) else { return not_found(None) };
    // Whether a run exists is only revealed to people who have signed in.
    let Some(viewer) = pages.viewer(&headers) else { return sign_in::begin(&pages, run) };
    match run_data(&pages, RunId(run), &viewer).await {
        Ok(Some(data)) => page_response(StatusCode::OK, &page(&pages.app, &data, &viewer)),
        Ok(None) => not_found(Some(&viewer)),
        Err(error) => {
            tracing::warn!("a page was not shown: {error:#}");
            let text = "The page cannot be shown now: GitHub or the database did not answer. The log \
                        of the bot says more.";
            said(StatusCode::SERVICE_UNAVAILABLE, "Not now", text, Some(run.to_string()))
        }
    }
}

/// Returns the data of a run; `None` if it does not exist or `viewer` may not see it.
async fn run_data(
    pages: &PagesState,
    run: RunId,
    viewer: &Actor,
) -> anyhow::Result<Option<RunData>> {
    let store = &pages.app.store;
    let Some(noted) = store.noted_run(run).await? else { return Ok(None) };
    if !pages.may_see(viewer, &noted.subject.repository).await? {
        return Ok(None);
    }
    let recorded = match noted.plan_set {
        Some(id) => store.plan_set(id).await?,
        None => None,
    };
    Ok(Some(RunData {
        change: recorded.map(|it| it.change).or_else(|| noted.change.clone()),
        steps: store.run_steps(run).await?,
        lines: store.run_lines(run).await?,
        newest: store.newest_noted_run(noted.run.pull_request).await?,
        noted,
    }))
}

fn page<'a>(app: &App, data: &RunData, viewer: &'a Actor) -> Page<'a> {
    let NotedRun { run, subject, .. } = &data.noted;
    let (is_over, now) = (run.state.is_over(), app.now());
    let repository = subject.repository.name.to_string();
    let general = data.steps.iter().filter(|step| step.stack.is_none());
    let mut page = Page {
        viewer: Some(viewer),
        is_live: !is_over,
        standing: standing(data),
        kind: if run.kind == RunKind::Apply { "Apply" } else { "Plan" },
        title: visible(&subject.title),
        number: run.pull_request.number.to_string(),
        pull_url: app.github.pull_url(&subject.repository.name, run.pull_request.number),
        repository,
        head: subject.head.as_str().chars().take(7).collect(),
        cause: match (&subject.asked_by, run.kind) {
            (Some(login), _) => format!("asked for by {login}"),
            (None, RunKind::Apply) => "after the merge".into(),
            (None, _) => "as it was pushed".into(),
        },
        started: run.started_at.into(),
        took: took(run.finished_at.unwrap_or(now).duration_since(run.started_at)),
        newer: data.newest.filter(|newest| *newest != run.id).map(|newest| newest.to_string()),
        lines: Vec::new(),
        lists: Vec::new(),
        steps: steps(general, is_over, now),
        stacks: stacks(data, is_over, now),
        needs: Vec::new(),
    };
    match &data.change {
        Some(change) => page.tell(change),
        None if is_over && run.state == RunState::Failed => page.lines.push(html_line(&text![
            "Something of Planwright's own went wrong; the pull request says under which id the log \
             of the bot has it."
        ])),
        None if is_over => {
            page.lines.push(html_line(&"It was stopped before anything came of it.".into()));
        }
        None => page.lines.push(html_line(&"It goes on; this page follows by itself.".into())),
    }
    page
}

impl Page<'_> {
    /// Adds the result of the run.
    fn tell(&mut self, change: &Change) {
        self.lines.push(html_line(&view::headline(change)));
        // While the run is in progress, its state is already shown at the top.
        if change.state != ChangeState::Planning {
            self.lines.push(html_line(&view::state_line(change).into()));
        }
        let items = |texts: Vec<String>| -> Vec<Html> {
            let one = |text: &String| text.lines().collect::<Vec<_>>().join("; ");
            texts.iter().map(|text| html_line(&text![words(one(text))])).collect()
        };
        let mut list = |title, items: Vec<Html>| {
            if !items.is_empty() {
                self.lists.push(List { title, items });
            }
        };
        list("Cannot be merged into the base", items(change.conflicts.clone()));
        let findings = change.findings.iter().map(ToString::to_string).collect();
        list("Found in files", items(findings));
        list("Changes of planwright.yaml", settings(change));
        list("To be known", warnings(change));
        let needs = change.verdict.iter().flat_map(|root| &root.children);
        self.needs = needs.map(need).collect();
    }
}

fn settings(change: &Change) -> Vec<Html> {
    let texts: Vec<Text> = match &change.settings {
        None => Vec::new(),
        Some(SettingsChange::Removed) => vec![text![
            code("planwright.yaml"),
            " is removed: nothing is planned or applied any more."
        ]],
        Some(SettingsChange::Changed(changes)) if changes.is_empty() => {
            vec!["None of its values changes.".into()]
        }
        Some(SettingsChange::Changed(changes)) => changes.iter().map(setting_change).collect(),
    };
    texts.iter().map(html_line).collect()
}

fn warnings(change: &Change) -> Vec<Html> {
    let lines = change.warnings.iter().flat_map(|warning| view::warning(warning).into_lines());
    lines.map(|text| html_line(&text)).collect()
}

fn need(requirement: &Requirement) -> Need {
    let about = match requirement.what {
        RequirementKind::SameHead => "head: ",
        RequirementKind::SameBase => "base: ",
        RequirementKind::SameSettings => "settings: ",
        RequirementKind::SamePlans => "plans: ",
        _ => "",
    };
    Need {
        is_met: requirement.met,
        is_optional: matches!(requirement.what, RequirementKind::ApprovalBy(_)),
        words: html_line(&text![about, view::requirement_words(requirement)]),
        below: requirement.children.iter().map(need).collect(),
    }
}

fn standing(data: &RunData) -> Standing {
    let is_bad = data.change.as_ref().is_some_and(|change| change.has_errors());
    let awaits = |change: &Change| change.state == ChangeState::AwaitingConfirmation;
    let run = &data.noted.run;
    let (word, class, mark) = match run.state {
        RunState::Running => ("in progress", "running", ""),
        RunState::Cancelled => ("stopped", "draft", "–"),
        RunState::Partial => ("applied in part", "refused", "✗"),
        RunState::Failed => ("failed", "refused", "✗"),
        RunState::Superseded if data.change.as_ref().is_some_and(awaits) => {
            ("not applied", "waiting", "!")
        }
        RunState::Superseded => ("superseded", "draft", "–"),
        RunState::Succeeded if run.kind == RunKind::Apply => ("applied", "open", "✓"),
        RunState::Succeeded if is_bad => ("not planned", "refused", "✗"),
        RunState::Succeeded => ("planned", "open", "✓"),
    };
    Standing { word, class, mark }
}

/// Returns the stacks of the change, the riskiest first; before there is a change, those that have
/// steps.
fn stacks(data: &RunData, is_over: bool, now: Timestamp) -> Vec<StackView> {
    let mut logs: BTreeMap<&StackId, String> = BTreeMap::new();
    for lines in &data.lines {
        let text = lines.body.lines().map(|line| visible(line) + "\n").collect::<String>();
        logs.entry(&lines.stack).or_default().push_str(&text);
    }
    let mut views: Vec<StackView> = match &data.change {
        Some(change) => change.riskiest_first().into_iter().map(StackView::from_change).collect(),
        None => Vec::new(),
    };
    for stack in data.steps.iter().filter_map(|step| step.stack.as_ref()) {
        if !views.iter().any(|view| view.name == *stack) {
            let outline = if is_over { "not planned" } else { "being planned" };
            views.push(StackView { outline: outline.into(), ..StackView::pending(stack) });
        }
    }
    for view in &mut views {
        let own = data.steps.iter().filter(|step| step.stack.as_ref() == Some(&view.name));
        view.steps = steps(own, is_over, now);
        view.log = logs.remove(&view.name);
    }
    views
}
