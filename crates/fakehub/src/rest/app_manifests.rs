//! What stands behind the code that an app's registration ended with: its id and its secrets.

use crate::actions::access::Access;
use crate::api_error::Refusal;
use crate::http::Reply;
use crate::rest::operation::{Operation, Request};

pub const OPERATIONS: [Operation; 1] = [Operation {
    method: "POST",
    path: "/app-manifests/{code}/conversions",
    access: Access::Anyone,
    perform: convert,
}];

fn convert(request: &mut Request<'_>) -> Result<Reply, Refusal> {
    let code = request.name("code").to_owned();
    Ok(Reply::json(201, &request.world.convert_manifest_code(&code)?))
}
