//! Signing in to an app with GitHub: the page that sends the browser back with a code, and the
//! exchange of the code for a token of the person.
//!
//! Whoever asks for the page approves it, as the person that they are on the pages; GitHub asks once.

use serde_json::Value;

use crate::api_error::Refusal;
use crate::http::{Ask, Reply};
use crate::hub::Hub;
use crate::pages::context::person;

pub const PAGE: &str = "/login/oauth/authorize";
const EXCHANGE: &str = "/login/oauth/access_token";

/// Sends the browser back to the app with a code.
pub fn authorize(hub: &Hub, ask: &Ask) -> Result<Reply, Refusal> {
    let wish = fields(ask.query.as_bytes())?;
    let location = hub.0.change(|world| {
        let by = person(world, ask)?;
        world.authorize_app(by, wish)
    })?;
    Ok(Reply::empty(302).with("location", location))
}

pub fn is_exchange(ask: &Ask) -> bool {
    ask.path == EXCHANGE && ask.method.as_str() == "POST"
}

/// Answers 200 whatever becomes of it, as GitHub does.
pub fn exchange(hub: &Hub, ask: &Ask) -> Reply {
    let proof = match ask.header("content-type").unwrap_or_default() {
        "application/json" => ask.json().and_then(read),
        _ => fields(&ask.body),
    };
    let exchanged =
        proof.and_then(|proof| hub.0.change(|world| Ok(world.exchange_sign_in(&proof))));
    match exchanged {
        Ok(answer) => Reply::json(200, &answer),
        Err(refusal) => Reply::refusal(&refusal),
    }
}

fn fields<T: serde::de::DeserializeOwned>(encoded: &[u8]) -> Result<T, Refusal> {
    let pairs = form_urlencoded::parse(encoded).into_owned();
    read(pairs.map(|(name, value)| (name, Value::from(value))).collect())
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, Refusal> {
    serde_json::from_value(value).map_err(|error| Refusal::new(422, error.to_string()))
}
