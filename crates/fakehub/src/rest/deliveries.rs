//! The deliveries API: lists what became of webhooks, and sends them again.

use serde_json::{Value, json};

use crate::{
    actions::access::Access,
    api_error::ApiError,
    http::Response,
    json::delivery::{delivery_json, request_and_response_json},
    rest::operation::{Context, Operation},
    state::data::Delivery,
};

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

/// Returns a page of the deliveries that have been sent, newest first, starting at the cursor.
fn list(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let cursor = match context.query.get("cursor") {
        Some(cursor) => {
            let id = cursor.strip_prefix("v1_").and_then(|id| id.parse::<i64>().ok());
            Some(id.ok_or_else(|| ApiError::new(422, "Invalid cursor"))?)
        }
        None => None,
    };
    let status = context.query.get("status").map(String::as_str);
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
        context.state.data.deliveries.iter().filter(is_asked_for).collect();
    found.sort_by_key(|delivery| std::cmp::Reverse(delivery.id));
    let next = found.get(context.per_page()).map(|next| format!("v1_{}", next.id));
    let page = found.iter().take(context.per_page()).filter_map(|delivery| delivery_json(delivery));
    let response = Response::json(200, &Value::Array(page.collect()));
    Ok(match next {
        Some(next) => response.with("link", context.link(&[("cursor", &next)])),
        None => response,
    })
}

fn one(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let id = context.number("delivery_id")?;
    let found = context.state.data.deliveries.iter().find(|delivery| delivery.id == id);
    let delivery = found.ok_or_else(ApiError::not_found)?;
    let mut shown = delivery_json(delivery).ok_or_else(ApiError::not_found)?;
    let outgoing = request_and_response_json(context.state, delivery)?;
    (shown["request"], shown["response"]) =
        (outgoing["request"].clone(), outgoing["response"].clone());
    Ok(Response::json(200, &shown))
}

fn attempt(context: &mut Context<'_>) -> Result<Response, ApiError> {
    context.state.redeliver(context.number("delivery_id")?)?;
    Ok(Response::json(202, &json!({})))
}
