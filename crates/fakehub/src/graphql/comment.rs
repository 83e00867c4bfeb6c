//! Comments on issues and pull requests, which GraphQL finds by their opaque ids.

use serde_json::json;

use crate::{
    actions::access::Access,
    api_error::ApiError,
    graphql::node::{Arguments, Context, FieldError, FieldValue, Node},
    json::node_id,
    state::{
        State,
        data::{IssueRef, Level, Role},
    },
};

/// Returns the comment with the opaque id that is asked for. As on GitHub, one that the caller may
/// not read does not exist.
pub fn by_node_id(context: Context<'_>, arguments: &Arguments) -> Result<FieldValue, FieldError> {
    let wanted = arguments.text("id").unwrap_or_default();
    let missing = || FieldError::Refused {
        kind: "NOT_FOUND",
        message: format!("Could not resolve to a node with the global id of '{wanted}'."),
    };
    let found = context.state.data.repositories.values().find_map(|repository| {
        let comment = repository.comments.values().find(|it| node_id("IC", it.id) == wanted)?;
        Some((repository.id, comment))
    });
    let (repo, comment) = found.ok_or_else(missing)?;
    let is_pull = context.state.issue(repo, comment.issue)?.pull.is_some();
    let permissions: &[&str] = if is_pull { &["issues", "pull_requests"] } else { &["issues"] };
    let access = Access::Repository { permissions, level: Level::Read, role: Some(Role::Read) };
    match context.state.admit(context.actor, access, Some(repo)) {
        Ok(()) => Ok(FieldValue::One(Node::Comment { repo, id: comment.id })),
        Err(ApiError { status: 404, .. }) => Err(missing()),
        Err(error) => Err(error.into()),
    }
}

pub fn field(state: &State, repo: i64, id: i64, name: &str) -> Result<FieldValue, FieldError> {
    let comment = state.comment(repo, id)?;
    let target = IssueRef { repo, number: comment.issue };
    let is_pull = state.issue(repo, comment.issue)?.pull.is_some();
    match name {
        "id" => FieldValue::leaf(node_id("IC", id)),
        "databaseId" => FieldValue::leaf(id),
        "fullDatabaseId" => FieldValue::leaf(id.to_string()),
        "body" => FieldValue::leaf(comment.body.clone()),
        "createdAt" => FieldValue::leaf(json!(comment.created_at)),
        "createdViaEmail" => FieldValue::leaf(comment.via_email),
        "author" => Ok(FieldValue::One(Node::Account(comment.by.account))),
        "repository" => Ok(FieldValue::One(Node::Repository(repo))),
        "pullRequest" => FieldValue::maybe(is_pull.then_some(Node::Pull(target))),
        // Nobody has looked yet what GitHub says of a comment on a pull request here.
        "issue" if !is_pull => Ok(FieldValue::One(Node::Issue(target))),
        _ => Err(FieldError::unknown("IssueComment", name)),
    }
}
