//! Fields of issues that are not pull requests, and of their labels.

use serde_json::json;

use crate::{
    graphql::{
        connection::connection,
        node::{Arguments, FieldError, FieldValue, Node},
    },
    json::node_id,
    state::{State, data::IssueRef},
};

pub fn field(
    state: &State,
    target: IssueRef,
    name: &str,
    arguments: &Arguments,
) -> Result<FieldValue, FieldError> {
    let IssueRef { repo, number } = target;
    let issue = state.issue(repo, number)?;
    match name {
        "id" => FieldValue::leaf(node_id("I", issue.id)),
        "number" => FieldValue::leaf(number),
        "title" => FieldValue::leaf(issue.title.clone()),
        "body" => FieldValue::leaf(issue.body.clone().unwrap_or_default()),
        "state" => FieldValue::leaf(if issue.open { "OPEN" } else { "CLOSED" }),
        "createdAt" => FieldValue::leaf(json!(issue.created_at)),
        "author" => Ok(FieldValue::One(Node::Account(issue.by.account))),
        "editor" => FieldValue::maybe(issue.edited_by.map(Node::Account)),
        "labels" => {
            let all = issue.labels.iter().cloned().map(Node::Label).collect();
            connection("LabelConnection", all, arguments)
        }
        _ => Err(FieldError::unknown("Issue", name)),
    }
}

pub fn label_field(label: &str, name: &str) -> Result<FieldValue, FieldError> {
    match name {
        "name" => FieldValue::leaf(label),
        _ => Err(FieldError::unknown("Label", name)),
    }
}
