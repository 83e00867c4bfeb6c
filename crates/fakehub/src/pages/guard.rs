//! Protects the pages from other sites that are open in the same browser.

use crate::{api_error::ApiError, http::Request, hub::Hub};

/// Fails if another site may have caused the request.
///
/// The `Host` has to be this server's (against DNS rebinding), and a form has to come from one of
/// its pages (against CSRF).
pub fn guard(hub: &Hub, request: &Request) -> Result<(), ApiError> {
    let port = hub.url().rsplit(':').next().unwrap_or_default();
    let host = request.header("host").unwrap_or_default();
    if host != format!("127.0.0.1:{port}") && host != format!("localhost:{port}") {
        let message = format!("this server is {} only, not `{host}`", hub.url());
        return Err(ApiError::new(421, message));
    }
    match request.method.as_str() {
        "GET" | "HEAD" => return Ok(()),
        "POST" => {}
        method => return Err(ApiError::new(405, format!("pages do not take {method}"))),
    }
    let is_ours = match (request.header("sec-fetch-site"), request.header("origin")) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => origin == format!("http://{host}"),
        (None, None) => false,
    };
    let kind = request.header("content-type").unwrap_or_default();
    match is_ours && kind.starts_with("application/x-www-form-urlencoded") {
        true => Ok(()),
        false => Err(ApiError::new(403, "a form has to be sent from a page of this very server")),
    }
}
