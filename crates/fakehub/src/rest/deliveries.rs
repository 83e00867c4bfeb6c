//! What became of webhooks, and sending them again.

use serde_json::{Value, json};

use crate::actions::access::Access;
use crate::api_error::Refusal;
use crate::http::Reply;
use crate::json::delivery::delivery_json;
use crate::json::delivery::request_and_response_json;
use crate::rest::operation::{Operation, Request};
use crate::state::data::Delivery;

pub const OPERATIONS: [Operation; 3] = [
    Operation { method: "GET", path: "/app/hook/deliveries", access: Access::Jwt, perform: list },
    Operation {
        method: "GET",
        path: "/app/hook/deliveries/{delivery_id}",
        access: Access::Jwt,
        perform: one,
    },
    Operation {
        method: "POST",
        path: "/app/hook/deliveries/{delivery_id}/attempts",
        access: Access::Jwt,
        perform: attempt,
    },
];

/// Newest first, a page of them from where the cursor stands.
fn list(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let cursor = match request.query.get("cursor") {
        Some(cursor) => {
            let id = cursor.strip_prefix("v1_").and_then(|id| id.parse::<i64>().ok());
            Some(id.ok_or_else(|| Refusal::new(422, "Invalid cursor"))?)
        }
        None => None,
    };
    let status = request.query.get("status").map(String::as_str);
    let is_asked_for = |delivery: &&Delivery| {
        let Some(answer) = &delivery.answer else { return false };
        let is_of_page = cursor.is_none_or(|cursor| delivery.id <= cursor);
        let is_of_status = match status {
            Some("success") => answer.status_code < 400,
            Some("failure") => answer.status_code >= 400,
            _ => true,
        };
        is_of_page && is_of_status
    };
    let mut found: Vec<&Delivery> =
        request.world.state.deliveries.iter().filter(is_asked_for).collect();
    found.sort_by_key(|delivery| std::cmp::Reverse(delivery.id));
    let next = found.get(request.per_page()).map(|next| format!("v1_{}", next.id));
    let page = found.iter().take(request.per_page()).filter_map(|delivery| delivery_json(delivery));
    let reply = Reply::json(200, &Value::Array(page.collect()));
    Ok(match next {
        Some(next) => reply.with("link", request.link(&[("cursor", &next)])),
        None => reply,
    })
}

fn one(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let id = request.number("delivery_id")?;
    let found = request.world.state.deliveries.iter().find(|delivery| delivery.id == id);
    let delivery = found.ok_or_else(Refusal::not_found)?;
    let mut shown = delivery_json(delivery).ok_or_else(Refusal::not_found)?;
    let letter = request_and_response_json(request.world, delivery)?;
    (shown["request"], shown["response"]) = (letter["request"].clone(), letter["response"].clone());
    Ok(Reply::json(200, &shown))
}

fn attempt(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    request.world.redeliver(request.number("delivery_id")?)?;
    Ok(Reply::json(202, &json!({})))
}
