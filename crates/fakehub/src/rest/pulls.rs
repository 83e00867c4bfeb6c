//! Pull requests, their reviews and their merge.

use serde::Deserialize;

use crate::{
    actions::{
        merge::MergeMethod,
        pulls::{NewPull, PullEdit},
        reviews::NewReview,
    },
    api_error::ApiError,
    http::Response,
    rest::operation::{Context, Operation, listed, read, write},
    state::{
        State,
        data::{Issue, IssueRef, Pull, ReviewState},
    },
};

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

fn list(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let query = |name: &str| context.query.get(name).map(String::as_str);
    let is_asked_for = |issue: &&Issue| {
        let Some(pull) = &issue.pull else { return false };
        let is_of_state = match query("state").unwrap_or("open") {
            "open" => issue.open,
            "closed" => !issue.open,
            _ => true,
        };
        // GitHub ignores `head` if it does not name the owner.
        let is_of_head = match query("head").and_then(|head| head.split_once(':')) {
            Some((owner, branch)) => is_branch_of(context.state, pull, owner, branch),
            None => true,
        };
        is_of_state && is_of_head && query("base").is_none_or(|base| base == pull.base_ref)
    };
    let mut found: Vec<&Issue> =
        context.state.repository(context.repo)?.issues.values().filter(is_asked_for).collect();
    match query("sort") {
        Some("updated") => found.sort_by_key(|issue| issue.updated_at),
        _ => found.sort_by_key(|issue| issue.created_at),
    }
    if query("direction") != Some("asc") {
        found.reverse();
    }
    let shown =
        found.iter().map(|issue| context.state.simple_pull_json(context.repo, issue.number));
    Ok(listed(context.page(shown.collect::<Result<_, _>>()?)))
}

fn is_branch_of(state: &State, pull: &Pull, owner: &str, branch: &str) -> bool {
    let Ok(repository) = state.repository(pull.head_repo) else { return false };
    let login = state.account(repository.owner).map(|account| account.login.as_str());
    pull.head_ref == branch && login.is_ok_and(|login| login.eq_ignore_ascii_case(owner))
}

fn open(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let Opened { title, body, head, base, draft } = context.fields()?;
    let new = NewPull { title, body, head, base, draft };
    let number = context.state.open_pull(context.repo, &new, context.by)?;
    Ok(Response::json(201, &context.state.pull_json(context.repo, number)?))
}

fn one(context: &mut Context<'_>) -> Result<Response, ApiError> {
    pull_response(context, context.number("pull_number")?)
}

fn edit(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let number = context.number("pull_number")?;
    let Edited { title, body, base, state } = context.fields()?;
    let open = match state.as_deref() {
        None => None,
        Some("open") => Some(true),
        Some("closed") => Some(false),
        Some(_) => return Err(ApiError::invalid("PullRequest", "state", "is open or closed")),
    };
    let edit = PullEdit { title, body, base, open };
    context.state.edit_pull(context.repo, number, &edit, context.by)?;
    pull_response(context, number)
}

fn merge(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let at = IssueRef { repo: context.repo, number: context.number("pull_number")? };
    let Merge { sha, merge_method } = context.fields()?;
    let method = merge_method.unwrap_or(MergeMethod::Merge);
    let sha = context.state.merge_pull(at, method, sha.as_deref(), context.by)?;
    Ok(Response::json(200, &State::merge_json(&sha)))
}

fn reviews(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let number = context.number("pull_number")?;
    let reviews = &context.state.pull(context.repo, number)?.reviews;
    let shown = reviews.iter().map(|it| context.state.review_json(context.repo, number, it.id));
    Ok(listed(context.page(shown.collect::<Result<_, _>>()?)))
}

fn review(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let number = context.number("pull_number")?;
    let Reviewed { event, body, commit_id } = context.fields()?;
    let state = match event.as_deref() {
        Some("APPROVE") => ReviewState::Approved,
        Some("REQUEST_CHANGES") => ReviewState::ChangesRequested,
        Some("COMMENT") => ReviewState::Commented,
        _ => return Err(ApiError::invalid("PullRequestReview", "event", "is not known here")),
    };
    let at = IssueRef { repo: context.repo, number };
    let commit = commit_id.as_deref();
    let id =
        context.state.submit_review(at, &NewReview { state, body: &body, commit }, context.by)?;
    Ok(Response::json(200, &context.state.review_json(context.repo, number, id)?))
}

fn dismiss(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let (number, id) = (context.number("pull_number")?, context.number("review_id")?);
    context.text("message")?;
    context.state.dismiss_review(IssueRef { repo: context.repo, number }, id, context.by)?;
    Ok(Response::json(200, &context.state.review_json(context.repo, number, id)?))
}

fn pull_response(context: &Context<'_>, number: i64) -> Result<Response, ApiError> {
    Ok(Response::json(200, &context.state.pull_json(context.repo, number)?))
}
