//! Registering the App from its manifest: what is asked for, and the exchange of the code.
//!
//! The browser posts the manifest; only the exchange is a call of ours, without authentication.

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use planwright_core::{
    public_url::PublicUrl,
    registration::{Grants, Registration},
};
use planwright_package::yaml::Node;

use crate::{
    app::AppWire,
    call::Call,
    connection::Connection,
    error::{Error, Result},
    layers::authorization::Identity,
    sign_in::Client,
};

/// The file at the root of our repository.
const OURS: &str = include_str!("../../../app-manifest.yml");

/// The App that Planwright is, as GitHub wants it described.
pub struct Manifest(Value);

impl Manifest {
    /// Returns the one that this binary was built with.
    pub fn ours() -> Result<Self> {
        let wrong = |why: String| Error::Settings(format!("app-manifest.yml: {why}"));
        let node = Node::parse("app-manifest.yml", OURS.as_bytes())
            .map_err(|findings| wrong(findings.iter().map(ToString::to_string).collect()))?;
        Ok(Self(node.value()))
    }

    /// Returns what the App may do and is told.
    pub fn grants(&self) -> Grants {
        let texts = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let permissions = self.0["default_permissions"].as_object();
        let events = self.0["default_events"].as_array();
        Grants {
            permissions: permissions
                .into_iter()
                .flatten()
                .map(|(name, level)| (name.clone(), texts(level)))
                .collect(),
            events: events.into_iter().flatten().map(texts).collect(),
        }
    }

    /// Returns the JSON that the browser posts, for a bot at `url`; GitHub sends the browser on to
    /// `redirect`.
    pub fn document(&self, name: &str, url: &PublicUrl, redirect: &str) -> Value {
        let mut document = self.0.clone();
        document["name"] = name.into();
        document["url"] = url.to_string().into();
        document["hook_attributes"] = json!({ "url": url.webhook(), "active": true });
        document["callback_urls"] = json!([url.signed_in()]);
        document["redirect_url"] = redirect.into();
        document
    }
}

/// A new App with its secrets.
#[derive(Debug)]
pub struct Converted {
    pub registration: Registration,
    /// PEM.
    pub private_key: SecretString,
    /// GitHub makes none where the App has no webhook.
    pub webhook_secret: Option<SecretString>,
    /// As whom people sign in.
    pub client: Client,
}

/// Exchanges the code that GitHub sent the browser back with; it is good once, for an hour.
pub async fn convert(api_url: &str, code: &str) -> Result<Converted> {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(flatten)]
        app: AppWire,
        pem: String,
        webhook_secret: Option<String>,
        client_id: String,
        client_secret: String,
    }
    let is_code = !code.is_empty() && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !is_code {
        return Err(Error::Settings("GitHub sent no code that can be one".into()));
    }
    let connection = Connection::new(api_url)?;
    let call =
        Call::write(http::Method::POST, format!("/app-manifests/{code}/conversions"), json!({}))
            .without_body()
            // The code stands for the secrets until it is used.
            .named("POST /app-manifests/CODE/conversions");
    let answer = match call.send(&connection.octocrab(Identity::Nobody)).await {
        Err(Error::NotFound { call }) => {
            let message = "the code was used before, or is older than an hour".into();
            return Err(Error::Refused { call, status: 404, message });
        }
        answer => answer?,
    };
    // serde's message could quote a secret.
    let wire: Wire = serde_json::from_slice(&answer.body)
        .map_err(|_| call.unreadable("expected an App with `pem` and other secrets"))?;
    Ok(Converted {
        registration: wire.app.into(),
        private_key: wire.pem.into(),
        webhook_secret: wire.webhook_secret.filter(|secret| !secret.is_empty()).map(Into::into),
        client: Client { id: wire.client_id, secret: wire.client_secret.into() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_the_address_of_the_bot_and_what_is_asked_for() {
        let manifest = Manifest::ours().unwrap();
        let url = PublicUrl::parse("https://bot.example.org").unwrap();
        let document = manifest.document("acme-bot", &url, "http://127.0.0.1:1/created");
        assert_eq!(document["name"], "acme-bot");
        assert_eq!(document["url"], "https://bot.example.org");
        assert_eq!(document["hook_attributes"]["url"], "https://bot.example.org/webhook");
        assert_eq!(document["redirect_url"], "http://127.0.0.1:1/created");
        assert_eq!(document["callback_urls"][0], "https://bot.example.org/runs/signed-in");
        assert_eq!(document["default_permissions"]["checks"], "write");
        let grants = manifest.grants();
        assert_eq!(grants.permissions["metadata"], "read");
        assert!(grants.events.contains("push"));
    }

    #[tokio::test]
    async fn what_cannot_be_a_code_is_not_sent() {
        for code in ["", "../app", "a/b", "a?b"] {
            let error = convert("http://127.0.0.1:9", code).await.unwrap_err();
            assert!(matches!(error, Error::Settings(_)), "{code:?}: {error}");
        }
    }
}
