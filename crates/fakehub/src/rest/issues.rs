//! Issues.

use serde::Deserialize;

use crate::{
    actions::issues::NewIssue,
    api_error::ApiError,
    http::Response,
    rest::operation::{Context, Operation, read, write},
    state::data::Level,
};

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

fn open(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let Fields { title, body, labels } = context.fields()?;
    let new = NewIssue { title, body, labels, has_form: false };
    let number = context.state.open_issue(context.repo, &new, context.by)?;
    Ok(Response::json(201, &context.state.issue_json(context.repo, number)?))
}

fn one(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let number = context.number("issue_number")?;
    context.reach(number, Level::Read)?;
    Ok(Response::json(200, &context.state.issue_json(context.repo, number)?))
}
