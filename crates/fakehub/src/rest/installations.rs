//! What an installation token reaches.

use serde_json::json;

use crate::actions::access::{Access, Actor};
use crate::api_error::Refusal;
use crate::http::Reply;
use crate::rest::operation::{Operation, Request};

pub const OPERATIONS: [Operation; 1] = [Operation {
    method: "GET",
    path: "/installation/repositories",
    access: Access::Token,
    perform: repositories,
}];

fn repositories(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let Actor::Installation { grant, .. } = request.actor else {
        return Err(Refusal::not_accessible());
    };
    let mut all = vec![];
    for id in request.world.state.repositories.keys() {
        if request.world.covers(grant, *id)? {
            all.push(request.world.repository_json(*id)?);
        }
    }
    let count = all.len();
    let (page, next) = request.page(all);
    let selection = if grant.repositories.is_some() { "selected" } else { "all" };
    let reply = Reply::json(
        200,
        &json!({ "total_count": count, "repository_selection": selection, "repositories": page }),
    );
    Ok(match next {
        Some(next) => reply.with("link", next),
        None => reply,
    })
}
