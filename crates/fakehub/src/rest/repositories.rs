//! Repositories, and the permission that a person has in one.

use crate::{
    api_error::ApiError,
    http::Response,
    rest::operation::{Context, Operation, read},
};

pub const OPERATIONS: [Operation; 2] = [
    Operation {
        method: "GET",
        path: "/repos/{owner}/{repo}",
        access: read(&["metadata"]),
        perform: one,
    },
    Operation {
        method: "GET",
        path: "/repos/{owner}/{repo}/collaborators/{username}/permission",
        access: read(&["metadata"]),
        perform: permission,
    },
];

fn one(context: &mut Context<'_>) -> Result<Response, ApiError> {
    Ok(Response::json(200, &context.state.full_repository_json(context.repo)?))
}

fn permission(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let account = context.state.account_named(context.name("username"))?.id;
    Ok(Response::json(200, &context.state.permission_json(context.repo, account)?))
}
