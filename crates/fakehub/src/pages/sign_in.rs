//! Signing in to the app with GitHub: the page that redirects the browser with a code, and the
//! exchange of the code for a token of the person.
//!
//! Opening the page approves the sign-in, as the person whom the cookie names. GitHub asks the
//! first time.

use serde_json::Value;

use crate::{
    api_error::ApiError,
    http::{Request, Response},
    hub::Hub,
    pages::context::person,
};

pub const PAGE: &str = "/login/oauth/authorize";
const EXCHANGE: &str = "/login/oauth/access_token";

/// Redirects the browser to the app with a code.
pub fn authorize(hub: &Hub, request: &Request) -> Result<Response, ApiError> {
    let wanted = fields(request.query.as_bytes())?;
    let location = hub.0.change(|state| {
        let by = person(state, request)?;
        state.authorize_app(by, wanted)
    })?;
    Ok(Response::empty(302).with("location", location))
}

pub fn is_exchange(request: &Request) -> bool {
    request.path == EXCHANGE && request.method.as_str() == "POST"
}

/// Exchanges a code for a token. Like GitHub, answers a wrong code or secret with status 200.
pub fn exchange(hub: &Hub, request: &Request) -> Response {
    let proof = match request.header("content-type").unwrap_or_default() {
        "application/json" => request.json().and_then(read),
        _ => fields(&request.body),
    };
    let exchanged =
        proof.and_then(|proof| hub.0.change(|state| Ok(state.exchange_sign_in(&proof))));
    match exchanged {
        Ok(answer) => Response::json(200, &answer),
        Err(error) => Response::error(&error),
    }
}

fn fields<T: serde::de::DeserializeOwned>(encoded: &[u8]) -> Result<T, ApiError> {
    let pairs = form_urlencoded::parse(encoded).into_owned();
    read(pairs.map(|(name, value)| (name, Value::from(value))).collect())
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, ApiError> {
    serde_json::from_value(value).map_err(|error| ApiError::new(422, error.to_string()))
}
