//! The start page: the steps of the guide, and the repositories.

use crate::{
    api_error::ApiError,
    http::Request,
    hub::Hub,
    pages::{
        context::{PageContext, rendered, segments_of},
        frame::{Frame, Profile},
        markdown,
    },
    state::data::{Issue, Repository, Role},
};

#[derive(askama::Template)]
#[template(path = "start.html")]
struct Page {
    frame: Frame,
    title: String,
    about: String,
    steps: Vec<Shown>,
    note: String,
    repositories: Vec<Entry>,
    bot: Profile,
}

struct Shown {
    title: String,
    text: String,
    is_done: bool,
    is_next: bool,
    link: Option<(String, String)>,
    action: Option<String>,
}

struct Entry {
    name: String,
    url: String,
    issues: usize,
    pulls: usize,
}

pub fn page(hub: &Hub, request: &Request) -> Result<String, ApiError> {
    // Before the state is locked: the source of the guide reads it, too.
    let guide = hub.guide().unwrap_or_default();
    let state = hub.0.read();
    let context = PageContext::new(&state, request)?;
    let references = markdown::References { url: String::new(), numbers: [].into() };
    let text = |text: &str| markdown::rendered(text, &references);
    let next = guide.steps.iter().position(|step| !step.is_done);
    let steps = guide.steps.iter().enumerate().map(|(nth, step)| Shown {
        title: step.title.clone(),
        text: text(&step.text),
        is_done: step.is_done,
        is_next: next == Some(nth),
        link: step.link.clone(),
        action: step.action.as_ref().map(|action| action.name.clone()),
    });
    let entry = |repository: &Repository| {
        let name = state.full_name(repository)?;
        let open = |pulls: bool| {
            let is_it = |it: &&Issue| it.open && it.pull.is_some() == pulls;
            repository.issues.values().filter(is_it).count()
        };
        let url = format!("/{}", segments_of(&name));
        Ok(Entry { name, url, issues: open(false), pulls: open(true) })
    };
    let is_seen = |it: &&Repository| state.require_role(it.id, context.by, Role::Read).is_ok();
    let repositories = state.data.repositories.values().filter(is_seen).map(entry);
    rendered(&Page {
        frame: Frame::new(&context),
        title: guide.title,
        about: text(&guide.about),
        steps: steps.collect(),
        note: text(&guide.note),
        repositories: repositories.collect::<Result<_, ApiError>>()?,
        bot: Profile::new(&state, state.data.app.bot),
    })
}

/// Performs the action of a step, counted from 1. Fails with 404 if the step has none.
pub fn act(hub: &Hub, number: i64) -> Result<(), ApiError> {
    let guide = hub.guide().unwrap_or_default();
    let page = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    let step = page.and_then(|page| guide.steps.get(page));
    let action = step.and_then(|step| step.action.as_ref()).ok_or_else(ApiError::not_found)?;
    (action.act)().map_err(|why| ApiError::new(422, why))
}
