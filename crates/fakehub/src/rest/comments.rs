//! Comments on issues and pull requests, and reactions to them.

use jiff::Timestamp;

use crate::actions::comments::Reacted;
use crate::api_error::Refusal;
use crate::http::Reply;
use crate::rest::operation::{Operation, Request, listed, read, write};
use crate::state::data::Level;

/// Comments on pull requests are issue comments; which permission reaches one depends on what it
/// is of, see [`Request::reach`].
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

fn list(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let issue = request.number("issue_number")?;
    request.reach(issue, Level::Read)?;
    let since: Option<Timestamp> = match request.query.get("since") {
        Some(since) => Some(since.parse().map_err(|_| Refusal::new(422, "since is no time"))?),
        None => None,
    };
    let mut found = vec![];
    for comment in request.world.repository(request.repo)?.comments.values() {
        let is_late_enough = since.is_none_or(|since| comment.updated_at >= since);
        if comment.issue == issue && is_late_enough {
            found.push(request.world.comment_json(request.repo, comment)?);
        }
    }
    Ok(listed(request.page(found)))
}

fn add(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let number = request.number("issue_number")?;
    request.reach(number, Level::Write)?;
    let body = request.text("body")?.to_owned();
    let id = request.world.add_comment((request.repo, number), &body, request.by)?;
    shown(request, 201, id)
}

fn one(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let id = reached(request, Level::Read)?;
    shown(request, 200, id)
}

fn edit(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let id = reached(request, Level::Write)?;
    let body = request.text("body")?.to_owned();
    request.world.edit_comment(request.repo, id, &body, request.by)?;
    shown(request, 200, id)
}

fn react(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let id = reached(request, Level::Write)?;
    give_reaction(request, Reacted::Comment(id))
}

fn react_to_issue(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let number = request.number("issue_number")?;
    request.reach(number, Level::Write)?;
    give_reaction(request, Reacted::Issue(number))
}

fn give_reaction(request: &mut Request<'_>, to: Reacted) -> Result<Reply, Refusal> {
    let content = request.text("content")?.to_owned();
    let (reaction, is_new) = request.world.react(request.repo, to, &content, request.by)?;
    let status = if is_new { 201 } else { 200 };
    Ok(Reply::json(status, &request.world.reaction_json(&reaction)?))
}

/// The comment of the path, if the caller's permission reaches what it is of.
fn reached(request: &Request<'_>, level: Level) -> Result<i64, Refusal> {
    let id = request.number("comment_id")?;
    let issue = request.world.comment(request.repo, id)?.issue;
    request.reach(issue, level).map(|()| id)
}

fn shown(request: &Request<'_>, status: u16, id: i64) -> Result<Reply, Refusal> {
    let comment = request.world.comment(request.repo, id)?;
    Ok(Reply::json(status, &request.world.comment_json(request.repo, comment)?))
}
