//! GitHub over its API: one file per family of endpoints, types of `core` in and out.
//!
//! octocrab carries every call, through our own `layers`. Its typed calls serve where their models
//! ask for no more than we need; elsewhere a raw call has a narrow payload type of ours, so that a
//! write does not count as failed because a field is missing that nobody reads.
//!
//! Decides nothing and remembers nothing but tokens and rate limits. A write is sent once; when its
//! outcome is unknown the caller looks (`find_comment`, `find_check`) before it sends again. Git
//! itself is not here: `git` fetches with a token that [`GitHub::git_token`] gives.

mod app;
mod app_key;
mod call;
mod checks;
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

/// What is needed to speak as the App.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `https://api.github.com`, or `https://HOST/api/v3` of a GitHub Enterprise Server.
    pub api_url: String,
    pub app_id: AppId,
    /// RSA, in PEM.
    pub private_key: SecretString,
}

/// The App at one GitHub. Lent as `&GitHub`; it is safe to use from many tasks at once.
pub struct GitHub {
    connection: Connection,
    key: Arc<AppKey>,
    tokens: Arc<Tokens>,
    login: tokio::sync::OnceCell<Login>,
}

impl GitHub {
    /// Fails if the URL or the key cannot work; asks GitHub nothing.
    pub fn new(settings: &Settings) -> Result<Self> {
        let connection = Connection::new(&settings.api_url)?;
        let key = AppKey::new(settings.app_id, &settings.private_key)?;
        Ok(Self::over(connection, Arc::new(key)))
    }

    fn over(connection: Connection, key: Arc<AppKey>) -> Self {
        let tokens = Arc::new(Tokens::new(connection.clone(), key.clone()));
        Self { connection, key, tokens, login: tokio::sync::OnceCell::new() }
    }

    /// Returns the same by another clock than the system's; how long tokens last is not its matter.
    pub fn with_clock(self, clock: Arc<dyn Fn() -> Timestamp + Send + Sync>) -> Self {
        Self::over(self.connection.with_clock(clock), self.key)
    }

    /// Our own id: what was written through it is an echo of ourselves.
    pub fn app_id(&self) -> AppId {
        self.key.app
    }

    /// Returns the login under which GitHub shows what the App does; asked for once.
    pub async fn login(&self) -> Result<&Login> {
        let ask = || async {
            let login = format!("{}[bot]", self.registration().await?.slug);
            Login::parse(login).map_err(|e| Error::Settings(e.to_string()))
        };
        self.login.get_or_try_init(ask).await
    }

    /// Returns where git fetches `repo` from; there is no credential in it.
    pub fn clone_url(&self, repo: &RepoName) -> String {
        format!("{}/{repo}.git", self.web())
    }

    /// Returns where a person opens an issue with the form in this file.
    pub fn form_url(&self, repo: &RepoName, file: &str) -> String {
        format!("{}/{repo}/issues/new?template={file}", self.web())
    }

    /// Returns what follows `@` in the addresses that GitHub gives people who keep theirs private.
    pub fn noreply_host(&self) -> String {
        let host = self.web().split_once("://").map_or(self.web(), |(_, host)| host);
        format!("users.noreply.{host}")
    }

    /// Returns a token that can fetch `repository` and nothing else.
    pub async fn git_token(&self, repository: &Repository) -> Result<SecretString> {
        self.tokens.token(&TokenGrant::new(repository, TokenScope::Fetch)).await
    }

    /// Returns what was asked of GitHub since the start, and what its limits leave.
    pub fn usage(&self) -> Usage {
        self.connection.usage()
    }

    /// Returns the address of GitHub's pages for people.
    fn web(&self) -> &str {
        &self.connection.addresses.web
    }

    /// Returns octocrab with tokens for `scope` on `repository`.
    fn octocrab(&self, repository: &Repository, scope: TokenScope) -> Octocrab {
        let grant = TokenGrant::new(repository, scope);
        self.connection.octocrab(Identity::Installation(self.tokens.clone(), grant))
    }

    /// Returns octocrab as the App.
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

/// Returns the address of GitHub's pages for people, by that of its API; fails as [`GitHub::new`].
pub fn web_address(api_url: &str) -> Result<String> {
    Ok(Addresses::parse(api_url)?.web)
}
