//! What to try in the demo, in five steps, and which of them are done.
//!
//! A step is done when the local GitHub has its result, or the bot has recorded that the change is
//! applied.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result};
use serde_json::Value;
use walkdir::WalkDir;

use planwright_core::{
    change::ChangeState,
    names::{PrNumber, RepositoryId},
};
use planwright_fakehub::{Action, Guide, Hub, PullView, ReviewState, Step};
use planwright_store::PullRequestId;
use planwright_view::{Marker, Text, code, emphasis, markdown, strong, terminal_line, text};

use super::sandbox::{REPO, TAMPERED, tamper};
use crate::app::App;

/// What the guide knows of the demo.
#[derive(Clone)]
pub struct GuideContext {
    pub states: PathBuf,
    pub dir: PathBuf,
    pub applied: Applied,
}

/// The pull requests that the bot has recorded as applied.
#[derive(Clone, Default)]
pub struct Applied(Arc<Mutex<BTreeSet<i64>>>);

/// How often the bot's store is read.
const EACH: Duration = Duration::from_millis(250);

impl Applied {
    /// Watches the bot's newest pull request until the task is aborted.
    pub async fn follow(self, hub: Hub, app: Arc<App>, repository: RepositoryId) {
        let mut each = tokio::time::interval(EACH);
        loop {
            each.tick().await;
            let Some(pull) = newest_pull(&hub).filter(is_merged) else { continue };
            if self.has(pull.number) {
                continue;
            }
            let id = PullRequestId { repository, number: PrNumber(pull.number) };
            let kept = app.store.latest_plan_set(id).await.ok().flatten();
            if kept.is_some_and(|kept| kept.change.state == ChangeState::Applied) {
                self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(pull.number);
            }
        }
    }

    fn has(&self, number: i64) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&number)
    }
}

/// A step of the guide before it is rendered.
struct Part {
    title: &'static str,
    text: Text,
    link: Option<(String, String)>,
    action: Option<Action>,
}

/// Returns the guide: what to do now, and what is done.
pub fn guide(hub: &Hub, context: &GuideContext) -> Guide {
    let progress = Progress::new(hub, &context.applied);
    let done = progress.done_steps();
    let step = |(part, is_done): (Part, bool)| Step {
        title: part.title.into(),
        text: markdown(&part.text.into()),
        is_done,
        link: part.link,
        action: part.action,
    };
    let note = text![
        "Everything is kept in ",
        code(context.dir.display()),
        ": the demo goes on from it when it is started again, and ",
        code("--reset"),
        " starts anew."
    ];
    Guide {
        title: "Try Planwright".into(),
        about: "A GitHub of this machine’s own with a repository of infrastructure, three people, \
                and the bot beside them. No account, no cloud: the engine is real, what it makes is \
                only recorded."
            .into(),
        steps: parts(&progress, &context.states).into_iter().zip(done).map(step).collect(),
        note: markdown(&note.into()),
    }
}

/// Returns the steps as text for a terminal.
pub fn for_terminal(hub: &Hub, context: &GuideContext) -> String {
    let progress = Progress::new(hub, &context.applied);
    let step = |(part, number): (&Part, usize)| {
        format!("  {number}. {}\n     {}\n", part.title, terminal_line(&part.text))
    };
    parts(&progress, &context.states).iter().zip(1..).map(step).collect()
}

fn parts(progress: &Progress, states: &Path) -> [Part; 5] {
    [ask(), read(progress), approve(progress), merge(progress), drift(progress, states)]
}

fn newest_pull(hub: &Hub) -> Option<PullView> {
    let pulls = hub.pulls(REPO).unwrap_or_default();
    pulls.into_iter().rfind(|pull| pull.author.ends_with("[bot]"))
}

fn is_merged(pull: &PullView) -> bool {
    pull.merge_commit_sha.is_some()
}

/// The newest pull request of the bot, and what has happened to it.
#[derive(Default)]
struct Progress {
    pull: Option<PullView>,
    /// Logins of those who approved it.
    approved: Vec<String>,
    is_applied: bool,
    /// The bot's replies to commands.
    replies: String,
}

impl Progress {
    fn new(hub: &Hub, applied: &Applied) -> Self {
        let Some(pull) = newest_pull(hub) else { return Self::default() };
        let reviews = hub.reviews(REPO, pull.number).unwrap_or_default();
        let approved = reviews.into_iter().filter(|(_, state)| *state == ReviewState::Approved);
        let comments = hub.comments(REPO, pull.number).unwrap_or_default();
        let is_reply = |body: &str| !Marker::Report.is_on(body);
        let replies = comments.into_iter().filter(|it| it.via_app && is_reply(&it.body));
        Self {
            approved: approved.map(|(login, _)| login).collect(),
            is_applied: applied.has(pull.number),
            replies: replies.map(|comment| comment.body).collect(),
            pull: Some(pull),
        }
    }

    fn link(&self, words: &str) -> Option<(String, String)> {
        let pull = self.pull.as_ref()?;
        Some((words.into(), format!("/{REPO}/pull/{}", pull.number)))
    }

    fn is_merged(&self) -> bool {
        self.pull.as_ref().is_some_and(is_merged)
    }

    /// Returns whether each of the five steps is done.
    fn done_steps(&self) -> [bool; 5] {
        [
            self.pull.is_some(),
            self.is_approved_by(|login| login == "alice") || self.is_merged(),
            self.is_approved_by(|login| login != "alice") || self.is_merged(),
            self.is_applied,
            // This value exists only after it was changed by hand.
            self.replies.contains(TAMPERED),
        ]
    }

    fn is_approved_by(&self, wanted: impl Fn(&str) -> bool) -> bool {
        self.approved.iter().any(|login| wanted(login))
    }
}

fn ask() -> Part {
    Part {
        title: "Ask for something",
        text: text![
            "As ",
            strong("alice"),
            ", fill in the form ",
            emphasis("New hello"),
            ": a name for the stack, such as ",
            code("team"),
            ", and a greeting. Planwright answers with a pull request."
        ],
        link: Some((
            "Fill in the form".into(),
            format!("/{REPO}/issues/new?template=planwright-hello.yml"),
        )),
        action: None,
    }
}

fn read(progress: &Progress) -> Part {
    Part {
        title: "Read the plan, and approve it yourself",
        text: text![
            "The pull request says what would be made, who may approve, and what is missing. \
             Approve it as ",
            strong("alice"),
            ": it does not count, because she asked for it."
        ],
        link: progress.link("Read the plan"),
        action: None,
    }
}

fn approve(progress: &Progress) -> Part {
    Part {
        title: "Approve it as somebody else",
        text: text![
            "Become ",
            strong("bob"),
            ", above on the right, and approve. The check passes: this very plan may be applied, \
             and no other."
        ],
        link: progress.link("To the pull request"),
        action: None,
    }
}

fn merge(progress: &Progress) -> Part {
    Part {
        title: "Merge, and watch",
        text: text![
            "Planwright plans once more, applies only if that plan is the approved one, and \
             verifies by a second plan, which has to be empty."
        ],
        link: progress.link("To the pull request"),
        action: None,
    }
}

fn drift(progress: &Progress, states: &Path) -> Part {
    let action = progress.is_applied.then(|| {
        let states = states.to_owned();
        Action {
            name: format!("Change the greeting to “{TAMPERED}” by hand"),
            act: Arc::new(move || change_by_hand(&states).map_err(|error| format!("{error:#}"))),
        }
    });
    Part {
        title: "Change it by hand, and find the drift",
        text: text![
            "The button changes what was applied, going round the pull request. Then comment ",
            code("/infra drift"),
            " on the pull request: Planwright names what moved."
        ],
        link: progress.link("To the pull request").filter(|_| progress.is_applied),
        action,
    }
}

/// Changes the greeting in the state that was written last.
fn change_by_hand(states: &Path) -> Result<()> {
    let file = newest(states).context("nothing has been applied yet")?;
    let text = fs::read_to_string(&file).context("reading the state")?;
    let state: Value = serde_json::from_str(&text).context("reading the state")?;
    let from = greeting(&state).context("the state has no greeting")?;
    if from == TAMPERED {
        anyhow::bail!("the greeting is “{TAMPERED}” already: comment `/infra drift` now");
    }
    tamper(&file, from, TAMPERED)
}

fn newest(states: &Path) -> Option<PathBuf> {
    let files = WalkDir::new(states).into_iter().filter_map(Result::ok);
    let files = files.filter(|entry| entry.file_name() == "terraform.tfstate");
    let dated = files.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry)));
    Some(dated.max_by_key(|(at, _)| *at)?.1.into_path())
}

fn greeting(state: &Value) -> Option<&str> {
    let mut resources = state["resources"].as_array()?.iter();
    let found = resources.find(|it| it["type"] == "terraform_data" && it["name"] == "greeting")?;
    found["instances"][0]["attributes"]["input"]["value"].as_str()
}
