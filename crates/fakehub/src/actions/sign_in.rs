//! Signing in to the app with GitHub (OAuth with PKCE): a code for the browser, and its exchange
//! for a token.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{Timestamp, ToSpan};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    api_error::ApiError,
    state::{
        State,
        data::{By, SignIn},
    },
};

#[derive(Deserialize)]
pub struct AuthorizeRequest {
    client_id: String,
    redirect_uri: String,
    state: String,
    code_challenge: String,
    code_challenge_method: String,
}

#[derive(Deserialize)]
pub struct CodeExchange {
    client_id: String,
    client_secret: String,
    code: String,
    code_verifier: String,
    redirect_uri: String,
}

impl State {
    /// Returns the app's callback URL with a new code, to which the browser is redirected.
    ///
    /// Fails with 404 if the client id is wrong, and with 422 if the callback URL is not the app's
    /// or the request has no state or no S256 challenge.
    pub fn authorize_app(&mut self, by: By, wanted: AuthorizeRequest) -> Result<String, ApiError> {
        let app = &self.data.app;
        if wanted.client_id != app.client_id {
            return Err(ApiError::not_found());
        }
        if !app.callback_urls.contains(&wanted.redirect_uri) {
            let message = "The redirect_uri is not associated with this application.";
            return Err(ApiError::new(422, message));
        }
        if wanted.code_challenge_method != "S256" || wanted.state.is_empty() {
            return Err(ApiError::new(422, "fakehub wants a state, and a code_challenge of S256"));
        }
        let code = uuid::Uuid::new_v4().simple().to_string();
        let mut answer = form_urlencoded::Serializer::new(String::new());
        answer.append_pair("code", &code).append_pair("state", &wanted.state);
        let location = format!("{}?{}", wanted.redirect_uri, answer.finish());
        let sign_in = SignIn {
            account: by.account,
            redirect_uri: wanted.redirect_uri,
            challenge: wanted.code_challenge,
            expires_at: Timestamp::now() + 10.minutes(),
        };
        self.data.sign_ins.insert(code, sign_in);
        Ok(location)
    }

    /// Exchanges a code for a token of the person. Returns the JSON of GitHub's answer, which says
    /// in `error` what is wrong.
    pub fn exchange_sign_in(&mut self, proof: &CodeExchange) -> Value {
        let error = |error: &str| json!({ "error": error, "error_description": error });
        let app = &self.data.app;
        if (&proof.client_id, &proof.client_secret) != (&app.client_id, &app.client_secret) {
            return error("incorrect_client_credentials");
        }
        // The code is used up even if the rest of the request is wrong.
        let Some(sign_in) = self.data.sign_ins.remove(&proof.code) else {
            return error("bad_verification_code");
        };
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(proof.code_verifier.as_bytes()));
        if sign_in.expires_at <= Timestamp::now() || sign_in.challenge != challenge {
            return error("bad_verification_code");
        }
        if sign_in.redirect_uri != proof.redirect_uri {
            return error("redirect_uri_mismatch");
        }
        let token = format!("ghu_{}", uuid::Uuid::new_v4().simple());
        self.data.user_tokens.insert(token.clone(), sign_in.account);
        json!({ "access_token": token, "token_type": "bearer", "scope": "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACK: &str = "http://127.0.0.1:9/runs/signed-in";

    fn state() -> (tempfile::TempDir, State, By) {
        let dir = tempfile::tempdir().unwrap();
        let mut state = State::open(dir.path().to_path_buf()).unwrap();
        state.data.app.callback_urls = vec![BACK.into()];
        let account = state.add_account("alice", crate::state::data::AccountKind::User);
        (dir, state, By { account, via_app: false })
    }

    fn wanted(state: &State, redirect: &str, verifier: &str) -> AuthorizeRequest {
        AuthorizeRequest {
            client_id: state.data.app.client_id.clone(),
            redirect_uri: redirect.into(),
            state: "s".into(),
            code_challenge: URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)),
            code_challenge_method: "S256".into(),
        }
    }

    fn code(state: &mut State, by: By) -> String {
        let wanted = wanted(state, BACK, "verifier");
        let location = state.authorize_app(by, wanted).unwrap();
        let code = location.split_once("code=").unwrap().1;
        code.split('&').next().unwrap().to_owned()
    }

    fn proof(state: &State, code: &str) -> CodeExchange {
        CodeExchange {
            client_id: state.data.app.client_id.clone(),
            client_secret: state.data.app.client_secret.clone(),
            code: code.into(),
            code_verifier: "verifier".into(),
            redirect_uri: BACK.into(),
        }
    }

    #[test]
    fn a_code_is_good_once_for_who_began() {
        let (_dir, mut state, by) = state();
        let good = code(&mut state, by);
        let good = proof(&state, &good);
        let answer = state.exchange_sign_in(&good);
        let token = answer["access_token"].as_str().unwrap();
        assert!(matches!(
            state.actor(Some(&format!("Bearer {token}"))),
            Ok(crate::actions::access::Actor::User(account)) if account == by.account
        ));
        assert_eq!(state.exchange_sign_in(&good)["error"], "bad_verification_code");
        let spoil: [fn(&mut CodeExchange); 3] = [
            |proof| proof.client_secret.push('x'),
            |proof| proof.code_verifier.push('x'),
            |proof| proof.redirect_uri.push('x'),
        ];
        for spoil in spoil {
            let next = code(&mut state, by);
            let mut spoilt = proof(&state, &next);
            spoil(&mut spoilt);
            assert!(state.exchange_sign_in(&spoilt)["access_token"].is_null());
        }
    }

    #[test]
    fn the_browser_is_sent_to_no_address_but_the_apps_own() {
        let (_dir, mut state, by) = state();
        let wanted = wanted(&state, "http://evil.example/", "verifier");
        assert_eq!(state.authorize_app(by, wanted).err().unwrap().status, 422);
    }
}
