//! The pages of `planwright setup`: one that posts the manifest to GitHub, and one to which GitHub
//! returns the browser.
//!
//! Served on loopback to one browser. Any web page can make that browser send requests here, so a
//! request has to name our own address as host, and a code is only accepted with the `state` that
//! our page issued.

use std::{collections::HashMap, future::Future, sync::Arc};

use askama::Template;
use axum::{
    Router,
    extract::{Query, Request, State},
    http::{
        HeaderMap, StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY},
    },
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};

use planwright_core::registration::{Grants, Registration};

use super::is_same;

/// The path to which GitHub returns the browser.
pub const CREATED: &str = "/created";

/// Exchanges the code and stores the secrets.
pub trait Registrar: Send + Sync + 'static {
    /// Registers the App. Errors are shown in the browser; the same code may then be tried again.
    fn register(&self, code: &str) -> impl Future<Output = anyhow::Result<Registration>> + Send;
}

/// The content of the first page.
#[derive(Clone, Debug)]
pub struct Form {
    /// GitHub's web page for creating an App, for the user or an organisation.
    pub action: String,
    /// The manifest, as JSON.
    pub manifest: String,
    pub grants: Grants,
    /// An unguessable value that GitHub returns with the code.
    pub state: String,
    /// The address of this server, `127.0.0.1:PORT`.
    pub address: std::net::SocketAddr,
}

#[derive(Template)]
#[template(path = "setup_ask.html")]
struct ManifestPage<'a> {
    action: &'a str,
    manifest: &'a str,
    grants: &'a Grants,
    state: &'a str,
}

#[derive(Template)]
#[template(path = "setup_created.html")]
struct Created<'a> {
    registration: &'a Registration,
}

#[derive(Template)]
#[template(path = "setup_refused.html")]
struct Refused<'a> {
    text: &'a str,
}

/// What the pages of `planwright setup` share.
struct SetupState<R> {
    form: Form,
    registrar: R,
}

pub fn router<R: Registrar>(form: Form, registrar: R) -> Router {
    let setup = Arc::new(SetupState { form, registrar });
    Router::new()
        .route("/", get(manifest_page::<R>))
        .route(CREATED, get(created::<R>))
        .layer(middleware::from_fn_with_state(setup.clone(), guard::<R>))
        .with_state(setup)
}

/// Rejects requests for any other host name, as sent by web pages whose name resolves to loopback
/// (DNS rebinding).
async fn guard<R: Registrar>(
    State(setup): State<Arc<SetupState<R>>>,
    headers: HeaderMap,
    request: Request,
    next: Next,
) -> Response {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let address = setup.form.address;
    if ![address.to_string(), format!("localhost:{}", address.port())].contains(&host.to_owned()) {
        return (StatusCode::MISDIRECTED_REQUEST, format!("open http://{address}/\n"))
            .into_response();
    }
    let origin = setup.form.action.split('/').take(3).collect::<Vec<_>>().join("/");
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; form-action {origin}; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (CONTENT_SECURITY_POLICY, policy),
        (CACHE_CONTROL, "no-store".to_owned()),
        // The address of the second page contains the code, which must not leak as a referrer.
        (REFERRER_POLICY, "no-referrer".to_owned()),
    ];
    (headers, next.run(request).await).into_response()
}

async fn manifest_page<R: Registrar>(State(setup): State<Arc<SetupState<R>>>) -> Response {
    let Form { action, manifest, grants, state, .. } = &setup.form;
    page_response(StatusCode::OK, &ManifestPage { action, manifest, grants, state })
}

async fn created<R: Registrar>(
    State(setup): State<Arc<SetupState<R>>>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let given = |name: &str| query.get(name).map_or("", String::as_str);
    let (state, code) = (given("state"), given("code"));
    if !is_same(state, &setup.form.state) {
        let text = "This did not come from the page that `planwright setup` shows; begin there.";
        return page_response(StatusCode::FORBIDDEN, &Refused { text });
    }
    match setup.registrar.register(code).await {
        Ok(registration) => page_response(StatusCode::OK, &Created { registration: &registration }),
        Err(error) => {
            tracing::error!("the code was not exchanged: {error:#}");
            let text = format!("{error:#}. Load this page again to try once more, within an hour.");
            page_response(StatusCode::BAD_GATEWAY, &Refused { text: &text })
        }
    }
}

fn page_response(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(page) => (status, page).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
