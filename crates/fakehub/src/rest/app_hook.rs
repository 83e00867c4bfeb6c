//! The configuration of the app's webhook.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    actions::access::Access,
    api_error::ApiError,
    http::Response,
    rest::operation::{Context, Operation},
    state::State,
};

pub const OPERATIONS: [Operation; 2] = [
    Operation { method: "GET", path: "/app/hook/config", access: Access::Jwt, perform: config },
    Operation { method: "PATCH", path: "/app/hook/config", access: Access::Jwt, perform: edit },
];

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Edit {
    url: Option<String>,
    content_type: Option<String>,
    secret: Option<String>,
    insecure_ssl: Option<String>,
}

fn config(context: &mut Context<'_>) -> Result<Response, ApiError> {
    Ok(Response::json(200, &config_json(context.state)))
}

fn edit(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let edit: Edit = context.fields()?;
    let state = &mut *context.state;
    if edit.url.is_some() {
        state.webhook_url = edit.url;
    }
    let app = &mut state.data.app;
    app.hook.content_type = edit.content_type.unwrap_or_else(|| app.hook.content_type.clone());
    app.hook.insecure_ssl = edit.insecure_ssl.unwrap_or_else(|| app.hook.insecure_ssl.clone());
    app.webhook_secret = edit.secret.unwrap_or_else(|| app.webhook_secret.clone());
    Ok(Response::json(200, &config_json(state)))
}

/// Returns the configuration. As on GitHub, asterisks stand for the secret, if there is one.
fn config_json(state: &State) -> Value {
    let app = &state.data.app;
    let mut config =
        json!({ "content_type": app.hook.content_type, "insecure_ssl": app.hook.insecure_ssl });
    if let Some(url) = &state.webhook_url {
        config["url"] = url.as_str().into();
    }
    if !app.webhook_secret.is_empty() {
        config["secret"] = "********".into();
    }
    config
}
