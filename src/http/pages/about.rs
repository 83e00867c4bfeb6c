//! The page that says which version this is.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use planwright_core::actor::Actor;

use super::shown;

#[derive(Template)]
#[template(path = "page_about.html")]
struct Page<'a> {
    viewer: Option<&'a Actor>,
    version: &'static str,
}

pub async fn show() -> Response {
    shown(StatusCode::OK, &Page { viewer: None, version: env!("CARGO_PKG_VERSION") })
}
