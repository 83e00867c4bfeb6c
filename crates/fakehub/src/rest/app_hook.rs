//! How the app's webhooks are sent.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::actions::access::Access;
use crate::api_error::Refusal;
use crate::http::Reply;
use crate::rest::operation::{Operation, Request};
use crate::state::World;

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

fn config(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    Ok(Reply::json(200, &config_json(request.world)))
}

fn edit(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let edit: Edit = request.fields()?;
    let world = &mut *request.world;
    if edit.url.is_some() {
        world.webhook_url = edit.url;
    }
    let app = &mut world.state.app;
    app.hook.content_type = edit.content_type.unwrap_or_else(|| app.hook.content_type.clone());
    app.hook.insecure_ssl = edit.insecure_ssl.unwrap_or_else(|| app.hook.insecure_ssl.clone());
    app.webhook_secret = edit.secret.unwrap_or_else(|| app.webhook_secret.clone());
    Ok(Reply::json(200, &config_json(world)))
}

/// The secret is never shown, only that there is one.
fn config_json(world: &World) -> Value {
    let app = &world.state.app;
    let mut config =
        json!({ "content_type": app.hook.content_type, "insecure_ssl": app.hook.insecure_ssl });
    if let Some(url) = &world.webhook_url {
        config["url"] = url.as_str().into();
    }
    if !app.webhook_secret.is_empty() {
        config["secret"] = "********".into();
    }
    config
}
