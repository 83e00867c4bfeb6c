//! The start page: what can be tried, step by step, and what is here.

use crate::api_error::Refusal;
use crate::http::Ask;
use crate::hub::Hub;
use crate::pages::context::{Visit, rendered, segments_of};
use crate::pages::frame::{Face, Frame};
use crate::pages::markdown;
use crate::state::data::{Issue, Repository, Role};

#[derive(askama::Template)]
#[template(path = "start.html")]
struct Page {
    frame: Frame,
    title: String,
    about: String,
    steps: Vec<Shown>,
    note: String,
    repositories: Vec<Entry>,
    bot: Face,
}

struct Shown {
    title: String,
    text: String,
    is_done: bool,
    is_next: bool,
    link: Option<(String, String)>,
    deed: Option<String>,
}

struct Entry {
    name: String,
    url: String,
    issues: usize,
    pulls: usize,
}

pub fn page(hub: &Hub, ask: &Ask) -> Result<String, Refusal> {
    // Before the world is locked: the teller looks at it, too.
    let guide = hub.guide().unwrap_or_default();
    let world = hub.0.read();
    let visit = Visit::of(&world, ask)?;
    let references = markdown::References { url: String::new(), numbers: [].into() };
    let text = |text: &str| markdown::rendered(text, &references);
    let next = guide.steps.iter().position(|step| !step.is_done);
    let steps = guide.steps.iter().enumerate().map(|(nth, step)| Shown {
        title: step.title.clone(),
        text: text(&step.text),
        is_done: step.is_done,
        is_next: next == Some(nth),
        link: step.link.clone(),
        deed: step.deed.as_ref().map(|deed| deed.name.clone()),
    });
    let entry = |repository: &Repository| {
        let name = world.full_name(repository)?;
        let open = |pulls: bool| {
            let is_it = |it: &&Issue| it.open && it.pull.is_some() == pulls;
            repository.issues.values().filter(is_it).count()
        };
        let url = format!("/{}", segments_of(&name));
        Ok(Entry { name, url, issues: open(false), pulls: open(true) })
    };
    let is_seen = |it: &&Repository| world.require_role(it.id, visit.by, Role::Read).is_ok();
    let repositories = world.state.repositories.values().filter(is_seen).map(entry);
    rendered(&Page {
        frame: Frame::new(&visit),
        title: guide.title,
        about: text(&guide.about),
        steps: steps.collect(),
        note: text(&guide.note),
        repositories: repositories.collect::<Result<_, Refusal>>()?,
        bot: Face::of(&world, world.state.app.bot),
    })
}

/// Presses the button of a step, counted from 1.
pub fn act(hub: &Hub, number: i64) -> Result<(), Refusal> {
    let guide = hub.guide().unwrap_or_default();
    let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    let step = place.and_then(|place| guide.steps.get(place));
    let deed = step.and_then(|step| step.deed.as_ref()).ok_or_else(Refusal::not_found)?;
    (deed.act)().map_err(|why| Refusal::new(422, why))
}
