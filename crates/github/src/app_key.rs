//! The App's private key, and the JSON Web Tokens that it signs.

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use planwright_core::actor::AppId;

use crate::error::{Error, Result};

pub(crate) struct AppKey {
    pub app: AppId,
    key: EncodingKey,
}

impl std::fmt::Debug for AppKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppKey").field("app", &self.app).finish_non_exhaustive()
    }
}

impl AppKey {
    /// Fails if `private_key` is not an RSA key in PEM.
    pub fn new(app: AppId, private_key: &SecretString) -> Result<Self> {
        let key =
            EncodingKey::from_rsa_pem(private_key.expose_secret().as_bytes()).map_err(|_| {
                // The cause might quote the key.
                Error::Settings(
                    "the App's private key is not an RSA key in PEM; \
                     generate one on the App's settings page and pass the whole file"
                        .into(),
                )
            })?;
        Ok(Self { app, key })
    }

    /// Returns a token that authenticates as the App for nine minutes. GitHub allows at most ten.
    pub fn claim(&self, now: Timestamp) -> Result<SecretString> {
        #[derive(Serialize)]
        struct Claims {
            iat: i64,
            exp: i64,
            iss: String,
        }
        let now = now.as_second();
        // Issued a minute ago, because GitHub rejects tokens from the future and clocks differ.
        let claims = Claims { iat: now - 60, exp: now + 540, iss: self.app.to_string() };
        jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &self.key)
            .map(SecretString::from)
            .map_err(|e| Error::Settings(format!("cannot sign with the App's private key: {e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_none_is_not_quoted() {
        let error = AppKey::new(AppId(1), &"not a key".into()).unwrap_err();
        assert!(error.to_string().contains("is not an RSA key in PEM"), "{error}");
        assert!(!error.to_string().contains("not a key"), "{error}");
    }
}
