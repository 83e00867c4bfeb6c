//! Comments on issues and pull requests, and reactions to them.

use jiff::Timestamp;

use crate::{
    actions::comments::ReactionTarget,
    api_error::ApiError,
    http::Response,
    rest::operation::{Context, Operation, listed, read, write},
    state::data::Level,
};

/// The permissions that give access to comments. GitHub's API for comments on issues is also that
/// for pull requests; [`Context::reach`] checks which permission is needed.
const EITHER: &[&str] = &["issues", "pull_requests"];

pub const OPERATIONS: [Operation; 6] = [
    Operation {
        method: "GET",
        path: "/repos/{owner}/{repo}/issues/{issue_number}/comments",
        access: read(EITHER),
        perform: list,
    },
    Operation {
        method: "POST",
        path: "/repos/{owner}/{repo}/issues/{issue_number}/comments",
        access: write(EITHER),
        perform: add,
    },
    Operation {
        method: "GET",
        path: "/repos/{owner}/{repo}/issues/comments/{comment_id}",
        access: read(EITHER),
        perform: one,
    },
    Operation {
        method: "PATCH",
        path: "/repos/{owner}/{repo}/issues/comments/{comment_id}",
        access: write(EITHER),
        perform: edit,
    },
    Operation {
        method: "POST",
        path: "/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions",
        access: write(EITHER),
        perform: react,
    },
    Operation {
        method: "POST",
        path: "/repos/{owner}/{repo}/issues/{issue_number}/reactions",
        access: write(EITHER),
        perform: react_to_issue,
    },
];

fn list(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let issue = context.number("issue_number")?;
    context.reach(issue, Level::Read)?;
    let since: Option<Timestamp> = match context.query.get("since") {
        Some(since) => Some(since.parse().map_err(|_| ApiError::new(422, "since is no time"))?),
        None => None,
    };
    let mut found = vec![];
    for comment in context.state.repository(context.repo)?.comments.values() {
        let is_late_enough = since.is_none_or(|since| comment.updated_at >= since);
        if comment.issue == issue && is_late_enough {
            found.push(context.state.comment_json(context.repo, comment)?);
        }
    }
    Ok(listed(context.page(found)))
}

fn add(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let number = context.number("issue_number")?;
    context.reach(number, Level::Write)?;
    let body = context.text("body")?.to_owned();
    let id = context.state.add_comment(context.repo, number, &body, context.by)?;
    comment_response(context, 201, id)
}

fn one(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let id = comment_id(context, Level::Read)?;
    comment_response(context, 200, id)
}

fn edit(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let id = comment_id(context, Level::Write)?;
    let body = context.text("body")?.to_owned();
    context.state.edit_comment(context.repo, id, &body, context.by)?;
    comment_response(context, 200, id)
}

fn react(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let id = comment_id(context, Level::Write)?;
    give_reaction(context, ReactionTarget::Comment(id))
}

fn react_to_issue(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let number = context.number("issue_number")?;
    context.reach(number, Level::Write)?;
    give_reaction(context, ReactionTarget::Issue(number))
}

fn give_reaction(context: &mut Context<'_>, to: ReactionTarget) -> Result<Response, ApiError> {
    let content = context.text("content")?.to_owned();
    let (reaction, is_new) = context.state.react(context.repo, to, &content, context.by)?;
    let status = if is_new { 201 } else { 200 };
    Ok(Response::json(status, &context.state.reaction_json(&reaction)?))
}

/// Returns the id of the comment in the path. Fails unless the caller's permission reaches the
/// issue or pull request of the comment.
fn comment_id(context: &Context<'_>, level: Level) -> Result<i64, ApiError> {
    let id = context.number("comment_id")?;
    let issue = context.state.comment(context.repo, id)?.issue;
    context.reach(issue, level).map(|()| id)
}

fn comment_response(context: &Context<'_>, status: u16, id: i64) -> Result<Response, ApiError> {
    let comment = context.state.comment(context.repo, id)?;
    Ok(Response::json(status, &context.state.comment_json(context.repo, comment)?))
}
