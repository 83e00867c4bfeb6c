//! Parts that occur often in GitHub's JSON: accounts and lists in pages.
//!
//! Each is converted to a type of `core` or is an error. Nothing is guessed.

use serde::Deserialize;

use planwright_core::{
    actor::{Actor, ActorKind, AppId},
    names::{Login, UserId},
    repository::Repository,
};

use crate::{Error, GitHub, Result, TokenScope, call::Call};

/// A part of an answer that GitHub does not document.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unexpected(String);

impl From<String> for Unexpected {
    fn from(what: String) -> Self {
        Self(what)
    }
}

impl From<&str> for Unexpected {
    fn from(what: &str) -> Self {
        Self(what.into())
    }
}

/// An account in REST and webhooks.
#[derive(Debug, Deserialize)]
pub struct Account {
    id: UserId,
    login: String,
    #[serde(rename = "type")]
    kind: String,
}

impl Account {
    /// Fails if the login or the kind of the account is unknown.
    pub fn actor(self) -> Result<Actor, Unexpected> {
        let kind = ActorKind::parse(&self.kind)
            .ok_or_else(|| format!("`{}` is no known kind of account", self.kind))?;
        let login = Login::parse(self.login).map_err(|e| Unexpected(e.to_string()))?;
        Ok(Actor { id: self.id, login, kind })
    }
}

/// Returns the actor, or [`Actor::ghost`] if GitHub sends `null`.
pub fn actor_or_ghost(account: Option<Account>) -> Result<Actor, Unexpected> {
    account.map_or_else(|| Ok(Actor::ghost()), Account::actor)
}

/// The value of `performed_via_github_app` or `app`.
#[derive(Debug, Deserialize)]
pub struct AppRef {
    pub id: AppId,
}

/// The entries per page, and the number of pages after which a list is an error.
pub const PER_PAGE: usize = 100;
const PAGES: usize = 30;

impl GitHub {
    /// Reads a list page by page until `pick` finds something or the list ends.
    ///
    /// Fails if the list is too long, because an entry that was not read might be the one.
    pub(super) async fn find_in_pages<P, T>(
        &self,
        repository: &Repository,
        scope: TokenScope,
        path: &str,
        pick: impl Fn(P) -> Result<Page<T>, Unexpected>,
    ) -> Result<Option<T>>
    where
        P: serde::de::DeserializeOwned,
    {
        let joint = if path.contains('?') { '&' } else { '?' };
        for page in 1..=PAGES {
            let call = Call::read(format!("{path}{joint}per_page={PER_PAGE}&page={page}"));
            let list: P = self.ask(repository, scope, &call).await?;
            match pick(list).map_err(|e| call.unreadable(e))? {
                Page { found: Some(found), .. } => return Ok(Some(found)),
                Page { len, .. } if len < PER_PAGE => return Ok(None),
                _ => {}
            }
        }
        Err(Error::Unreadable {
            call: format!("GET {path}"),
            reason: format!("more than {} entries", PAGES * PER_PAGE),
        })
    }
}

/// What was found on a page, and how many entries the page had.
pub struct Page<T> {
    pub found: Option<T>,
    pub len: usize,
}

/// An account in GraphQL.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActorNode {
    #[serde(rename = "__typename")]
    kind: String,
    login: String,
    database_id: UserId,
}

impl ActorNode {
    /// Fails if the login or the kind of the account is unknown.
    pub fn actor(self) -> Result<Actor, Unexpected> {
        let kind = ActorKind::parse(&self.kind)
            .ok_or_else(|| format!("`{}` is no known kind of account", self.kind))?;
        // GraphQL leaves out the suffix `[bot]`, which REST and webhooks have.
        let suffix = kind == ActorKind::Bot && !self.login.ends_with("[bot]");
        let login = if suffix { format!("{}[bot]", self.login) } else { self.login };
        let login = Login::parse(login).map_err(|e| Unexpected(e.to_string()))?;
        Ok(Actor { id: self.database_id, login, kind })
    }
}
