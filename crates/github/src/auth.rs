//! Proof of who we are: a signed claim for the App, and a token for everything else.
//!
//! A token reaches one repository and has the permissions of one [`TokenScope`].
//! Tokens live in memory and nowhere else; nothing prints them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::Method;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::error::{Error, Result};
use super::transport::{Call, Transport};
use planwright_core::actor::AppId;
use planwright_core::names::{InstallationId, RepositoryId};
use planwright_core::repository::Repository;

/// What a token is for; it can do nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenScope {
    /// The snapshot of a pull request, and who may do what.
    Read,
    /// Fetching over git.
    Fetch,
    /// Comments and reactions on issues and pull requests, and finding our own.
    Comment,
    /// Check runs, and finding our own.
    Check,
    /// The snapshot of an issue.
    Request,
    /// Branches and commits of our own.
    Commit,
    /// Pull requests of our own.
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

    /// Returns the smallest set of permissions with which GitHub lets these calls pass.
    pub fn permissions(self) -> &'static [(&'static str, &'static str)] {
        match self {
            // The commits of a pull request count as contents.
            Self::Read => &[("contents", "read"), ("metadata", "read"), ("pull_requests", "read")],
            Self::Fetch => &[("contents", "read"), ("metadata", "read")],
            // Reactions are an issue's, conversations of pull requests a pull request's.
            Self::Comment => {
                &[("issues", "write"), ("metadata", "read"), ("pull_requests", "write")]
            }
            Self::Check => &[("checks", "write"), ("metadata", "read")],
            Self::Request => &[("contents", "read"), ("issues", "read"), ("metadata", "read")],
            Self::Commit => &[("contents", "write"), ("metadata", "read")],
            // A draft becomes ready only for who may write contents, too.
            Self::Propose => {
                &[("contents", "write"), ("metadata", "read"), ("pull_requests", "write")]
            }
        }
    }
}

/// Left when a token is handed out for the last time; a fetch must end within it.
const MARGIN: SignedDuration = SignedDuration::from_mins(10);

#[derive(Clone)]
struct Token {
    secret: SecretString,
    expires_at: Timestamp,
}

type Key = (InstallationId, RepositoryId, TokenScope);
type Slot = Arc<tokio::sync::Mutex<Option<Token>>>;

/// The App's key and the tokens minted with it.
pub struct Auth {
    pub app: AppId,
    key: EncodingKey,
    tokens: Mutex<HashMap<Key, Slot>>,
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").field("app", &self.app).finish_non_exhaustive()
    }
}

impl Auth {
    /// Errors when `private_key` is not an RSA key in PEM.
    pub fn new(app: AppId, private_key: &SecretString) -> Result<Self> {
        let key =
            EncodingKey::from_rsa_pem(private_key.expose_secret().as_bytes()).map_err(|_| {
                // The cause may quote the key.
                Error::Settings(
                    "the App's private key is not an RSA key in PEM; \
                 generate one on the App's settings page and pass the whole file"
                        .into(),
                )
            })?;
        Ok(Self { app, key, tokens: Mutex::default() })
    }

    /// The claim `I am the App`, good for nine minutes.
    pub fn claim(&self, now: Timestamp) -> Result<SecretString> {
        #[derive(Serialize)]
        struct Claims {
            iat: i64,
            exp: i64,
            iss: String,
        }
        let now = now.as_second();
        // A minute back: GitHub refuses a claim from the future, and clocks differ.
        let claims = Claims { iat: now - 60, exp: now + 540, iss: self.app.to_string() };
        jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &self.key)
            .map(SecretString::from)
            .map_err(|e| Error::Settings(format!("cannot sign with the App's private key: {e}")))
    }

    /// A token for `scope` on `repository` alone; minted if none is left that lasts.
    pub async fn token(
        &self,
        transport: &Transport,
        repository: &Repository,
        scope: TokenScope,
    ) -> Result<SecretString> {
        let slot = self.slot((repository.installation, repository.id, scope));
        // Held while minting, so that many who need the same token mint one.
        let mut token = slot.lock().await;
        if let Some(token) = token.as_ref().filter(|token| lasts(token, Timestamp::now())) {
            return Ok(token.secret.clone());
        }
        let minted = self.mint(transport, repository, scope).await?;
        Ok(token.insert(minted).secret.clone())
    }

    /// Drops a token that GitHub no longer accepts.
    pub async fn forget(&self, repository: &Repository, scope: TokenScope, refused: &SecretString) {
        let slot = self.slot((repository.installation, repository.id, scope));
        let mut token = slot.lock().await;
        // Another may have replaced it meanwhile.
        if token.as_ref().is_some_and(|t| t.secret.expose_secret() == refused.expose_secret()) {
            *token = None;
        }
    }

    fn slot(&self, key: Key) -> Slot {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.entry(key).or_default().clone()
    }

    async fn mint(
        &self,
        transport: &Transport,
        repository: &Repository,
        scope: TokenScope,
    ) -> Result<Token> {
        #[derive(Deserialize)]
        struct Minted {
            token: String,
            expires_at: Timestamp,
        }
        let permissions: Map<String, Value> = scope
            .permissions()
            .iter()
            .map(|(name, level)| ((*name).into(), json!(level)))
            .collect();
        let call = Call::mint(
            format!("/app/installations/{}/access_tokens", repository.installation),
            json!({ "repository_ids": [repository.id], "permissions": permissions }),
        );
        let claim = self.claim(Timestamp::now())?;
        let answer = transport.send(&call, None, &claim).await?;
        // serde's message could quote the token.
        let minted: Minted = serde_json::from_slice(&answer.body)
            .map_err(|_| call.unreadable("expected `token` and `expires_at`"))?;
        Ok(Token { secret: minted.token.into(), expires_at: minted.expires_at })
    }
}

fn lasts(token: &Token, now: Timestamp) -> bool {
    token.expires_at.duration_since(now) > MARGIN
}

impl Call {
    /// Minting a token changes nothing that anyone sees, so it may be tried again like a read.
    fn mint(path: String, body: Value) -> Self {
        let mut call = Self::write(Method::POST, path, body);
        call.kind = super::rate_limit::CallKind::Read;
        call
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_soon_ends_is_not_handed_out() {
        let now = Timestamp::from_second(0).unwrap();
        let token = |seconds| Token {
            secret: "t".into(),
            expires_at: Timestamp::from_second(seconds).unwrap(),
        };
        assert!(lasts(&token(3600), now));
        assert!(!lasts(&token(600), now));
        assert!(!lasts(&token(-1), now));
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

    #[test]
    fn a_key_that_is_none_is_not_quoted() {
        let error = Auth::new(AppId(1), &"not a key".into()).unwrap_err();
        assert!(error.to_string().contains("is not an RSA key in PEM"), "{error}");
        assert!(!error.to_string().contains("not a key"), "{error}");
    }
}
