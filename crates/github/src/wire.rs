//! Pieces that GitHub's JSON repeats: accounts and lists in pages.
//!
//! Private to `github`; each turns into a type of `core` or an error, never into a guess.

use serde::Deserialize;

use planwright_core::{
    actor::{Actor, ActorKind, AppId},
    names::{Login, UserId},
    repository::Repository,
};

use crate::{Error, GitHub, Result, TokenScope, call::Call};

/// What GitHub said that it does not document.
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
    /// Errors on a login or a kind that is not known.
    pub fn actor(self) -> Result<Actor, Unexpected> {
        let kind = ActorKind::parse(&self.kind)
            .ok_or_else(|| format!("`{}` is no known kind of account", self.kind))?;
        let login = Login::parse(self.login).map_err(|e| Unexpected(e.to_string()))?;
        Ok(Actor { id: self.id, login, kind })
    }
}

/// Returns the actor, or the ghost where GitHub says `null`.
pub fn actor_or_ghost(account: Option<Account>) -> Result<Actor, Unexpected> {
    account.map_or_else(|| Ok(Actor::ghost()), Account::actor)
}

/// `performed_via_github_app` and `app`.
#[derive(Debug, Deserialize)]
pub struct AppRef {
    pub id: AppId,
}

/// Entries of a page, and how many pages are read before a list is called endless.
pub const PER_PAGE: usize = 100;
const PAGES: usize = 30;

impl GitHub {
    /// Goes through a list page by page until `pick` finds something or the list ends.
    ///
    /// Errors when the list does not end: what was not seen cannot be said not to be there.
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

/// What was found on a page, and how many entries it had.
pub struct Page<T> {
    pub found: Option<T>,
    pub len: usize,
}

/// An account as GraphQL shows it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActorNode {
    #[serde(rename = "__typename")]
    kind: String,
    login: String,
    database_id: UserId,
}

impl ActorNode {
    /// Errors for a kind of account that is not known.
    pub fn actor(self) -> Result<Actor, Unexpected> {
        let kind = ActorKind::parse(&self.kind)
            .ok_or_else(|| format!("`{}` is no known kind of account", self.kind))?;
        // GraphQL leaves out the suffix that REST and webhooks show.
        let suffix = kind == ActorKind::Bot && !self.login.ends_with("[bot]");
        let login = if suffix { format!("{}[bot]", self.login) } else { self.login };
        let login = Login::parse(login).map_err(|e| Unexpected(e.to_string()))?;
        Ok(Actor { id: self.database_id, login, kind })
    }
}
