//! Signing in to an app with GitHub: a code for the browser, and its exchange for a token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{Timestamp, ToSpan};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::api_error::Refusal;
use crate::state::World;
use crate::state::data::{By, SignIn};

#[derive(Deserialize)]
pub struct Wish {
    client_id: String,
    redirect_uri: String,
    state: String,
    code_challenge: String,
    code_challenge_method: String,
}

#[derive(Deserialize)]
pub struct Proof {
    client_id: String,
    client_secret: String,
    code: String,
    code_verifier: String,
    redirect_uri: String,
}

impl World {
    /// Answers the address, with a code, that the browser goes back to.
    pub fn authorize_app(&mut self, by: By, wish: Wish) -> Result<String, Refusal> {
        let app = &self.state.app;
        if wish.client_id != app.client_id {
            return Err(Refusal::not_found());
        }
        if !app.callback_urls.contains(&wish.redirect_uri) {
            let message = "The redirect_uri is not associated with this application.";
            return Err(Refusal::new(422, message));
        }
        if wish.code_challenge_method != "S256" || wish.state.is_empty() {
            return Err(Refusal::new(422, "fakehub wants a state, and a code_challenge of S256"));
        }
        let code = uuid::Uuid::new_v4().simple().to_string();
        let mut answer = form_urlencoded::Serializer::new(String::new());
        answer.append_pair("code", &code).append_pair("state", &wish.state);
        let location = format!("{}?{}", wish.redirect_uri, answer.finish());
        let sign_in = SignIn {
            account: by.account,
            redirect_uri: wish.redirect_uri,
            challenge: wish.code_challenge,
            expires_at: Timestamp::now() + 10.minutes(),
        };
        self.state.sign_ins.insert(code, sign_in);
        Ok(location)
    }

    pub fn exchange_sign_in(&mut self, proof: &Proof) -> Value {
        let error = |error: &str| json!({ "error": error, "error_description": error });
        let app = &self.state.app;
        if (&proof.client_id, &proof.client_secret) != (&app.client_id, &app.client_secret) {
            return error("incorrect_client_credentials");
        }
        // A code is good once, whatever comes with it.
        let Some(sign_in) = self.state.sign_ins.remove(&proof.code) else {
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
        self.state.user_tokens.insert(token.clone(), sign_in.account);
        json!({ "access_token": token, "token_type": "bearer", "scope": "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACK: &str = "http://127.0.0.1:9/runs/signed-in";

    fn world() -> (tempfile::TempDir, World, By) {
        let dir = tempfile::tempdir().unwrap();
        let mut world = World::open(dir.path().to_path_buf()).unwrap();
        world.state.app.callback_urls = vec![BACK.into()];
        let account = world.add_account("alice", crate::state::data::AccountKind::User);
        (dir, world, By { account, via_app: false })
    }

    fn wish(world: &World, redirect: &str, verifier: &str) -> Wish {
        Wish {
            client_id: world.state.app.client_id.clone(),
            redirect_uri: redirect.into(),
            state: "s".into(),
            code_challenge: URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)),
            code_challenge_method: "S256".into(),
        }
    }

    fn code(world: &mut World, by: By) -> String {
        let wish = wish(world, BACK, "verifier");
        let location = world.authorize_app(by, wish).unwrap();
        let code = location.split_once("code=").unwrap().1;
        code.split('&').next().unwrap().to_owned()
    }

    fn proof(world: &World, code: &str) -> Proof {
        Proof {
            client_id: world.state.app.client_id.clone(),
            client_secret: world.state.app.client_secret.clone(),
            code: code.into(),
            code_verifier: "verifier".into(),
            redirect_uri: BACK.into(),
        }
    }

    #[test]
    fn a_code_is_good_once_for_who_began() {
        let (_dir, mut world, by) = world();
        let good = code(&mut world, by);
        let good = proof(&world, &good);
        let answer = world.exchange_sign_in(&good);
        let token = answer["access_token"].as_str().unwrap();
        assert!(matches!(
            world.actor(Some(&format!("Bearer {token}"))),
            Ok(crate::actions::access::Actor::User(account)) if account == by.account
        ));
        assert_eq!(world.exchange_sign_in(&good)["error"], "bad_verification_code");
        let spoil: [fn(&mut Proof); 3] = [
            |proof| proof.client_secret.push('x'),
            |proof| proof.code_verifier.push('x'),
            |proof| proof.redirect_uri.push('x'),
        ];
        for spoil in spoil {
            let next = code(&mut world, by);
            let mut spoilt = proof(&world, &next);
            spoil(&mut spoilt);
            assert!(world.exchange_sign_in(&spoilt)["access_token"].is_null());
        }
    }

    #[test]
    fn the_browser_is_sent_to_no_address_but_the_apps_own() {
        let (_dir, mut world, by) = world();
        let wish = wish(&world, "http://evil.example/", "verifier");
        assert_eq!(world.authorize_app(by, wish).err().unwrap().status, 422);
    }
}
