//! The files that a pull request changes.

use serde_json::{Value, json};

use crate::{
    api_error::ApiError,
    git_repo::{ChangedFile, diff},
    http::Response,
    rest::operation::{Context, Operation, listed, read},
};

pub const OPERATIONS: [Operation; 1] = [Operation {
    method: "GET",
    path: "/repos/{owner}/{repo}/pulls/{pull_number}/files",
    access: read(&["pull_requests"]),
    perform: list,
}];

fn list(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let number = context.number("pull_number")?;
    let state = &*context.state;
    let pull = state.pull(context.repo, number)?;
    let changed = state.git_repo(context.repo)?.changed_files(&pull.base_sha, &pull.head_sha)?;
    let full_name = state.full_name(state.repository(context.repo)?)?;
    let file = |changed: &ChangedFile| file(changed, &state.url, &full_name, &pull.head_sha);
    let files: Result<Vec<Value>, ApiError> = changed.iter().map(file).collect();
    Ok(listed(context.page(files?)))
}

fn file(changed: &ChangedFile, url: &str, repo: &str, head: &str) -> Result<Value, ApiError> {
    let status = match (&changed.old, &changed.new) {
        (None, _) => "added",
        (_, None) => "removed",
        _ => "modified",
    };
    let blob = changed.new.as_deref().or(changed.old.as_deref()).unwrap_or_default();
    let sha = git2::Oid::hash_object(git2::ObjectType::Blob, blob)?.to_string();
    let diff::FileDiff { additions, deletions, .. } = diff::file(changed);
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
