//! Tokens of installations, each for one repository and one scope.
//!
//! They are requested by a raw call, because octocrab's own cannot restrict the permissions. They
//! are kept in memory only, and never printed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use moka::{Expiry, future::Cache};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use planwright_core::{
    names::{InstallationId, RepositoryId},
    repository::Repository,
};

use crate::{
    app_key::AppKey, call::Call, connection::Connection, error::Result,
    layers::authorization::Identity,
};

/// The purpose of a token, which can be used for nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenScope {
    /// Reading the snapshot of a pull request, and permissions of accounts.
    Read,
    /// Fetching with git.
    Fetch,
    /// Comments and reactions on issues and pull requests.
    Comment,
    /// Check runs.
    Check,
    /// Reading the snapshot of an issue.
    Request,
    /// Branches and commits of the bot.
    Commit,
    /// Pull requests of the bot.
    Propose,
}

impl TokenScope {
    pub const ALL: &[Self] = &[
        Self::Read,
        Self::Fetch,
        Self::Comment,
        Self::Check,
        Self::Request,
        Self::Commit,
        Self::Propose,
    ];

    /// Returns the smallest set of permissions with which GitHub accepts these calls.
    pub fn permissions(self) -> &'static [(&'static str, &'static str)] {
        match self {
            // Reading the commits of a pull request needs `contents`.
            Self::Read => &[("contents", "read"), ("metadata", "read"), ("pull_requests", "read")],
            Self::Fetch => &[("contents", "read"), ("metadata", "read")],
            // Reactions need `issues`, comments on pull requests need `pull_requests`.
            Self::Comment => {
                &[("issues", "write"), ("metadata", "read"), ("pull_requests", "write")]
            }
            Self::Check => &[("checks", "write"), ("metadata", "read")],
            Self::Request => &[("contents", "read"), ("issues", "read"), ("metadata", "read")],
            Self::Commit => &[("contents", "write"), ("metadata", "read")],
            // Marking a draft as ready needs write access to `contents`, too.
            Self::Propose => {
                &[("contents", "write"), ("metadata", "read"), ("pull_requests", "write")]
            }
        }
    }
}

/// What one token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TokenGrant {
    pub installation: InstallationId,
    pub repository: RepositoryId,
    pub scope: TokenScope,
}

impl TokenGrant {
    pub fn new(repository: &Repository, scope: TokenScope) -> Self {
        Self { installation: repository.installation, repository: repository.id, scope }
    }
}

/// The remaining life of a token below which it is not handed out, so that a fetch can finish.
const MARGIN: SignedDuration = SignedDuration::from_mins(10);

/// The number of cached tokens, more than a bot uses within an hour. Others are only requested
/// again.
const MOST: u64 = 10_000;

#[derive(Clone)]
struct Token {
    secret: SecretString,
    expires_at: Timestamp,
}

impl Token {
    /// Returns how long the token may still be handed out.
    fn lasts(&self, now: Timestamp) -> Duration {
        (self.expires_at.duration_since(now) - MARGIN).try_into().unwrap_or(Duration::ZERO)
    }
}

struct UntilMargin;

impl Expiry<TokenGrant, Token> for UntilMargin {
    fn expire_after_create(&self, _: &TokenGrant, token: &Token, _: Instant) -> Option<Duration> {
        Some(token.lasts(Timestamp::now()))
    }
}

/// The cached tokens.
pub(crate) struct Tokens {
    connection: Connection,
    key: Arc<AppKey>,
    cache: Cache<TokenGrant, Token>,
}

impl Tokens {
    pub fn new(connection: Connection, key: Arc<AppKey>) -> Self {
        let cache = Cache::builder().max_capacity(MOST).expire_after(UntilMargin).build();
        Self { connection, key, cache }
    }

    /// Returns a token for `grant`, which is requested unless a valid one is cached. Concurrent
    /// callers share one request.
    pub async fn token(&self, grant: &TokenGrant) -> Result<SecretString> {
        let minted = self.cache.try_get_with(*grant, self.mint(grant)).await;
        minted.map(|token| token.secret).map_err(|error| (*error).clone())
    }

    /// Removes a token that GitHub no longer accepts.
    pub async fn forget(&self, grant: &TokenGrant, refused: &SecretString) {
        // Another task may have replaced it already.
        let kept = self.cache.get(grant).await;
        if kept.is_some_and(|kept| kept.secret.expose_secret() == refused.expose_secret()) {
            self.cache.invalidate(grant).await;
        }
    }

    async fn mint(&self, grant: &TokenGrant) -> Result<Token> {
        #[derive(Deserialize)]
        struct Minted {
            token: String,
            expires_at: Timestamp,
        }
        let permissions = grant.scope.permissions().iter();
        let permissions: Map<String, Value> =
            permissions.map(|(name, level)| ((*name).into(), json!(level))).collect();
        let call = Call::mint(
            format!("/app/installations/{}/access_tokens", grant.installation),
            json!({ "repository_ids": [grant.repository], "permissions": permissions }),
        );
        let as_app = self.connection.octocrab(Identity::App(self.key.clone()));
        let answer = call.send(&as_app).await?;
        // serde's message might quote the token.
        let minted: Minted = serde_json::from_slice(&answer.body)
            .map_err(|_| call.unreadable("expected `token` and `expires_at`"))?;
        Ok(Token { secret: minted.token.into(), expires_at: minted.expires_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_soon_ends_is_not_handed_out() {
        let now = Timestamp::from_second(0).unwrap();
        let lasts = |seconds| {
            let expires_at = Timestamp::from_second(seconds).unwrap();
            Token { secret: "t".into(), expires_at }.lasts(now).as_secs()
        };
        assert_eq!(lasts(3600), 3000);
        assert_eq!(lasts(600), 0);
        assert_eq!(lasts(-1), 0);
    }

    #[test]
    fn no_scope_may_touch_workflows_and_only_those_that_propose_write_contents() {
        for scope in TokenScope::ALL.iter().copied() {
            let permissions = scope.permissions();
            assert!(!permissions.iter().any(|(name, _)| *name == "workflows"), "{scope:?}");
            let proposes = matches!(scope, TokenScope::Commit | TokenScope::Propose);
            assert_eq!(permissions.contains(&("contents", "write")), proposes, "{scope:?}");
        }
    }
}
