//! GitHub's API: one file per family of endpoints, with types of `core` as arguments and results.
//!
//! octocrab carries every call, through our own `layers`. Its typed calls are used where their
//! models require no more than we need. Elsewhere a raw call has a narrow payload type of ours, so
//! that a write does not count as failed because a field is missing that nobody reads.
//!
//! Nothing is decided here, and nothing is kept but tokens and rate limits. A write is sent once;
//! if its outcome is unknown, the caller reads the state (`find_comment`, `find_check`) before
//! trying again. The crate `git` fetches repositories, with a token from [`GitHub::git_token`].

mod activity;
mod app;
mod app_key;
mod call;
mod checks;
mod code_authors;
mod collaborators;
mod comments;
mod commits;
mod connection;
mod deliveries;
mod error;
mod graphql;
mod issue;
mod layers;
mod manifest;
mod probe;
mod proposals;
mod pull_request;
mod rate_limit;
mod reactions;
mod sign_in;
mod templates;
mod tokens;
mod usage;
pub mod webhook;
mod wire;

use std::sync::Arc;

use jiff::Timestamp;
use octocrab::Octocrab;
use secrecy::SecretString;
use serde::de::DeserializeOwned;

use planwright_core::{
    actor::AppId,
    names::{Login, RepoName},
    repository::Repository,
};

pub use self::{
    activity::BranchMove,
    checks::{Annotation, AnnotationLevel, CheckRun, CheckState, Conclusion},
    commits::NewCommit,
    deliveries::{DeliveredPayload, Delivery, DeliveryAttempt},
    error::{Error, Result},
    manifest::{Converted, Manifest, convert},
    probe::{metrics, probe},
    proposals::NewPullRequest,
    rate_limit::LimitLeft,
    reactions::Reaction,
    sign_in::Client,
    tokens::TokenScope,
    usage::{CallCount, Usage},
};

use self::{
    app_key::AppKey,
    call::{Answer, Call},
    connection::Connection,
    layers::{authorization::Identity, base_uri::Addresses},
    tokens::{TokenGrant, Tokens},
};

/// The settings of a connection as the App.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `https://api.github.com`, or `https://HOST/api/v3` of a GitHub Enterprise Server.
    pub api_url: String,
    pub app_id: AppId,
    /// An RSA key in PEM.
    pub private_key: SecretString,
}

/// A client of one GitHub as the App. It may be used from many tasks at once.
pub struct GitHub {
    connection: Connection,
    key: Arc<AppKey>,
    tokens: Arc<Tokens>,
    login: tokio::sync::OnceCell<Login>,
}

impl GitHub {
    /// Fails if the URL or the key is invalid. Nothing is sent.
    pub fn new(settings: &Settings) -> Result<Self> {
        let connection = Connection::new(&settings.api_url)?;
        let key = AppKey::new(settings.app_id, &settings.private_key)?;
        Ok(Self::over(connection, Arc::new(key)))
    }

    fn over(connection: Connection, key: Arc<AppKey>) -> Self {
        let tokens = Arc::new(Tokens::new(connection.clone(), key.clone()));
        Self { connection, key, tokens, login: tokio::sync::OnceCell::new() }
    }

    /// Returns the client with another clock for rate limits. Tokens still expire by the system's
    /// clock.
    pub fn with_clock(self, clock: Arc<dyn Fn() -> Timestamp + Send + Sync>) -> Self {
        Self::over(self.connection.with_clock(clock), self.key)
    }

    /// The id of our App. What was written through it is recognised as our own.
    pub fn app_id(&self) -> AppId {
        self.key.app
    }

    /// Returns the login under which GitHub shows what the App does. It is read once.
    pub async fn login(&self) -> Result<&Login> {
        let ask = || async {
            let login = format!("{}[bot]", self.registration().await?.slug);
            Login::parse(login).map_err(|e| Error::Settings(e.to_string()))
        };
        self.login.get_or_try_init(ask).await
    }

    /// Returns the address from which git fetches `repo`. It contains no credentials.
    pub fn clone_url(&self, repo: &RepoName) -> String {
        format!("{}/{repo}.git", self.web())
    }

    /// Returns the address at which a person opens an issue with the form in `file`.
    pub fn form_url(&self, repo: &RepoName, file: &str) -> String {
        format!("{}/{repo}/issues/new?template={file}", self.web())
    }

    /// Returns the host of the private e-mail addresses that GitHub gives to accounts.
    pub fn noreply_host(&self) -> String {
        let host = self.web().split_once("://").map_or(self.web(), |(_, host)| host);
        format!("users.noreply.{host}")
    }

    /// Returns a token that can fetch `repository` and do nothing else.
    pub async fn git_token(&self, repository: &Repository) -> Result<SecretString> {
        self.tokens.token(&TokenGrant::new(repository, TokenScope::Fetch)).await
    }

    /// Returns the calls since the start, and what is left of the limits.
    pub fn usage(&self) -> Usage {
        self.connection.usage()
    }

    /// Returns the address of GitHub's website.
    fn web(&self) -> &str {
        &self.connection.addresses.web
    }

    /// Returns an octocrab with tokens for `scope` on `repository`.
    fn octocrab(&self, repository: &Repository, scope: TokenScope) -> Octocrab {
        let grant = TokenGrant::new(repository, scope);
        self.connection.octocrab(Identity::Installation(self.tokens.clone(), grant))
    }

    /// Returns an octocrab that is authenticated as the App.
    fn octocrab_as_app(&self) -> Octocrab {
        self.connection.octocrab(Identity::App(self.key.clone()))
    }

    async fn as_app(&self, call: &Call) -> Result<Answer> {
        call.send(&self.octocrab_as_app()).await
    }

    async fn send(
        &self,
        repository: &Repository,
        scope: TokenScope,
        call: &Call,
    ) -> Result<Answer> {
        call.send(&self.octocrab(repository, scope)).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        repository: &Repository,
        scope: TokenScope,
        call: &Call,
    ) -> Result<T> {
        self.send(repository, scope, call).await?.json(call)
    }
}

/// Returns the address of GitHub's website that belongs to that of the API. Fails as
/// [`GitHub::new`].
pub fn web_address(api_url: &str) -> Result<String> {
    Ok(Addresses::parse(api_url)?.web)
}
