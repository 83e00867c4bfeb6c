//! The files that a pull request changes.

use serde_json::{Value, json};

use crate::api_error::Refusal;
use crate::git_repo::Changed;
use crate::git_repo::diff;
use crate::http::Reply;
use crate::rest::operation::{Operation, Request, listed, read};

pub const OPERATIONS: [Operation; 1] = [Operation {
    method: "GET",
    path: "/repos/{owner}/{repo}/pulls/{pull_number}/files",
    access: read(&["pull_requests"]),
    perform: list,
}];

fn list(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let number = request.number("pull_number")?;
    let world = &*request.world;
    let pull = world.pull(request.repo, number)?;
    let changed = world.bare(request.repo)?.changed(&pull.base_sha, &pull.head_sha)?;
    let full_name = world.full_name(world.repository(request.repo)?)?;
    let file = |changed: &Changed| file(changed, (&world.url, &full_name, &pull.head_sha));
    let files: Result<Vec<Value>, Refusal> = changed.iter().map(file).collect();
    Ok(listed(request.page(files?)))
}

fn file(changed: &Changed, (url, repo, head): (&str, &str, &str)) -> Result<Value, Refusal> {
    let status = match (&changed.old, &changed.new) {
        (None, _) => "added",
        (_, None) => "removed",
        _ => "modified",
    };
    let blob = changed.new.as_deref().or(changed.old.as_deref()).unwrap_or_default();
    let sha = git2::Oid::hash_object(git2::ObjectType::Blob, blob)?.to_string();
    let diff::File { additions, deletions, .. } = diff::file(changed);
    let path = &changed.path;
    Ok(json!({
        "sha": sha,
        "filename": path,
        "status": status,
        "additions": additions,
        "deletions": deletions,
        "changes": additions + deletions,
        "blob_url": format!("{url}/{repo}/blob/{head}/{path}"),
        "raw_url": format!("{url}/{repo}/raw/{head}/{path}"),
        "contents_url": format!("{url}/api/v3/repos/{repo}/contents/{path}?ref={head}"),
    }))
}
