//! Webhook deliveries: their headers, and their JSON in the deliveries API.

use hmac::{Hmac, Mac};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    api_error::ApiError,
    state::{State, data::Delivery},
};

/// Returns a delivery as the deliveries API lists it, or `None` if it has not been sent yet.
pub fn delivery_json(delivery: &Delivery) -> Option<Value> {
    let answer = delivery.answer.as_ref()?;
    Some(json!({
        "id": delivery.id,
        "guid": delivery.guid,
        "delivered_at": answer.delivered_at.round(jiff::Unit::Second).unwrap_or(Timestamp::MAX),
        "redelivery": delivery.redelivery,
        "duration": answer.seconds,
        "status": answer.status,
        "status_code": answer.status_code,
        "event": delivery.event,
        "action": delivery.action,
        "installation_id": delivery.installation,
        "repository_id": delivery.repository,
        "throttled_at": null,
    }))
}

/// Returns the value of `X-Hub-Signature-256`: `sha256=` and the HMAC of the body with the webhook
/// secret.
fn signature(secret: &str, body: &[u8]) -> String {
    // An HMAC key can have any length, so this cannot fail. An empty signature would match nothing.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// Returns the HTTP headers that a delivery is sent with.
pub fn headers(state: &State, delivery: &Delivery) -> Vec<(&'static str, String)> {
    let app = &state.data.app;
    vec![
        ("Accept", "*/*".to_owned()),
        ("Content-Type", "application/json".to_owned()),
        ("User-Agent", "GitHub-Hookshot/fakehub".to_owned()),
        ("X-GitHub-Delivery", delivery.guid.clone()),
        ("X-GitHub-Event", delivery.event.clone()),
        ("X-GitHub-Hook-ID", app.id.to_string()),
        ("X-GitHub-Hook-Installation-Target-ID", app.id.to_string()),
        ("X-GitHub-Hook-Installation-Target-Type", "integration".to_owned()),
        ("X-Hub-Signature-256", signature(&app.webhook_secret, delivery.payload.get().as_bytes())),
    ]
}

/// Returns the request of a delivery and the answer to it, as the deliveries API shows them.
pub fn request_and_response_json(state: &State, delivery: &Delivery) -> Result<Value, ApiError> {
    let headers: serde_json::Map<String, Value> = headers(state, delivery)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    let payload: Value = serde_json::from_str(delivery.payload.get())?;
    let body = delivery.answer.as_ref().map(|answer| answer.body.clone());
    Ok(json!({
        "request": { "headers": headers, "payload": payload },
        "response": { "headers": {}, "payload": body },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_in_githubs_documentation() {
        assert_eq!(
            signature("It's a Secret to Everybody", b"Hello, World!"),
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }
}
