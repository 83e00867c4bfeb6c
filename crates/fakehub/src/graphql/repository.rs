//! Fields of the root query, of repositories and of the rate limit.

use jiff::{Timestamp, ToSpan};
use serde_json::Value;

use crate::{
    actions::access::Access,
    api_error::ApiError,
    graphql::{
        comment,
        connection::connection,
        git_ref::branch,
        node::{Arguments, Context, FieldError, FieldValue, Node},
    },
    http::LIMIT,
    json::node_id,
    state::data::{IssueRef, Level, Role},
};

const fn read(permissions: &'static [&'static str]) -> Access {
    Access::Repository { permissions, level: Level::Read, role: Some(Role::Read) }
}

pub fn query_field(
    context: Context<'_>,
    name: &str,
    arguments: &Arguments,
) -> Result<FieldValue, FieldError> {
    match name {
        "rateLimit" => Ok(FieldValue::One(Node::RateLimit)),
        "node" => comment::by_node_id(context, arguments),
        "repository" => {
            let owner = arguments.text("owner").unwrap_or_default();
            let full_name = format!("{owner}/{}", arguments.text("name").unwrap_or_default());
            let found = context.state.repository_named(&full_name).and_then(|id| {
                context.state.admit(context.actor, read(&["metadata"]), Some(id))?;
                Ok(id)
            });
            match found {
                Ok(id) => Ok(FieldValue::One(Node::Repository(id))),
                Err(ApiError { status: 404, .. }) => Err(FieldError::Refused {
                    kind: "NOT_FOUND",
                    message: format!(
                        "Could not resolve to a Repository with the name '{full_name}'."
                    ),
                }),
                Err(error) => Err(error.into()),
            }
        }
        _ => Err(FieldError::unknown("Query", name)),
    }
}

pub fn field(
    context: Context<'_>,
    id: i64,
    name: &str,
    arguments: &Arguments,
) -> Result<FieldValue, FieldError> {
    let state = context.state;
    let repository = state.repository(id)?;
    match name {
        "id" => FieldValue::leaf(node_id("R", id)),
        "databaseId" => FieldValue::leaf(id),
        "name" => FieldValue::leaf(repository.name.clone()),
        "nameWithOwner" => FieldValue::leaf(state.full_name(repository)?),
        "owner" => Ok(FieldValue::One(Node::Account(repository.owner))),
        "isArchived" => FieldValue::leaf(repository.archived),
        "isFork" => FieldValue::leaf(repository.fork_of.is_some()),
        "isPrivate" => FieldValue::leaf(repository.private),
        "defaultBranchRef" => FieldValue::maybe(branch(state, id, &repository.default_branch)?),
        "ref" => {
            let name = arguments.text("qualifiedName").unwrap_or_default();
            FieldValue::maybe(branch(state, id, name.trim_start_matches("refs/heads/"))?)
        }
        "object" => {
            state.admit(context.actor, read(&["contents"]), Some(id))?;
            let sha = arguments.text("oid").unwrap_or_default();
            let is_there = state.git_repo(id)?.commit_info(sha).is_ok();
            FieldValue::maybe(is_there.then(|| Node::Commit(id, sha.to_owned())))
        }
        "pullRequest" => {
            state.admit(context.actor, read(&["pull_requests"]), Some(id))?;
            let number = arguments.number("number").unwrap_or_default();
            let pull = state.pull(id, number).ok();
            numbered("PullRequest", number, pull.map(|_| Node::Pull(IssueRef { repo: id, number })))
        }
        "issue" => {
            state.admit(context.actor, read(&["issues"]), Some(id))?;
            let number = arguments.number("number").unwrap_or_default();
            let issue = state.issue(id, number).ok().filter(|issue| issue.pull.is_none());
            numbered("Issue", number, issue.map(|_| Node::Issue(IssueRef { repo: id, number })))
        }
        "pullRequests" => {
            state.admit(context.actor, read(&["pull_requests"]), Some(id))?;
            let states = arguments.texts("states");
            let is_asked_for = |issue: &&crate::state::data::Issue| {
                let Some(pull) = &issue.pull else { return false };
                let state = crate::graphql::pull::pull_state(issue.open, pull);
                states.as_ref().is_none_or(|states| states.contains(&state))
            };
            let found = repository.issues.values().filter(is_asked_for);
            let all = found
                .map(|issue| Node::Pull(IssueRef { repo: id, number: issue.number }))
                .collect();
            connection("PullRequestConnection", all, arguments)
        }
        _ => Err(FieldError::unknown("Repository", name)),
    }
}

/// Returns the issue or pull request of a number, or GitHub's error if there is none.
fn numbered(kind: &str, number: i64, node: Option<Node>) -> Result<FieldValue, FieldError> {
    node.map(FieldValue::One).ok_or_else(|| {
        let article = if kind == "Issue" { "an" } else { "a" };
        FieldError::Refused {
            kind: "NOT_FOUND",
            message: format!("Could not resolve to {article} {kind} with the number of {number}."),
        }
    })
}

pub fn rate_limit_field(context: Context<'_>, name: &str) -> Result<FieldValue, FieldError> {
    let reset = Timestamp::from_second((Timestamp::now() + 1.hour()).as_second());
    match name {
        "cost" => FieldValue::leaf(1),
        "limit" => FieldValue::leaf(LIMIT),
        "used" => FieldValue::leaf(context.used),
        "remaining" => FieldValue::leaf(LIMIT.saturating_sub(context.used)),
        "resetAt" => FieldValue::leaf(Value::from(reset.ok().map(|at| at.to_string()))),
        _ => Err(FieldError::unknown("RateLimit", name)),
    }
}
