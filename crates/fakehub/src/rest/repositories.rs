//! Repositories, and what a person may do in one.

use crate::api_error::Refusal;
use crate::http::Reply;
use crate::rest::operation::{Operation, Request, read};

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

fn one(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    Ok(Reply::json(200, &request.world.full_repository_json(request.repo)?))
}

fn permission(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let account = request.world.account_named(request.name("username"))?.id;
    Ok(Reply::json(200, &request.world.permission_json(request.repo, account)?))
}
