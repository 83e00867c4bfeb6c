//! Repositories, who moved their branches, and the permission that a person has in one.

use serde_json::{Value, json};

use crate::{
    api_error::ApiError,
    http::Response,
    json::node_id,
    rest::operation::{Context, Operation, listed, read},
};

pub const OPERATIONS: [Operation; 3] = [
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
    Operation {
        method: "GET",
        path: "/repos/{owner}/{repo}/activity",
        access: read(&["contents"]),
        perform: activity,
    },
];

fn one(context: &mut Context<'_>) -> Result<Response, ApiError> {
    Ok(Response::json(200, &context.state.full_repository_json(context.repo)?))
}

fn permission(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let account = context.state.account_named(context.name("username"))?.id;
    Ok(Response::json(200, &context.state.permission_json(context.repo, account)?))
}

/// Lists the moves of the branches, the newest first. On GitHub its pages have cursors instead of
/// numbers.
fn activity(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let asked = context.query.get("ref").map(|name| name.trim_start_matches("refs/heads/"));
    let zero = "0".repeat(40);
    let repository = context.state.repository(context.repo)?;
    let mut all: Vec<Value> = vec![];
    for (nth, moved) in repository.activity.iter().enumerate().rev() {
        if asked.is_some_and(|asked| asked != moved.branch) {
            continue;
        }
        let id = i64::try_from(nth).unwrap_or_default() + 1;
        all.push(json!({
            "id": id,
            "node_id": node_id("PSH", id),
            "before": moved.before.as_ref().unwrap_or(&zero),
            "after": moved.after.as_ref().unwrap_or(&zero),
            "ref": format!("refs/heads/{}", moved.branch),
            "timestamp": moved.at,
            "activity_type": moved.kind,
            "actor": context.state.user_json(moved.by)?,
        }));
    }
    Ok(listed(context.page(all)))
}
