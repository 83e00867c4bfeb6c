//! Commit statuses, which tools that are not apps report instead of check runs.

use serde::Deserialize;
use serde_json::json;

use crate::{
    api_error::ApiError,
    http::Response,
    json::node_id,
    rest::operation::{Context, Operation, write},
    state::data::{Role, Status},
};

pub const OPERATIONS: [Operation; 1] = [Operation {
    method: "POST",
    path: "/repos/{owner}/{repo}/statuses/{sha}",
    access: write(&["statuses"]),
    perform: create,
}];

const STATES: [&str; 4] = ["error", "failure", "pending", "success"];

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Fields {
    state: String,
    context: Option<String>,
    description: Option<String>,
    target_url: Option<String>,
}

fn create(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let Fields { state, context: name, description, target_url } = context.fields()?;
    if !STATES.contains(&state.as_str()) {
        return Err(ApiError::invalid("Status", "state", "state is not included in the list"));
    }
    context.state.require_role(context.repo, context.by, Role::Write)?;
    let sha =
        context.state.git_repo(context.repo)?.resolve(context.name("sha")).ok_or_else(|| {
            ApiError::new(422, format!("No commit found for SHA: {}", context.name("sha")))
        })?;
    let status = Status {
        id: context.state.next_id(),
        sha,
        state,
        context: name.unwrap_or_else(|| "default".into()),
        description,
        target_url,
        by: context.by,
        created_at: context.state.tick(),
    };
    let repository = context.state.repository_mut(context.repo)?;
    repository.statuses.push(status.clone());
    let full_name = context.state.full_name(context.state.repository(context.repo)?)?;
    let creator = context.state.user_json(status.by.account)?;
    Ok(Response::json(
        201,
        &json!({
            "id": status.id,
            "node_id": node_id("SC", status.id),
            "url": format!("{}/api/v3/repos/{full_name}/statuses/{}", context.state.url, status.sha),
            "avatar_url": creator["avatar_url"],
            "state": status.state,
            "context": status.context,
            "description": status.description,
            "target_url": status.target_url,
            "creator": creator,
            "created_at": status.created_at,
            "updated_at": status.created_at,
        }),
    ))
}
