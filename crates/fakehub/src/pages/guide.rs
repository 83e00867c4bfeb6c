//! The start page: what can be tried, step by step, and what is here.
//!
//! fakehub does not know what it is shown for; whoever starts it hands it a guide.

use std::sync::{Arc, PoisonError};

use super::super::Hub;
use super::super::refusal::Refusal;
use super::super::server::Ask;
use super::super::state::{Issue, Repository, Role};
use super::frame::{Face, Frame};
use super::{Visit, markdown, rendered, segments_of};

/// What the start page says. Texts are Markdown.
#[derive(Clone, Default)]
pub struct Guide {
    pub title: String,
    pub about: String,
    pub steps: Vec<Step>,
    /// Where everything is kept, and how to begin anew.
    pub note: String,
}

#[derive(Clone, Default)]
pub struct Step {
    pub title: String,
    pub text: String,
    pub is_done: bool,
    /// The words and the address of the page where it is done.
    pub link: Option<(String, String)>,
    pub deed: Option<Deed>,
}

/// Something that is not done on a page of GitHub's, but by a button beside its step.
#[derive(Clone)]
pub struct Deed {
    pub name: String,
    pub act: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
}

/// Tells how far somebody has come, each time that the page is shown.
pub type Teller = Arc<dyn Fn(&Hub) -> Guide + Send + Sync>;

impl Hub {
    /// What the start page says from now on.
    pub fn set_guide(&self, tell: impl Fn(&Self) -> Guide + Send + Sync + 'static) {
        let mut guide = self.0.guide.lock().unwrap_or_else(PoisonError::into_inner);
        *guide = Some(Arc::new(tell));
    }

    fn guide(&self) -> Option<Guide> {
        let tell = self.0.guide.lock().unwrap_or_else(PoisonError::into_inner).clone();
        tell.map(|tell| tell(self))
    }
}

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
