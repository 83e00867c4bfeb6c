//! Issues.

use serde::Deserialize;

use super::super::refusal::Refusal;
use super::super::server::Reply;
use super::{Operation, Request, read, write};

pub const OPERATIONS: [Operation; 2] = [
    Operation {
        method: "POST",
        path: "/repos/{owner}/{repo}/issues",
        access: write(&["issues"]),
        perform: open,
    },
    Operation {
        method: "GET",
        path: "/repos/{owner}/{repo}/issues/{issue_number}",
        access: read(&["issues", "pull_requests"]),
        perform: one,
    },
];

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Fields {
    title: String,
    body: Option<String>,
    labels: Vec<String>,
}

fn open(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let Fields { title, body, labels } = request.fields()?;
    let new = (title.as_str(), body.as_deref());
    let number = request.world.open_issue(request.repo, new, labels, request.by)?;
    Ok(Reply::json(201, &request.world.issue_json(request.repo, number)?))
}

fn one(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let number = request.number("issue_number")?;
    Ok(Reply::json(200, &request.world.issue_json(request.repo, number)?))
}
