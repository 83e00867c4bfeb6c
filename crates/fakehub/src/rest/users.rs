//! Who a token of a person belongs to.

use serde_json::json;

use crate::actions::access::{Access, Actor};
use crate::api_error::Refusal;
use crate::http::Reply;
use crate::rest::operation::{Operation, Request};

pub const OPERATIONS: [Operation; 1] =
    [Operation { method: "GET", path: "/user", access: Access::Person, perform: user }];

fn user(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let Actor::User(account) = request.actor else { return Err(Refusal::not_accessible()) };
    let mut user = request.world.user_json(*account)?;
    for name in ["name", "company", "blog", "location", "email", "hireable", "bio"] {
        user[name] = json!(null);
    }
    for name in ["public_repos", "public_gists", "followers", "following"] {
        user[name] = json!(0);
    }
    let since = request.world.state.app.created_at;
    let since = since.round(jiff::Unit::Second).unwrap_or(since);
    user["created_at"] = json!(since);
    user["updated_at"] = json!(since);
    Ok(Reply::json(200, &user))
}
