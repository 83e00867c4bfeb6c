//! Commit statuses, which tools that are no apps report.

use serde::Deserialize;
use serde_json::json;

use crate::api_error::Refusal;
use crate::http::Reply;
use crate::json::node_id;
use crate::rest::operation::{Operation, Request, write};
use crate::state::data::{Role, Status};

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

fn create(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let Fields { state, context, description, target_url } = request.fields()?;
    if !STATES.contains(&state.as_str()) {
        return Err(Refusal::invalid("Status", "state", "state is not included in the list"));
    }
    request.world.require_role(request.repo, request.by, Role::Write)?;
    let sha = request.world.bare(request.repo)?.resolve(request.name("sha")).ok_or_else(|| {
        Refusal::new(422, format!("No commit found for SHA: {}", request.name("sha")))
    })?;
    let status = Status {
        id: request.world.next_id(),
        sha,
        state,
        context: context.unwrap_or_else(|| "default".into()),
        description,
        target_url,
        by: request.by,
        created_at: request.world.tick(),
    };
    let repository = request.world.repository_mut(request.repo)?;
    repository.statuses.push(status.clone());
    let full_name = request.world.full_name(request.world.repository(request.repo)?)?;
    let creator = request.world.user_json(status.by.account)?;
    Ok(Reply::json(
        201,
        &json!({
            "id": status.id,
            "node_id": node_id("SC", status.id),
            "url": format!("{}/api/v3/repos/{full_name}/statuses/{}", request.world.url, status.sha),
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
