//! The frame of every page: the viewer, the other people, and the current repository.

use jiff::Timestamp;

use crate::{
    pages::context::{PageContext, RepoPage, people},
    state::{
        State,
        data::{Account, AccountKind, Issue},
    },
};

pub struct Frame {
    pub viewer: Profile,
    pub people: Vec<Profile>,
    pub here: String,
    pub repository: Option<Repository>,
}

pub struct Repository {
    pub name: String,
    pub url: String,
    pub tab: &'static str,
    pub open_issues: usize,
    pub open_pulls: usize,
}

/// An account, as pages show it.
#[derive(Clone)]
pub struct Profile {
    pub login: String,
    pub initial: String,
    /// The number of one of the colours in the style sheet.
    pub tint: i64,
    pub is_bot: bool,
}

impl Profile {
    pub fn new(state: &State, account: i64) -> Self {
        match state.account(account) {
            Ok(account) => Self::from_account(account),
            Err(_) => Self { login: "ghost".into(), initial: "?".into(), tint: 0, is_bot: false },
        }
    }

    fn from_account(account: &Account) -> Self {
        let initial = account.login.chars().next().unwrap_or('?').to_uppercase().to_string();
        let login = account.login.clone();
        Self { login, initial, tint: account.id % 5, is_bot: account.kind == AccountKind::Bot }
    }
}

impl Frame {
    pub fn new(context: &PageContext<'_>) -> Self {
        Self {
            viewer: Profile::new(context.state, context.by.account),
            people: people(context.state).map(Profile::from_account).collect(),
            here: context.here.clone(),
            repository: None,
        }
    }

    pub fn within(page: RepoPage<'_>, tab: &'static str) -> Self {
        let issues = page.context.state.repository(page.repo).map(|found| &found.issues);
        let open = |is_asked_for: fn(&Issue) -> bool| {
            issues
                .as_ref()
                .map_or(0, |all| all.values().filter(|it| it.open && is_asked_for(it)).count())
        };
        let repository = Repository {
            name: page.name.to_owned(),
            url: page.url(),
            tab,
            open_issues: open(|issue| issue.pull.is_none()),
            open_pulls: open(|issue| issue.pull.is_some()),
        };
        Self { repository: Some(repository), ..Self::new(page.context) }
    }
}

/// A time, as text for people and in ISO 8601 for programs.
#[derive(Clone)]
pub struct DisplayTime {
    pub machine: String,
    pub text: String,
}

impl From<Timestamp> for DisplayTime {
    fn from(at: Timestamp) -> Self {
        Self { machine: at.to_string(), text: at.strftime("%-d %b %Y, %H:%M:%S UTC").to_string() }
    }
}
