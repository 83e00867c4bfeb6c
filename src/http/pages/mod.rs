//! The pages of runs, for people who have signed in with GitHub and may read the repository.
//!
//! They show plans, so others see nothing, not even whether a page exists. Content from a
//! repository is only sent as escaped text, under a content security policy that allows only our
//! own script. The data was stored by jobs; nothing is changed here.

mod run;
mod sign_in;
mod signed_cookie;
mod stack;
mod text;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use askama::Template;
use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{
        HeaderName, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
            X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware::{self, Next},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use jiff::{SignedDuration, Timestamp};
use signed_cookie::CookieSigner;
use tower_http::{catch_panic::CatchPanicLayer, timeout::TimeoutLayer};

use planwright_core::{
    actor::{Actor, Permission},
    names::{RepositoryId, UserId},
    public_url::{PAGES, SIGNED_IN},
    repository::Repository,
};

use crate::app::App;

const STYLE: &str = include_str!("assets/page.css");
const SCRIPT: &str = include_str!("assets/live.js");
const ICON: &str = include_str!("assets/icon.svg");

/// Allows only our own style, script and images; forms and requests only to us; no framing.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// How long a response may take; a sign-in makes two calls to GitHub.
const ANSWER: Duration = Duration::from_secs(30);
/// How long a permission that GitHub reported is cached: an open page requests it again and again.
const KNOWN: SignedDuration = SignedDuration::from_mins(1);

/// What all pages share.
struct PagesState {
    app: Arc<App>,
    /// `None` if people cannot sign in, so there are no pages.
    signer: Option<CookieSigner>,
    /// Whether a user may read a repository, and when GitHub reported it.
    known: Mutex<HashMap<(UserId, RepositoryId), (bool, Timestamp)>>,
}

type Shared = State<Arc<PagesState>>;

/// Returns the routes of the pages. Their headers and limits do not apply to the bot's other
/// routes.
pub fn router(app: Arc<App>) -> Router {
    let signer = app.client.as_ref().map(|client| CookieSigner::new(&client.secret));
    let pages = Arc::new(PagesState { app, signer, known: Mutex::default() });
    let at = |path: &str| format!("{PAGES}/{path}");
    Router::new()
        .route(&at("{run}"), get(run::show))
        .route(&at(SIGNED_IN), get(sign_in::back))
        .route(&at("sign-out"), post(sign_in::out))
        .route(&at("page.css"), get(|| asset("text/css; charset=utf-8", STYLE)))
        .route(&at("live.js"), get(|| asset("text/javascript; charset=utf-8", SCRIPT)))
        .route(&at("icon.svg"), get(|| asset("image/svg+xml", ICON)))
        .with_state(pages)
        .layer(middleware::from_fn(guard))
        .layer(DefaultBodyLimit::max(1 << 10))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, ANSWER))
        .layer(CatchPanicLayer::new())
}

async fn asset(kind: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, kind)], text).into_response()
}

async fn guard(request: Request, next: Next) -> Response {
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // The address to which GitHub returns the browser contains a code, which must not leak as a
        // referrer.
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, next.run(request).await).into_response()
}

impl PagesState {
    /// Returns whether `actor` may read the repository on GitHub. Fails if GitHub cannot be asked.
    async fn may_see(&self, actor: &Actor, repository: &Repository) -> anyhow::Result<bool> {
        let (key, now) = ((actor.id, repository.id), self.app.now());
        let is_fresh = |at: Timestamp| now.duration_since(at) < KNOWN;
        {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.retain(|_, (_, at)| is_fresh(*at));
            if let Some((may, _)) = known.get(&key) {
                return Ok(*may);
            }
        }
        let may = self.app.github.permission(repository, actor).await? >= Permission::Read;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(key, (may, now));
        Ok(may)
    }
}

/// A page that only shows a message.
#[derive(Template)]
#[template(path = "page_said.html")]
struct Said<'a> {
    viewer: Option<&'a Actor>,
    title: &'a str,
    text: &'a str,
    /// The run to continue with.
    run: Option<String>,
}

fn said(status: StatusCode, title: &str, text: &str, run: Option<String>) -> Response {
    page_response(status, &Said { viewer: None, title, text, run })
}

/// The response is the same whether the run does not exist or the viewer may not see it.
fn not_found(viewer: Option<&Actor>) -> Response {
    let text = "There is no such run, or you cannot read its repository on GitHub.";
    let said = Said { viewer, title: "Not found", text, run: None };
    page_response(StatusCode::NOT_FOUND, &said)
}

fn no_pages(app: &App) -> Response {
    let text = match &app.public_url {
        None => "There are no pages here: the setting --public-url is not given.",
        Some(_) => "There are no pages here: this process does not have the role web.",
    };
    said(StatusCode::NOT_FOUND, "No pages", text, None)
}

fn page_response(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(page) => (status, Html(page)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
