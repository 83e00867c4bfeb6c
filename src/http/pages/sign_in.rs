//! Signing in with GitHub, the return from there, and signing out.
//!
//! The state in between is in a signed cookie, so that any process of the bot can continue with it.
//! After signing in, the browser can only be sent to the page of a run.

use std::{collections::HashMap, sync::Arc};

use anyhow::Context as _;
use axum::{
    extract::{Query, State},
    http::{
        HeaderMap, StatusCode,
        header::{COOKIE, LOCATION, SET_COOKIE},
    },
    response::{AppendHeaders, IntoResponse, Response},
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use planwright_core::actor::Actor;

use super::{super::is_same, PagesState, Shared, no_pages, said};

const SESSION: &str = "planwright_session";
const SIGN_IN: &str = "planwright_sign_in";

/// How long a person stays signed in, and how long signing in may take.
const SIGNED_IN_FOR: SignedDuration = SignedDuration::from_hours(8);
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// A person who has signed in.
#[derive(Serialize, Deserialize)]
struct Session {
    actor: Actor,
    until: Timestamp,
}

/// A person who is signing in at GitHub.
#[derive(Serialize, Deserialize)]
struct Visit {
    /// An unguessable value that GitHub returns with the code.
    state: String,
    /// The run whose page was requested.
    run: Uuid,
    until: Timestamp,
}

impl PagesState {
    /// Returns the person who has signed in with this browser, if any.
    pub fn viewer(&self, headers: &HeaderMap) -> Option<Actor> {
        let session: Session = self.signed_value(SESSION, headers)?;
        (session.until > self.app.now()).then_some(session.actor)
    }

    fn signed_value<T: serde::de::DeserializeOwned>(
        &self,
        name: &str,
        headers: &HeaderMap,
    ) -> Option<T> {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = cookies.flat_map(|value| value.split(';'));
        let mut named = pairs.filter_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='));
        named.find_map(|text| self.signer.as_ref()?.verify(name, text))
    }

    /// Returns a cookie that is sent only to the pages and that no script can read.
    fn cookie(&self, name: &str, value: &str, age: SignedDuration) -> String {
        let url = self.app.public_url.as_ref();
        let path = url.map_or_else(String::new, |url| url.pages());
        let secure = if url.is_some_and(|url| url.is_encrypted()) { "; Secure" } else { "" };
        let age = age.as_secs();
        format!("{name}={value}; Path={path}; Max-Age={age}; HttpOnly; SameSite=Lax{secure}")
    }
}

/// Redirects the browser to GitHub; after signing in it gets the page of `run`.
pub fn begin(pages: &PagesState, run: Uuid) -> Response {
    let app = &pages.app;
    let (Some(signer), Some(url), Some(client)) = (&pages.signer, &app.public_url, &app.client)
    else {
        return no_pages(app);
    };
    let away = || {
        let state = random()?;
        let verifier = signer.derive(SIGN_IN, &state);
        let to = app.github.sign_in_url(client, &state, &verifier, &url.signed_in());
        let until = app.now().checked_add(PATIENCE)?;
        let visit = signer.sign(SIGN_IN, &Visit { state, run, until })?;
        anyhow::Ok((to, pages.cookie(SIGN_IN, &visit, PATIENCE)))
    };
    match away() {
        Ok((to, cookie)) => {
            (StatusCode::SEE_OTHER, [(LOCATION, to), (SET_COOKIE, cookie)]).into_response()
        }
        Err(error) => failed(&error, run),
    }
}

/// Completes the sign-in when the browser returns from GitHub.
pub async fn back(
    State(pages): Shared,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let app = &pages.app;
    let (Some(signer), Some(url), Some(client)) = (&pages.signer, &app.public_url, &app.client)
    else {
        return no_pages(app);
    };
    let given = |name: &str| query.get(name).map_or("", String::as_str);
    let visit = pages
        .signed_value::<Visit>(SIGN_IN, &headers)
        .filter(|visit| visit.until > app.now() && is_same(&visit.state, given("state")));
    let Some(Visit { state, run, .. }) = visit else {
        let text = "This sign-in was not begun in this browser, or more than ten minutes ago. Open \
                    the page again that you wanted to see.";
        return said(StatusCode::FORBIDDEN, "Not signed in", text, None);
    };
    if !given("error").is_empty() {
        let text = "GitHub did not sign you in, so nothing can be shown.";
        return said(StatusCode::FORBIDDEN, "Not signed in", text, Some(run.to_string()));
    }
    let verifier = signer.derive(SIGN_IN, &state);
    let actor = app.github.signed_in(client, given("code"), &verifier, &url.signed_in()).await;
    let signed_in = || {
        let actor = actor?;
        anyhow::ensure!(actor.is_user(), "`{}` is no person", actor.login);
        let until = app.now().checked_add(SIGNED_IN_FOR)?;
        let session = signer.sign(SESSION, &Session { actor, until })?;
        anyhow::Ok(pages.cookie(SESSION, &session, SIGNED_IN_FOR))
    };
    match signed_in() {
        Ok(session) => {
            let over = pages.cookie(SIGN_IN, "", SignedDuration::ZERO);
            let cookies = AppendHeaders([(SET_COOKIE, session), (SET_COOKIE, over)]);
            (StatusCode::SEE_OTHER, [(LOCATION, url.page(run))], cookies).into_response()
        }
        Err(error) => failed(&error, run),
    }
}

/// Signs out.
pub async fn out(State(pages): State<Arc<PagesState>>) -> Response {
    let over = pages.cookie(SESSION, "", SignedDuration::ZERO);
    let text = "You are signed out here; at GitHub you are as before.";
    let page = said(StatusCode::OK, "Signed out", text, None);
    ([(SET_COOKIE, over)], page).into_response()
}

fn failed(error: &anyhow::Error, run: Uuid) -> Response {
    tracing::warn!("a sign-in failed: {error:#}");
    let text = "GitHub could not say who you are; the log of the bot says why.";
    said(StatusCode::BAD_GATEWAY, "Not signed in", text, Some(run.to_string()))
}

/// Returns 32 random bytes in hexadecimal.
fn random() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).ok().context("this machine gives no randomness")?;
    Ok(hex::encode(bytes))
}
