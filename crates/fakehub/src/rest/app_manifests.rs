//! Exchanges the code at the end of an app's registration for its id and its secrets.

use crate::{
    actions::access::Access,
    api_error::ApiError,
    http::Response,
    rest::operation::{Context, Operation},
};

pub const OPERATIONS: [Operation; 1] = [Operation {
    method: "POST",
    path: "/app-manifests/{code}/conversions",
    access: Access::Anyone,
    perform: convert,
}];

fn convert(context: &mut Context<'_>) -> Result<Response, ApiError> {
    let code = context.name("code").to_owned();
    Ok(Response::json(201, &context.state.convert_manifest_code(&code)?))
}
