//! Branches as git refs: reading and creating them.

use serde_json::{Value, json};

use crate::{
    api_error::ApiError,
    http::Response,
    json::node_id,
    rest::operation::{Context, Operation, read, write},
};

pub const OPERATIONS: [Operation; 2] = [
    Operation {
        method: "GET",
        path: "/repos/{owner}/{repo}/git/ref/{ref}",
        access: read(&["contents"]),
        perform: one,
    },
    Operation {
        method: "POST",
        path: "/repos/{owner}/{repo}/git/refs",
        access: write(&["contents"]),
        perform: create,
    },
];

fn one(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let name = context.name("ref");
    let branch = name.strip_prefix("heads/").ok_or_else(ApiError::not_found)?;
    let sha = context.state.repository(context.repo)?.refs.get(branch);
    let sha = sha.ok_or_else(ApiError::not_found)?;
    Ok(Response::json(200, &ref_json(context, branch, sha)?))
}

fn create(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let branch = context.text("ref")?.strip_prefix("refs/heads/").map(str::to_owned);
    let branch = branch.ok_or_else(|| {
        ApiError::new(422, "Reference name must start with 'refs/heads/' in fakehub.")
    })?;
    let sha = context.text("sha")?.to_owned();
    context.state.create_branch(context.repo, &branch, &sha, context.by)?;
    Ok(Response::json(201, &ref_json(context, &branch, &sha)?))
}

fn ref_json(context: &Context<'_>, branch: &str, sha: &str) -> Result<Value, ApiError> {
    let repository = context.state.repository(context.repo)?;
    let full_name = context.state.full_name(repository)?;
    let api = format!("{}/api/v3/repos/{full_name}/git", context.state.url);
    Ok(json!({
        "ref": format!("refs/heads/{branch}"),
        "node_id": node_id("REF", context.repo),
        "url": format!("{api}/refs/heads/{branch}"),
        "object": { "type": "commit", "sha": sha, "url": format!("{api}/commits/{sha}") },
    }))
}
