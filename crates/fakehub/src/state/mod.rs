//! The state with the directory in which it is kept: loading, saving, finding things, numbering.
//!
//! What people and apps can do to the state is in `actions`. Nothing here knows HTTP.

mod clock;
pub mod data;

use std::{collections::BTreeMap, fs, io::Write, os::unix::fs::OpenOptionsExt, path::PathBuf};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
    signature::KeyPair as _,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;

use crate::{
    api_error::ApiError,
    git_repo::{GitRepo, Stamp},
    state::{
        clock::Clock,
        data::{
            Account, AccountKind, App, Data, Hook, Installation, Issue, Level, Pull, Repository,
            Role, random,
        },
    },
};

/// The id of GitHub's account `web-flow`, the committer of commits that are made on the web pages.
pub const WEB_FLOW: i64 = 19_864_447;

/// The permissions that the app asks for. An installation may have fewer.
const PERMISSIONS: [(&str, Level); 7] = [
    ("checks", Level::Write),
    ("contents", Level::Write),
    ("issues", Level::Write),
    ("merge_queues", Level::Read),
    ("metadata", Level::Read),
    ("pull_requests", Level::Write),
    ("statuses", Level::Write),
];

const EVENTS: [&str; 9] = [
    "check_run",
    "check_suite",
    "issue_comment",
    "issues",
    "merge_group",
    "pull_request",
    "pull_request_review",
    "push",
    "repository",
];

pub struct State {
    pub data: Data,
    pub dir: PathBuf,
    /// The URL of the web server, without a trailing slash.
    pub url: String,
    /// The URL that webhooks are sent to. They wait while there is none.
    pub webhook_url: Option<String>,
}

impl State {
    /// Loads the state from `dir`, or creates one with an app and no people.
    pub fn open(dir: PathBuf) -> Result<Self, ApiError> {
        fs::create_dir_all(dir.join("repositories"))?;
        let data = match fs::read(dir.join("hub.json")) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => new_data()?,
            Err(error) => return Err(error.into()),
        };
        let state = Self { data, dir, url: String::new(), webhook_url: None };
        state.save()?;
        Ok(state)
    }

    /// Writes the state to a new file that replaces the old one, so that a reader never sees half
    /// of it.
    pub fn save(&self) -> Result<(), ApiError> {
        let (path, new) = (self.dir.join("hub.json"), self.dir.join("hub.json.tmp"));
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(&serde_json::to_vec(&self.data)?)?;
        Ok(fs::rename(new, path)?)
    }

    pub fn next_id(&mut self) -> i64 {
        self.data.last_id += 1;
        self.data.last_id
    }

    pub fn tick(&mut self) -> Timestamp {
        self.data.clock.tick(Timestamp::now())
    }

    pub fn account(&self, id: i64) -> Result<&Account, ApiError> {
        self.data.accounts.get(&id).ok_or_else(ApiError::not_found)
    }

    pub fn account_named(&self, login: &str) -> Result<&Account, ApiError> {
        let is_it = |account: &&Account| account.login.eq_ignore_ascii_case(login);
        self.data.accounts.values().find(is_it).ok_or_else(ApiError::not_found)
    }

    /// Returns the account to which an e-mail address in a commit belongs.
    pub fn account_of_email(&self, email: &str) -> Option<&Account> {
        self.data.accounts.values().find(|account| self.email(account) == email)
    }

    pub fn email(&self, account: &Account) -> String {
        match account.id {
            WEB_FLOW => "noreply@github.com".to_owned(),
            id => format!("{id}+{}@users.noreply.github.com", account.login),
        }
    }

    pub fn stamp(&self, account: i64, at: Timestamp) -> Result<Stamp, ApiError> {
        let account = self.account(account)?;
        let name = if account.id == WEB_FLOW { "GitHub" } else { &account.login };
        Ok(Stamp { name: name.to_owned(), email: self.email(account), second: at.as_second() })
    }

    pub fn add_account(&mut self, login: &str, kind: AccountKind) -> i64 {
        if let Ok(account) = self.account_named(login) {
            return account.id;
        }
        let id = self.next_id();
        let token = (kind != AccountKind::Organization)
            .then(|| format!("ghp_{}", uuid::Uuid::new_v4().simple()));
        self.data.accounts.insert(id, Account { id, login: login.to_owned(), kind, token });
        id
    }

    pub fn repository(&self, id: i64) -> Result<&Repository, ApiError> {
        self.data.repositories.get(&id).ok_or_else(ApiError::not_found)
    }

    pub fn repository_mut(&mut self, id: i64) -> Result<&mut Repository, ApiError> {
        self.data.repositories.get_mut(&id).ok_or_else(ApiError::not_found)
    }

    /// Returns the id of the repository `owner/name`, ignoring case.
    pub fn repository_named(&self, full_name: &str) -> Result<i64, ApiError> {
        let has_name = |repository: &&Repository| {
            self.full_name(repository).is_ok_and(|name| name.eq_ignore_ascii_case(full_name))
        };
        let found = self.data.repositories.values().find(has_name);
        found.map(|repository| repository.id).ok_or_else(ApiError::not_found)
    }

    pub fn full_name(&self, repository: &Repository) -> Result<String, ApiError> {
        Ok(format!("{}/{}", self.account(repository.owner)?.login, repository.name))
    }

    pub fn git_repo_path(&self, repository: i64) -> PathBuf {
        self.dir.join("repositories").join(format!("{repository}.git"))
    }

    pub fn git_repo(&self, repository: i64) -> Result<GitRepo, ApiError> {
        Ok(GitRepo::open(&self.git_repo_path(repository))?)
    }

    pub fn issue(&self, repository: i64, number: i64) -> Result<&Issue, ApiError> {
        self.repository(repository)?.issues.get(&number).ok_or_else(ApiError::not_found)
    }

    pub fn issue_mut(&mut self, repository: i64, number: i64) -> Result<&mut Issue, ApiError> {
        self.repository_mut(repository)?.issues.get_mut(&number).ok_or_else(ApiError::not_found)
    }

    pub fn pull(&self, repository: i64, number: i64) -> Result<&Pull, ApiError> {
        self.issue(repository, number)?.pull.as_ref().ok_or_else(ApiError::not_found)
    }

    pub fn pull_mut(&mut self, repository: i64, number: i64) -> Result<&mut Pull, ApiError> {
        self.issue_mut(repository, number)?.pull.as_mut().ok_or_else(ApiError::not_found)
    }

    pub fn installation(&self, id: i64) -> Result<&Installation, ApiError> {
        self.data.installations.get(&id).ok_or_else(ApiError::not_found)
    }

    pub fn installation_of(&self, repository: i64) -> Option<&Installation> {
        let owner = self.repository(repository).ok()?.owner;
        self.data.installations.values().find(|installation| installation.account == owner)
    }

    pub fn repositories_of(&self, installation: &Installation) -> Vec<&Repository> {
        let is_covered = |repository: &&Repository| repository.owner == installation.account;
        self.data.repositories.values().filter(is_covered).collect()
    }

    /// Returns the role of an account in a repository. The owner is an admin, and everybody can
    /// read a public repository.
    pub fn role(&self, repository: i64, account: i64) -> Result<Option<Role>, ApiError> {
        let repository = self.repository(repository)?;
        if repository.owner == account {
            return Ok(Some(Role::Admin));
        }
        let public = (!repository.private).then_some(Role::Read);
        Ok(repository.collaborators.get(&account).copied().max(public))
    }
}

fn new_data() -> Result<Data, ApiError> {
    let (private_key_pem, public_key_der) = app_keys()?;
    let (bot, owner) = (1002, 1003);
    let app = App {
        id: 1001,
        slug: "planwright".into(),
        client_id: "Iv23liFakehubPlanwri".into(),
        client_secret: random(),
        callback_urls: Vec::new(),
        bot,
        owner,
        private_key_pem,
        public_key_der,
        webhook_secret: random(),
        permissions: PERMISSIONS.map(|(name, level)| (name.to_owned(), level)).into(),
        events: EVENTS.map(str::to_owned).into(),
        hook: Hook::default(),
        created_at: Timestamp::now(),
    };
    let account = |id, login: &str, kind| Account { id, login: login.into(), kind, token: None };
    let accounts = [
        account(bot, "planwright[bot]", AccountKind::Bot),
        account(owner, "planwright", AccountKind::Organization),
        account(WEB_FLOW, "web-flow", AccountKind::User),
    ];
    Ok(Data {
        clock: Clock::default(),
        last_id: 1003,
        app,
        accounts: accounts.into_iter().map(|account| (account.id, account)).collect(),
        installations: BTreeMap::new(),
        tokens: BTreeMap::new(),
        repositories: BTreeMap::new(),
        deliveries: vec![],
        manifest_codes: BTreeMap::new(),
        sign_ins: BTreeMap::new(),
        user_tokens: BTreeMap::new(),
    })
}

/// Generates the key pair of an app: the private key in PKCS #8 PEM, and the public key in PKCS #1
/// DER as base64.
pub fn app_keys() -> Result<(String, String), ApiError> {
    let key = KeyPair::generate(KeySize::Rsa2048)
        .map_err(|_| ApiError::new(500, "fakehub could not make a key for its app"))?;
    let private = AsDer::<Pkcs8V1Der<'_>>::as_der(&key)
        .map_err(|_| ApiError::new(500, "fakehub could not write down the key of its app"))?;
    Ok((pem(private.as_ref()), STANDARD.encode(key.public_key().as_ref())))
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<String> =
        text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}
