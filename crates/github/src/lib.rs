//! GitHub over its API: one file per family of endpoints, domain types in and out.
//!
//! Decides nothing and remembers nothing but tokens and rate limits. A write is sent once; when its
//! outcome is unknown the caller looks (`find_comment`, `find_check`) before it sends again. Git
//! itself is not here: `git` fetches with a token that [`GitHub::git_token`] gives.

mod app;
mod auth;
mod checks;
mod collaborators;
mod comments;
mod commits;
mod deliveries;
mod error;
mod graphql;
mod issue;
mod manifest;
mod probe;
mod proposals;
mod pull_request;
mod rate_limit;
mod reactions;
mod sign_in;
mod transport;
pub mod webhook;
mod wire;

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::de::DeserializeOwned;

pub use self::auth::TokenScope;
pub use self::checks::{Annotation, AnnotationLevel, CheckRun, CheckState, Conclusion};
pub use self::commits::NewCommit;
pub use self::deliveries::{DeliveredPayload, Delivery, DeliveryAttempt};
pub use self::error::{Error, Result};
pub use self::manifest::{Converted, Manifest, convert};
pub use self::probe::{metrics, probe};
pub use self::proposals::NewPullRequest;
pub use self::reactions::Reaction;
pub use self::sign_in::Client;

use self::auth::Auth;
use self::transport::{Answer, Call, Transport};
use planwright_core::actor::AppId;
use planwright_core::names::{Login, RepoName};
use planwright_core::repository::Repository;

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
    transport: Transport,
    auth: Auth,
    web: String,
    login: tokio::sync::OnceCell<Login>,
}

impl GitHub {
    /// Errors when the URL or the key cannot work; asks GitHub nothing.
    pub fn new(settings: &Settings) -> Result<Self> {
        Ok(Self {
            transport: Transport::new(&settings.api_url)?,
            auth: Auth::new(settings.app_id, &settings.private_key)?,
            web: web_url(&transport::base(&settings.api_url)?),
            login: tokio::sync::OnceCell::new(),
        })
    }

    /// The same by another clock than the system's; how long tokens last is not its matter.
    pub fn with_clock(mut self, clock: Arc<dyn Fn() -> Timestamp + Send + Sync>) -> Self {
        self.transport.clock = clock;
        self
    }

    /// Our own id: what was written through it is an echo of ourselves.
    pub fn app_id(&self) -> AppId {
        self.auth.app
    }

    /// The login under which GitHub shows what the App does; asked for once.
    pub async fn login(&self) -> Result<&Login> {
        let ask = || async {
            let login = format!("{}[bot]", self.registration().await?.slug);
            Login::parse(login).map_err(|e| Error::Settings(e.to_string()))
        };
        self.login.get_or_try_init(ask).await
    }

    /// Where git fetches `repo` from; there is no credential in it.
    pub fn clone_url(&self, repo: &RepoName) -> String {
        format!("{}/{repo}.git", self.web)
    }

    /// Where a person opens an issue with the form in this file.
    pub fn form_url(&self, repo: &RepoName, file: &str) -> String {
        format!("{}/{repo}/issues/new?template={file}", self.web)
    }

    /// What follows `@` in the addresses that GitHub gives people who keep theirs private.
    pub fn noreply_host(&self) -> String {
        let host = self.web.split_once("://").map_or(self.web.as_str(), |(_, host)| host);
        format!("users.noreply.{host}")
    }

    /// A token that can fetch `repository` and nothing else.
    pub async fn git_token(&self, repository: &Repository) -> Result<SecretString> {
        self.auth.token(&self.transport, repository, TokenScope::Fetch).await
    }

    async fn as_app(&self, call: &Call) -> Result<Answer> {
        let claim = self.auth.claim(jiff::Timestamp::now())?;
        self.transport.send(call, None, &claim).await
    }

    /// Sends with a token for `scope`; a token that was revoked early is replaced once.
    async fn send(
        &self,
        repository: &Repository,
        scope: TokenScope,
        call: &Call,
    ) -> Result<Answer> {
        let limits = Some(repository.installation);
        let token = self.auth.token(&self.transport, repository, scope).await?;
        match self.transport.send(call, limits, &token).await {
            // With 401 nothing was carried out, so this is safe for writes too.
            Err(Error::Refused { status: 401, .. }) => {
                self.auth.forget(repository, scope, &token).await;
                let token = self.auth.token(&self.transport, repository, scope).await?;
                self.transport.send(call, limits, &token).await
            }
            outcome => outcome,
        }
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

/// The address of GitHub's pages for people, by that of its API; errors as [`GitHub::new`] does.
pub fn web_address(api_url: &str) -> Result<String> {
    Ok(web_url(&transport::base(api_url)?))
}

/// The web address that belongs to an API's: `api.HOST` and `HOST/api/v3` are GitHub's two forms.
fn web_url(api_url: &str) -> String {
    match api_url.strip_suffix("/api/v3") {
        Some(host) => host.to_owned(),
        None => api_url.replacen("://api.", "://", 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_web_address_follows_from_the_apis() {
        for (api, web) in [
            ("https://api.github.com", "https://github.com"),
            ("https://ghes.example/api/v3", "https://ghes.example"),
            ("http://127.0.0.1:4000/api/v3", "http://127.0.0.1:4000"),
        ] {
            assert_eq!(web_url(api), web);
        }
    }

    #[test]
    fn an_api_url_with_a_password_is_refused_and_not_quoted() {
        let error = transport::base("https://me:hunter2@ghes.example/api/v3").unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn an_api_url_must_be_absolute_and_plain() {
        for url in ["api.github.com", "ftp://api.github.com", "https://h/api/v3?x=1", ""] {
            assert!(transport::base(url).is_err(), "{url:?} was taken");
        }
        assert_eq!(transport::base("https://h/api/v3/").unwrap(), "https://h/api/v3");
    }
}
