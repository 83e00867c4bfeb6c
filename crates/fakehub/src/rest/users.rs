//! The person to whom a token belongs.

use serde_json::json;

use crate::{
    actions::access::{Access, Actor},
    api_error::ApiError,
    http::Response,
    rest::operation::{Context, Operation},
};

pub const OPERATIONS: [Operation; 1] =
    [Operation { method: "GET", path: "/user", access: Access::Person, perform: user }];

fn user(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let Actor::User(account) = context.actor else { return Err(ApiError::not_accessible()) };
    let mut user = context.state.user_json(*account)?;
    for name in ["name", "company", "blog", "location", "email", "hireable", "bio"] {
        user[name] = json!(null);
    }
    for name in ["public_repos", "public_gists", "followers", "following"] {
        user[name] = json!(0);
    }
    let since = context.state.data.app.created_at;
    let since = since.round(jiff::Unit::Second).unwrap_or(since);
    user["created_at"] = json!(since);
    user["updated_at"] = json!(since);
    Ok(Response::json(200, &user))
}
