//! Issues.

use serde::Deserialize;

use crate::actions::issues::NewIssue;
use crate::api_error::Refusal;
use crate::http::Reply;
use crate::rest::operation::{Operation, Request, read, write};
use crate::state::data::Level;

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
    let new = NewIssue { title, body, labels, has_form: false };
    let number = request.world.open_issue(request.repo, &new, request.by)?;
    Ok(Reply::json(201, &request.world.issue_json(request.repo, number)?))
}

fn one(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let number = request.number("issue_number")?;
    request.reach(number, Level::Read)?;
    Ok(Reply::json(200, &request.world.issue_json(request.repo, number)?))
}
