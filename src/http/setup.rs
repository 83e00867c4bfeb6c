//! The pages of `planwright setup`: one that posts the manifest to GitHub, one that the browser comes
//! back to.
//!
//! Served on loopback to one browser. Any page of the web can make that browser ask us, so a request
//! has to name our own address, and a code counts only with the `state` that our page gave out.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY,
};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::domain::registration::{Grants, Registration};

/// Where the browser comes back to.
pub const CREATED: &str = "/created";

/// Who exchanges the code and keeps the secrets.
pub trait Registrar: Send + Sync + 'static {
    /// Errors are told to whoever sits before the browser; the code may be given again.
    fn register(&self, code: &str) -> impl Future<Output = anyhow::Result<Registration>> + Send;
}

/// What the first page asks for.
#[derive(Clone, Debug)]
pub struct Form {
    /// GitHub's page for people, with the organisation whose App it will be.
    pub action: String,
    /// JSON.
    pub manifest: String,
    pub grants: Grants,
    /// Whose guess nobody makes; it comes back with the code.
    pub state: String,
    /// `127.0.0.1:PORT`.
    pub address: std::net::SocketAddr,
}

struct Desk<R> {
    form: Form,
    registrar: R,
}

pub fn router<R: Registrar>(form: Form, registrar: R) -> Router {
    let desk = Arc::new(Desk { form, registrar });
    Router::new()
        .route("/", get(ask::<R>))
        .route(CREATED, get(created::<R>))
        .layer(middleware::from_fn_with_state(desk.clone(), guard::<R>))
        .with_state(desk)
}

/// Refuses what another name than ours was asked for, as a page can whose name leads to loopback.
async fn guard<R: Registrar>(
    State(desk): State<Arc<Desk<R>>>,
    headers: HeaderMap,
    request: Request,
    next: Next,
) -> Response {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let address = desk.form.address;
    if ![address.to_string(), format!("localhost:{}", address.port())].contains(&host.to_owned()) {
        return (StatusCode::MISDIRECTED_REQUEST, format!("open http://{address}/\n"))
            .into_response();
    }
    let origin = desk.form.action.split('/').take(3).collect::<Vec<_>>().join("/");
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; form-action {origin}; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (CONTENT_SECURITY_POLICY, policy),
        (CACHE_CONTROL, "no-store".to_owned()),
        // The address of the second page has the code in it.
        (REFERRER_POLICY, "no-referrer".to_owned()),
    ];
    (headers, next.run(request).await).into_response()
}

async fn ask<R: Registrar>(State(desk): State<Arc<Desk<R>>>) -> String {
    let Form { action, manifest, grants, state, .. } = &desk.form;
    let mut lists = String::from("<h2>What it may do</h2><ul>");
    for (name, level) in &grants.permissions {
        let _ = write!(lists, "<li>{}: {}</li>", html(name), html(level));
    }
    lists += "</ul><h2>What it is told of</h2><ul>";
    for event in &grants.events {
        let _ = write!(lists, "<li>{}</li>", html(event));
    }
    page(
        "Register Planwright",
        &format!(
            "<p>GitHub will ask you for a name and make the App. Its private key and its webhook \
             secret then go to the terminal where you started this, and nowhere else.</p>{lists}</ul>\
             <form method=\"post\" action=\"{}?state={}\">\
             <input type=\"hidden\" name=\"manifest\" value=\"{}\">\
             <button>Create the App on GitHub</button></form>",
            html(action),
            html(state),
            html(manifest),
        ),
    )
}

async fn created<R: Registrar>(
    State(desk): State<Arc<Desk<R>>>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let given = |name: &str| query.get(name).map_or("", String::as_str);
    let (state, code) = (given("state"), given("code"));
    if !is_same(state, &desk.form.state) {
        let text = "This did not come from the page that <code>planwright setup</code> shows; \
                    <a href=\"/\">begin there</a>.";
        return (StatusCode::FORBIDDEN, page("Not from here", &format!("<p>{text}</p>")))
            .into_response();
    }
    match desk.registrar.register(code).await {
        Ok(registration) => page(
            "Registered",
            &format!(
                "<p><a href=\"{}\">{}</a> is registered. The terminal says how to go on; then \
                 <a href=\"{}\">install it</a> on repositories.</p>",
                html(&registration.page),
                html(&registration.slug),
                html(&registration.install_page()),
            ),
        )
        .into_response(),
        Err(error) => {
            tracing::error!("the code was not exchanged: {error:#}");
            let text = format!(
                "<p>{}</p><p>Load this page again to try once more, within an hour.</p>",
                html(&format!("{error:#}"))
            );
            (StatusCode::BAD_GATEWAY, page("Not registered yet", &text)).into_response()
        }
    }
}

/// Takes as long for any two texts of the same length.
fn is_same(one: &str, other: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <style>body{{font:1rem/1.5 system-ui;max-width:40rem;margin:3rem auto;padding:0 1rem}}\
         button{{font:inherit;padding:.5rem 1rem}}</style><h1>{title}</h1>{body}</html>\n"
    )
}

/// Text that may stand in an element or in a quoted attribute.
fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_attribute() {
        assert_eq!(html("\"><b onx='1'>&"), "&quot;&gt;&lt;b onx=&#39;1&#39;&gt;&amp;");
    }
}
