//! Pull requests, their reviews and their merge.

use serde::Deserialize;

use crate::actions::merge::MergeMethod;
use crate::actions::pulls::{NewPull, PullEdit};
use crate::api_error::Refusal;
use crate::http::Reply;
use crate::rest::operation::{Operation, Request, listed, read, write};
use crate::state::World;
use crate::state::data::{Issue, Pull, ReviewState};

pub const OPERATIONS: [Operation; 8] = [
    Operation {
        method: "GET",
        path: "/repos/{owner}/{repo}/pulls",
        access: read(&["pull_requests"]),
        perform: list,
    },
    Operation {
        method: "POST",
        path: "/repos/{owner}/{repo}/pulls",
        access: write(&["pull_requests"]),
        perform: open,
    },
    Operation {
        method: "GET",
        path: "/repos/{owner}/{repo}/pulls/{pull_number}",
        access: read(&["pull_requests"]),
        perform: one,
    },
    Operation {
        method: "PATCH",
        path: "/repos/{owner}/{repo}/pulls/{pull_number}",
        access: write(&["pull_requests"]),
        perform: edit,
    },
    Operation {
        method: "PUT",
        path: "/repos/{owner}/{repo}/pulls/{pull_number}/merge",
        access: write(&["contents"]),
        perform: merge,
    },
    Operation {
        method: "GET",
        path: "/repos/{owner}/{repo}/pulls/{pull_number}/reviews",
        access: read(&["pull_requests"]),
        perform: reviews,
    },
    Operation {
        method: "POST",
        path: "/repos/{owner}/{repo}/pulls/{pull_number}/reviews",
        access: write(&["pull_requests"]),
        perform: review,
    },
    Operation {
        method: "PUT",
        path: "/repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}/dismissals",
        access: write(&["pull_requests"]),
        perform: dismiss,
    },
];

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Opened {
    title: String,
    body: Option<String>,
    head: String,
    base: String,
    draft: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Edited {
    title: Option<String>,
    body: Option<String>,
    base: Option<String>,
    state: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Merge {
    sha: Option<String>,
    merge_method: Option<MergeMethod>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Reviewed {
    event: Option<String>,
    body: String,
    commit_id: Option<String>,
}

fn list(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let query = |name: &str| request.query.get(name).map(String::as_str);
    let is_asked_for = |issue: &&Issue| {
        let Some(pull) = &issue.pull else { return false };
        let is_of_state = match query("state").unwrap_or("open") {
            "open" => issue.open,
            "closed" => !issue.open,
            _ => true,
        };
        // Without the owner GitHub takes no notice of `head`.
        let is_of_head = match query("head").and_then(|head| head.split_once(':')) {
            Some((owner, branch)) => is_branch_of(request.world, pull, (owner, branch)),
            None => true,
        };
        is_of_state && is_of_head && query("base").is_none_or(|base| base == pull.base_ref)
    };
    let mut found: Vec<&Issue> =
        request.world.repository(request.repo)?.issues.values().filter(is_asked_for).collect();
    match query("sort") {
        Some("updated") => found.sort_by_key(|issue| issue.updated_at),
        _ => found.sort_by_key(|issue| issue.created_at),
    }
    if query("direction") != Some("asc") {
        found.reverse();
    }
    let shown =
        found.iter().map(|issue| request.world.simple_pull_json(request.repo, issue.number));
    Ok(listed(request.page(shown.collect::<Result<_, _>>()?)))
}

fn is_branch_of(world: &World, pull: &Pull, (owner, branch): (&str, &str)) -> bool {
    let Ok(repository) = world.repository(pull.head_repo) else { return false };
    let login = world.account(repository.owner).map(|account| account.login.as_str());
    pull.head_ref == branch && login.is_ok_and(|login| login.eq_ignore_ascii_case(owner))
}

fn open(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let Opened { title, body, head, base, draft } = request.fields()?;
    let new = NewPull { title, body, head, base, draft };
    let number = request.world.open_pull(request.repo, &new, request.by)?;
    Ok(Reply::json(201, &request.world.pull_json(request.repo, number)?))
}

fn one(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    shown(request, request.number("pull_number")?)
}

fn edit(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let number = request.number("pull_number")?;
    let Edited { title, body, base, state } = request.fields()?;
    let open = match state.as_deref() {
        None => None,
        Some("open") => Some(true),
        Some("closed") => Some(false),
        Some(_) => return Err(Refusal::invalid("PullRequest", "state", "is open or closed")),
    };
    let edit = PullEdit { title, body, base, open };
    request.world.edit_pull(request.repo, number, &edit, request.by)?;
    shown(request, number)
}

fn merge(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let at = (request.repo, request.number("pull_number")?);
    let Merge { sha, merge_method } = request.fields()?;
    let method = merge_method.unwrap_or(MergeMethod::Merge);
    let sha = request.world.merge_pull(at, method, sha.as_deref(), request.by)?;
    Ok(Reply::json(200, &World::merge_json(&sha)))
}

fn reviews(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let number = request.number("pull_number")?;
    let reviews = &request.world.pull(request.repo, number)?.reviews;
    let shown = reviews.iter().map(|it| request.world.review_json(request.repo, number, it.id));
    Ok(listed(request.page(shown.collect::<Result<_, _>>()?)))
}

fn review(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let number = request.number("pull_number")?;
    let Reviewed { event, body, commit_id } = request.fields()?;
    let state = match event.as_deref() {
        Some("APPROVE") => ReviewState::Approved,
        Some("REQUEST_CHANGES") => ReviewState::ChangesRequested,
        Some("COMMENT") => ReviewState::Commented,
        _ => return Err(Refusal::invalid("PullRequestReview", "event", "is not known here")),
    };
    let at = (request.repo, number);
    let commit = commit_id.as_deref();
    let id = request.world.submit_review(at, (state, &body), commit, request.by)?;
    Ok(Reply::json(200, &request.world.review_json(request.repo, number, id)?))
}

fn dismiss(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let (number, id) = (request.number("pull_number")?, request.number("review_id")?);
    request.text("message")?;
    request.world.dismiss_review((request.repo, number), id, request.by)?;
    Ok(Reply::json(200, &request.world.review_json(request.repo, number, id)?))
}

fn shown(request: &Request<'_>, number: i64) -> Result<Reply, Refusal> {
    Ok(Reply::json(200, &request.world.pull_json(request.repo, number)?))
}
