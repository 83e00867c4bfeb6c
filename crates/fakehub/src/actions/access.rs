//! Identifies callers by a JWT, an installation token or a person's token, and checks what they may
//! do.
//!
//! Installation tokens are minted and revoked in `rest/app`.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    api_error::ApiError,
    state::{
        State,
        data::{By, InstallationToken, Level, Role},
    },
};

#[derive(Clone, Debug)]
pub enum Actor {
    /// The app itself, which authenticates by a JWT.
    App,
    Installation {
        token: String,
        grant: InstallationToken,
    },
    User(i64),
}

/// What an operation requires of its caller.
#[derive(Clone, Copy, Debug)]
pub enum Access {
    /// Nothing: a secret in the path authorises the call.
    Anyone,
    Jwt,
    /// A token of a person.
    Person,
    /// An installation token, whatever its permissions.
    Token,
    /// An installation token with one of `permissions` at `level` or above, or a person with `role`
    /// or above. Without a `role`, no person is allowed.
    Repository {
        permissions: &'static [&'static str],
        level: Level,
        role: Option<Role>,
    },
}

#[derive(Deserialize)]
struct Claims {
    exp: i64,
    iat: i64,
    iss: Value,
}

impl Actor {
    /// Returns the name of the caller for the call log.
    pub fn name(&self, state: &State) -> String {
        match self {
            Self::App => "app".to_owned(),
            Self::Installation { grant, .. } => format!("installation/{}", grant.installation),
            Self::User(id) => state
                .account(*id)
                .map_or_else(|_| "unknown".into(), |account| account.login.clone()),
        }
    }

    /// Returns the author of what the caller writes: the person, or the app's bot.
    pub fn by(&self, state: &State) -> By {
        match self {
            Self::User(account) => By { account: *account, via_app: false },
            Self::App | Self::Installation { .. } => {
                By { account: state.data.app.bot, via_app: true }
            }
        }
    }
}

impl State {
    /// Returns the caller that an `Authorization` header identifies.
    ///
    /// Fails with 401 if the credentials are missing or wrong, with 403 if the installation is
    /// suspended, and with 404 if a JWT is of another app, as GitHub does.
    pub fn actor(&self, authorization: Option<&str>) -> Result<Actor, ApiError> {
        let header = authorization.ok_or_else(|| ApiError::new(401, "Requires authentication"))?;
        let (scheme, credential) = header.split_once(' ').ok_or_else(ApiError::bad_credentials)?;
        match scheme.to_ascii_lowercase().as_str() {
            "basic" => {
                let decoded = STANDARD.decode(credential).unwrap_or_default();
                let decoded = String::from_utf8_lossy(&decoded);
                let (_, password) =
                    decoded.split_once(':').ok_or_else(ApiError::bad_credentials)?;
                self.actor_of_token(password)
            }
            "bearer" | "token" if credential.starts_with("gh") => self.actor_of_token(credential),
            "bearer" => self.check_jwt(credential, Timestamp::now()).map(|()| Actor::App),
            _ => Err(ApiError::bad_credentials()),
        }
    }

    fn actor_of_token(&self, token: &str) -> Result<Actor, ApiError> {
        if let Some(grant) = self.data.tokens.get(token) {
            if grant.expires_at <= Timestamp::now() {
                return Err(ApiError::bad_credentials());
            }
            let installation = self.data.installations.get(&grant.installation);
            let installation = installation.ok_or_else(ApiError::bad_credentials)?;
            if installation.suspended_at.is_some() {
                return Err(ApiError::new(403, "This installation has been suspended"));
            }
            return Ok(Actor::Installation { token: token.to_owned(), grant: grant.clone() });
        }
        if let Some(account) = self.data.user_tokens.get(token) {
            return Ok(Actor::User(*account));
        }
        let is_theirs =
            |account: &&crate::state::data::Account| account.token.as_deref() == Some(token);
        let account = self.data.accounts.values().find(is_theirs);
        account.map(|account| Actor::User(account.id)).ok_or_else(ApiError::bad_credentials)
    }

    fn check_jwt(&self, jwt: &str, now: Timestamp) -> Result<(), ApiError> {
        let undecodable = || ApiError::new(401, "A JSON web token could not be decoded");
        let der = STANDARD.decode(&self.data.app.public_key_der).map_err(|_| undecodable())?;
        let mut validation = Validation::new(Algorithm::RS256);
        // The times are checked below, so that the errors have GitHub's messages.
        validation.validate_exp = false;
        let key = DecodingKey::from_rsa_der(&der);
        let claims = jsonwebtoken::decode::<Claims>(jwt, &key, &validation)
            .map_err(|_| undecodable())?
            .claims;
        let app = &self.data.app;
        let is_ours = match &claims.iss {
            Value::String(issuer) => *issuer == app.client_id || *issuer == app.id.to_string(),
            issuer => *issuer == app.id,
        };
        let now = now.as_second();
        match () {
            () if !is_ours => Err(ApiError::new(404, "Integration not found")),
            () if claims.exp <= now => Err(ApiError::new(
                401,
                "'Expiration time' claim ('exp') must be a numeric value representing the future \
                 time at which the assertion expires",
            )),
            () if claims.exp > now + 600 => {
                Err(ApiError::new(401, "'Expiration time' claim ('exp') is too far in the future"))
            }
            () if claims.iat > now => Err(ApiError::new(
                401,
                "'Issued at' claim ('iat') must be an Integer representing the time that the \
                 assertion was issued",
            )),
            () => Ok(()),
        }
    }

    /// Fails unless the caller may perform an operation that requires `access` on `repo`.
    pub fn admit(&self, actor: &Actor, access: Access, repo: Option<i64>) -> Result<(), ApiError> {
        match (actor, access) {
            (_, Access::Anyone) => Ok(()),
            (Actor::App, Access::Jwt)
            | (Actor::Installation { .. }, Access::Token)
            | (Actor::User(_), Access::Person) => Ok(()),
            (Actor::Installation { .. }, Access::Person) => Err(ApiError::not_accessible()),
            (Actor::Installation { .. } | Actor::User(_), Access::Jwt) => {
                Err(ApiError::new(401, "A JSON web token could not be decoded"))
            }
            (Actor::App, _) => Err(ApiError::bad_credentials()),
            (Actor::User(_), Access::Token) => Err(ApiError::new(
                403,
                "You must authenticate with an installation access token in order to revoke it",
            )),
            (Actor::Installation { grant, .. }, Access::Repository { permissions, level, .. }) => {
                if !self.covers(grant, repo.ok_or_else(ApiError::not_found)?)? {
                    return Err(ApiError::not_found());
                }
                let given = &grant.permissions;
                match permissions.iter().any(|name| given.get(*name) >= Some(&level)) {
                    true => Ok(()),
                    false => Err(ApiError::not_accessible()),
                }
            }
            (Actor::User(_), Access::Repository { role: None, .. }) => {
                Err(ApiError::new(403, "You must authenticate via a GitHub App."))
            }
            (Actor::User(id), Access::Repository { role: Some(role), .. }) => {
                let by = By { account: *id, via_app: false };
                self.require_role(repo.ok_or_else(ApiError::not_found)?, by, role)
            }
        }
    }

    /// Fails unless `by` is the app or has at least `role`: with 404 if they cannot read the
    /// repository, otherwise with 403.
    pub fn require_role(&self, repository: i64, by: By, role: Role) -> Result<(), ApiError> {
        if by.via_app || self.role(repository, by.account)? >= Some(role) {
            return Ok(());
        }
        if self.role(repository, by.account)?.is_none() {
            return Err(ApiError::not_found());
        }
        let why = format!("Must have {role:?} access to Repository.").to_lowercase();
        Err(ApiError::new(403, why.replacen("must", "Must", 1)))
    }

    pub fn require_unarchived(&self, repo: i64) -> Result<(), ApiError> {
        match self.repository(repo)?.archived {
            true => Err(ApiError::new(403, "Repository was archived so is read-only.")),
            false => Ok(()),
        }
    }

    /// Returns whether an installation token reaches a repository.
    ///
    /// GitHub lets any token read public repositories. fakehub does not, so that a test notices a
    /// token that was minted for the wrong repository.
    pub fn covers(&self, grant: &InstallationToken, repository: i64) -> Result<bool, ApiError> {
        let installation = self.installation(grant.installation)?;
        let is_installed = self.repository(repository)?.owner == installation.account;
        Ok(is_installed && grant.repositories.as_ref().is_none_or(|ids| ids.contains(&repository)))
    }
}

/// Returns the permissions of a new token: those in `asked` and read access to metadata, or all of
/// `granted` if nothing is asked for.
///
/// Fails with 422 if `asked` exceeds `granted`.
pub fn permission_subset(
    granted: &BTreeMap<String, Level>,
    asked: Option<&BTreeMap<String, Level>>,
) -> Result<BTreeMap<String, Level>, ApiError> {
    let Some(asked) = asked else { return Ok(granted.clone()) };
    let is_more = asked.iter().any(|(name, level)| granted.get(name) < Some(level));
    if is_more {
        let message = "The permissions requested are not granted to this installation.";
        return Err(ApiError::new(422, message));
    }
    let mut subset = asked.clone();
    // GitHub grants this to every token.
    subset.insert("metadata".into(), Level::Read);
    Ok(subset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(of: &[(&str, Level)]) -> BTreeMap<String, Level> {
        of.iter().map(|(name, level)| ((*name).to_owned(), *level)).collect()
    }

    #[test]
    fn a_token_has_what_was_asked_for_and_metadata() {
        let granted = levels(&[("checks", Level::Write), ("issues", Level::Write)]);
        let asked = levels(&[("checks", Level::Read)]);
        let subset = permission_subset(&granted, Some(&asked)).unwrap();
        assert_eq!(subset, levels(&[("checks", Level::Read), ("metadata", Level::Read)]));
    }

    #[test]
    fn a_token_is_refused_that_would_have_more_than_the_installation() {
        let granted = levels(&[("checks", Level::Read)]);
        for asked in [("checks", Level::Write), ("contents", Level::Read)] {
            let asked = levels(&[asked]);
            assert_eq!(permission_subset(&granted, Some(&asked)).unwrap_err().status, 422);
        }
    }

    #[test]
    fn a_token_is_refused_after_its_hour() {
        let dir = tempfile::tempdir().unwrap();
        let mut state = State::open(dir.path().to_path_buf()).unwrap();
        let repo = state.add_repository("acme/infra", &[("a", "a")]).unwrap();
        let installation = state.installation_of(repo).unwrap().id;
        let mut grant = InstallationToken {
            installation,
            permissions: levels(&[]),
            repositories: None,
            expires_at: Timestamp::MAX,
        };
        state.data.tokens.insert("ghs_x".into(), grant.clone());
        assert!(state.actor(Some("Bearer ghs_x")).is_ok());
        grant.expires_at = Timestamp::now();
        state.data.tokens.insert("ghs_x".into(), grant);
        assert_eq!(state.actor(Some("Bearer ghs_x")).unwrap_err(), ApiError::bad_credentials());
    }
}
