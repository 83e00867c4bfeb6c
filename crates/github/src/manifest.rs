//! Registering the App from its manifest, and exchanging the code that GitHub returns for its
//! secrets.
//!
//! The browser posts the manifest. Only the exchange is a call from here, without authentication.

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

/// The manifest at the root of our repository.
const OURS: &str = include_str!("../../../app-manifest.yml");

/// A manifest of a GitHub App.
pub struct Manifest(Value);

impl Manifest {
    /// Returns the manifest that this binary was built with.
    pub fn ours() -> Result<Self> {
        let wrong = |why: String| Error::Settings(format!("app-manifest.yml: {why}"));
        let node = Node::parse("app-manifest.yml", OURS.as_bytes())
            .map_err(|findings| wrong(findings.iter().map(ToString::to_string).collect()))?;
        Ok(Self(node.value()))
    }

    /// Returns the permissions and events that the manifest asks for.
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

    /// Returns the JSON that the browser posts, for a bot at `url`. GitHub then redirects the
    /// browser to `redirect`.
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
    /// The key in PEM.
    pub private_key: SecretString,
    /// `None` if the App has no webhook.
    pub webhook_secret: Option<SecretString>,
    /// The OAuth client with which people sign in.
    pub client: Client,
}

/// Exchanges the code with which GitHub redirected the browser. It is valid once, for an hour.
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
            // Until it is used, the code can be exchanged for the secrets.
            .named("POST /app-manifests/CODE/conversions");
    let answer = match call.send(&connection.octocrab(Identity::Nobody)).await {
        Err(Error::NotFound { call }) => {
            let message = "the code was used before, or is older than an hour".into();
            return Err(Error::Refused { call, status: 404, message });
        }
        answer => answer?,
    };
    // serde's message might quote a secret.
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
