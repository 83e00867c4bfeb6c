//! Signing in with GitHub: the web application flow of a GitHub App, with PKCE.
//!
//! The person's token is used only to read who they are, and then dropped. What they may see is
//! read as the App.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use planwright_core::{
    actor::Actor,
    names::{PrNumber, RepoName},
};

use crate::{Error, GitHub, Result, call::Call, layers::authorization::Identity, wire::Account};

/// The OAuth client of the App.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: String,
    pub secret: SecretString,
}

impl GitHub {
    /// Returns the address to which the browser is redirected. It comes back to `redirect` with
    /// `state` and a code.
    pub fn sign_in_url(
        &self,
        client: &Client,
        state: &str,
        verifier: &str,
        redirect: &str,
    ) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", &client.id)
            .append_pair("redirect_uri", redirect)
            .append_pair("state", state)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .finish();
        format!("{}/login/oauth/authorize?{query}", self.web())
    }

    /// Returns the person to whom `code` belongs. Fails if the code is wrong or expired.
    pub async fn signed_in(
        &self,
        client: &Client,
        code: &str,
        verifier: &str,
        redirect: &str,
    ) -> Result<Actor> {
        #[derive(Deserialize)]
        struct Wire {
            access_token: Option<String>,
            error: Option<String>,
        }
        let body = json!({
            "client_id": client.id,
            "client_secret": client.secret.expose_secret(),
            "code": code,
            "code_verifier": verifier,
            "redirect_uri": redirect,
        });
        let exchange = Call::write(Method::POST, "/login/oauth/access_token", body).at_web();
        let answer = exchange.send(&self.connection.octocrab(Identity::Nobody)).await?;
        // serde's message might quote the token.
        let wire: Wire = serde_json::from_slice(&answer.body)
            .map_err(|_| exchange.unreadable("expected `access_token` or `error`"))?;
        let token = match wire {
            Wire { access_token: Some(token), error: None } => SecretString::from(token),
            Wire { error, .. } => {
                let message = error.unwrap_or_else(|| "it gave no token".into());
                return Err(Error::Refused { call: exchange.name(), status: 200, message });
            }
        };
        let call = Call::read("/user");
        let as_person = self.connection.octocrab(Identity::Holder(token));
        let account: Account = call.send(&as_person).await?.json(&call)?;
        account.actor().map_err(|why| call.unreadable(why))
    }

    /// Returns the address of a pull request on GitHub's website.
    pub fn pull_url(&self, repo: &RepoName, number: PrNumber) -> String {
        format!("{}/{repo}/pull/{number}", self.web())
    }
}
