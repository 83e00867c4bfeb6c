//! The repositories that an installation token reaches.

use serde_json::json;

use crate::{
    actions::access::{Access, Actor},
    api_error::ApiError,
    http::Response,
    rest::operation::{Context, Operation},
};

pub const OPERATIONS: [Operation; 1] = [Operation {
    method: "GET",
    path: "/installation/repositories",
    access: Access::Token,
    perform: repositories,
}];

fn repositories(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let Actor::Installation { grant, .. } = context.actor else {
        return Err(ApiError::not_accessible());
    };
    let mut all = vec![];
    for id in context.state.data.repositories.keys() {
        if context.state.covers(grant, *id)? {
            all.push(context.state.repository_json(*id)?);
        }
    }
    let count = all.len();
    let page = context.page(all);
    let selection = if grant.repositories.is_some() { "selected" } else { "all" };
    Ok(page.linked(Response::json(
        200,
        &json!({ "total_count": count, "repository_selection": selection, "repositories": page.items }),
    )))
}
