//! Branches as git refs: looked up, and made by whoever may write.

use serde_json::{Value, json};

use crate::api_error::Refusal;
use crate::http::Reply;
use crate::json::node_id;
use crate::rest::operation::{Operation, Request, read, write};

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

fn one(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let name = request.name("ref");
    let branch = name.strip_prefix("heads/").ok_or_else(Refusal::not_found)?;
    let sha = request.world.repository(request.repo)?.refs.get(branch);
    let sha = sha.ok_or_else(Refusal::not_found)?;
    Ok(Reply::json(200, &ref_json(request, branch, sha)?))
}

fn create(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let branch = request.text("ref")?.strip_prefix("refs/heads/").map(str::to_owned);
    let branch = branch.ok_or_else(|| {
        Refusal::new(422, "Reference name must start with 'refs/heads/' in fakehub.")
    })?;
    let sha = request.text("sha")?.to_owned();
    request.world.create_branch(request.repo, (&branch, &sha), request.by)?;
    Ok(Reply::json(201, &ref_json(request, &branch, &sha)?))
}

fn ref_json(request: &Request<'_>, branch: &str, sha: &str) -> Result<Value, Refusal> {
    let repository = request.world.repository(request.repo)?;
    let full_name = request.world.full_name(repository)?;
    let api = format!("{}/api/v3/repos/{full_name}/git", request.world.url);
    Ok(json!({
        "ref": format!("refs/heads/{branch}"),
        "node_id": node_id("REF", request.repo),
        "url": format!("{api}/refs/heads/{branch}"),
        "object": { "type": "commit", "sha": sha, "url": format!("{api}/commits/{sha}") },
    }))
}
