//! What to try in the demo, in five steps, and how far somebody has come.
//!
//! Nothing is remembered here: each step is done when what people see on the pages says so.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result};
use serde_json::Value;
use walkdir::WalkDir;

use planwright_fakehub::{Action, Guide, Hub, PullView, ReviewState, Step};

use super::scene::{REPO, tamper};

/// What the greeting becomes behind everybody's back.
const TAMPERED: &str = "Boo";

/// The guide of a demo whose states are in `states`, and which keeps everything in `dir`.
pub fn guide(hub: &Hub, states: &Path, dir: &Path) -> Guide {
    let seen = Seen::of(hub);
    let mut steps = vec![ask(), read(&seen), approve(&seen), merge(&seen), drift(&seen, states)];
    for (step, is_done) in steps.iter_mut().zip(seen.done_steps()) {
        step.is_done = is_done;
    }
    Guide {
        title: "Try Planwright".into(),
        about: "A GitHub of this machine’s own with a repository of infrastructure, three people, \
                and the bot beside them. No account, no cloud: the engine is real, what it makes is \
                only recorded."
            .into(),
        steps,
        note: format!(
            "Everything is kept in `{}`: the demo goes on from it when it is started again, and \
             `--reset` starts anew.",
            dir.display()
        ),
    }
}

/// The newest pull request of the bot, and what has become of it.
#[derive(Default)]
struct Seen {
    pull: Option<PullView>,
    /// Logins of whoever approved it.
    approved: Vec<String>,
    report: String,
    /// What came after the merge.
    replies: String,
}

impl Seen {
    fn of(hub: &Hub) -> Self {
        let pulls = hub.pulls(REPO).unwrap_or_default();
        let Some(pull) = pulls.into_iter().rfind(|pull| pull.author.ends_with("[bot]")) else {
            return Self::default();
        };
        let reviews = hub.reviews(REPO, pull.number).unwrap_or_default();
        let approved = reviews.into_iter().filter(|(_, state)| *state == ReviewState::Approved);
        let comments = hub.comments(REPO, pull.number).unwrap_or_default();
        let ours = comments.into_iter().filter(|comment| comment.via_app);
        let (report, replies): (Vec<_>, Vec<_>) =
            ours.map(|comment| comment.body).partition(|body| body.contains("planwright:report"));
        Self {
            approved: approved.map(|(login, _)| login).collect(),
            report: report.concat(),
            replies: replies.concat(),
            pull: Some(pull),
        }
    }

    fn link(&self, words: &str) -> Option<(String, String)> {
        let pull = self.pull.as_ref()?;
        Some((words.into(), format!("/{REPO}/pull/{}", pull.number)))
    }

    fn is_merged(&self) -> bool {
        self.pull.as_ref().is_some_and(|pull| pull.merge_commit_sha.is_some())
    }

    fn is_applied(&self) -> bool {
        self.is_merged() && self.report.contains("a second plan is empty")
    }

    /// Whether each of the five steps is done.
    fn done_steps(&self) -> [bool; 5] {
        [
            self.pull.is_some(),
            self.is_approved_by(|login| login == "alice") || self.is_merged(),
            self.is_approved_by(|login| login != "alice") || self.is_merged(),
            self.is_applied(),
            self.replies.contains(TAMPERED),
        ]
    }

    fn is_approved_by(&self, wanted: impl Fn(&str) -> bool) -> bool {
        self.approved.iter().any(|login| wanted(login))
    }
}

fn ask() -> Step {
    Step {
        title: "Ask for something".into(),
        text: "As **alice**, fill in the form *New hello*: a name for the stack, such as `team`, \
               and a greeting. Planwright answers with a pull request."
            .into(),
        link: Some((
            "Fill in the form".into(),
            format!("/{REPO}/issues/new?template=planwright-hello.yml"),
        )),
        ..Step::default()
    }
}

fn read(seen: &Seen) -> Step {
    Step {
        title: "Read the plan, and approve it yourself".into(),
        text: "The pull request says what would be made, who may approve, and what is missing. \
               Approve it as **alice**: it does not count, because she asked for it."
            .into(),
        link: seen.link("Read the plan"),
        ..Step::default()
    }
}

fn approve(seen: &Seen) -> Step {
    Step {
        title: "Approve it as somebody else".into(),
        text: "Become **bob**, above on the right, and approve. The check passes: this very plan \
               may be applied, and no other."
            .into(),
        link: seen.link("To the pull request"),
        ..Step::default()
    }
}

fn merge(seen: &Seen) -> Step {
    Step {
        title: "Merge, and watch".into(),
        text: "Planwright plans once more, applies only if that plan is the approved one, and \
               verifies by a second plan, which has to be empty."
            .into(),
        link: seen.link("To the pull request"),
        ..Step::default()
    }
}

fn drift(seen: &Seen, states: &Path) -> Step {
    let action = seen.is_applied().then(|| {
        let states = states.to_owned();
        Action {
            name: format!("Change the greeting to “{TAMPERED}” by hand"),
            act: Arc::new(move || change_by_hand(&states).map_err(|error| format!("{error:#}"))),
        }
    });
    Step {
        title: "Change it by hand, and find the drift".into(),
        text: "The button changes what was applied, going round the pull request. Then comment \
               `/infra drift` on the pull request: Planwright names what moved."
            .into(),
        link: seen.link("To the pull request").filter(|_| seen.is_applied()),
        action,
        ..Step::default()
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

/// The steps for a terminal, without the marks of Markdown.
pub fn told(guide: &Guide) -> String {
    let step = |(step, number): (&Step, usize)| {
        let text = step.text.replace("**", "").replace('*', "");
        format!("  {number}. {}\n     {text}\n", step.title)
    };
    guide.steps.iter().zip(1..).map(step).collect()
}
