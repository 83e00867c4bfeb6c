//! The web pages of the local GitHub, on which people read and press instead of calling the API.
//!
//! Whoever opens them on this machine may act as any person of this GitHub; a cookie says as whom.
//! So `guard` protects the pages from other sites in the same browser. Texts of a repository reach
//! a page only escaped or as sanitised Markdown, and the content security policy allows only our
//! own script.

mod check;
mod context;
mod files;
mod form;
mod frame;
mod guard;
mod issue;
mod markdown;
mod propose;
mod pull;
mod register;
mod sign_in;
mod start;
mod timeline;

use crate::{
    api_error::ApiError,
    http::{Request, Response},
    hub::Hub,
    pages::{
        context::{
            COOKIE, Fields, PageContext, RepoPage, Submission, numbered, people, person, rendered,
            segments,
        },
        frame::Frame,
        guard::guard,
    },
    state::data::Role,
};

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/live.js");
const ICON: &str = include_str!("assets/icon.svg");

/// The content security policy: only our own style, script and images; forms and requests only to
/// this server; never inside a frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// Returns whether a request is for a page: it has no credentials and is not for the API, or it
/// belongs to registration or sign-in.
pub fn is_for_people(request: &Request) -> bool {
    let has_own_guard = register::is_page(request) || sign_in::is_exchange(request);
    let is_anonymous = request.header("authorization").is_none();
    has_own_guard || (is_anonymous && !request.path.starts_with("/api/"))
}

pub fn answer(hub: &Hub, request: &Request) -> Response {
    if register::is_page(request) {
        return register::answer(hub, request);
    }
    if sign_in::is_exchange(request) {
        return sign_in::exchange(hub, request);
    }
    let response = match guard(hub, request) {
        Err(error) => plain(&error),
        Ok(()) => asset(&request.path).unwrap_or_else(|| respond(hub, request)),
    };
    let response = response
        .with("content-security-policy", POLICY)
        .with("x-content-type-options", "nosniff")
        .with("referrer-policy", "same-origin")
        .with("cross-origin-opener-policy", "same-origin");
    // Pages change all the time, and the style of an older build would not fit them.
    response.with("cache-control", "no-store")
}

fn asset(path: &str) -> Option<Response> {
    let (kind, text) = match path {
        "/-/style.css" => ("text/css; charset=utf-8", STYLE),
        "/-/live.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "/-/icon.svg" => ("image/svg+xml", ICON),
        _ => return None,
    };
    Some(Response { status: 200, headers: vec![], body: text.into() }.with("content-type", kind))
}

fn respond(hub: &Hub, request: &Request) -> Response {
    let outcome = match request.method.as_str() {
        "POST" => submit(hub, request),
        _ if request.path == sign_in::PAGE => sign_in::authorize(hub, request),
        _ => page(hub, request).map(|page| html(200, page)),
    };
    outcome.unwrap_or_else(|error| match error_page(hub, request, &error) {
        Ok(page) => html(error.status, page),
        Err(_) => plain(&error),
    })
}

fn html(status: u16, page: String) -> Response {
    let response = Response { status, headers: vec![], body: page.into() };
    response.with("content-type", "text/html; charset=utf-8")
}

fn plain(error: &ApiError) -> Response {
    let response =
        Response { status: error.status, headers: vec![], body: error.to_string().into() };
    response.with("content-type", "text/plain; charset=utf-8")
}

fn page(hub: &Hub, request: &Request) -> Result<String, ApiError> {
    let path = segments(&request.path);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let (owner, name, rest) = match path.as_slice() {
        [] => return start::page(hub, request),
        [owner, name, rest @ ..] => (owner, name, rest),
        _ => return Err(ApiError::not_found()),
    };
    let state = hub.0.read();
    let context = PageContext::new(&state, request)?;
    let full_name = format!("{owner}/{name}");
    let repo = state.repository_named(&full_name)?;
    state.require_role(repo, context.by, Role::Read)?;
    let name = state.full_name(state.repository(repo)?)?;
    let page = RepoPage { context: &context, repo, name: &name };
    match rest {
        [] => files::folder(page, None, ""),
        ["tree", branch, path @ ..] => files::folder(page, Some(branch), &path.join("/")),
        ["blob", branch, path @ ..] => files::file(page, branch, &path.join("/")),
        ["edit", branch, path @ ..] => propose::page(page, branch, &path.join("/"), false),
        ["delete", branch, path @ ..] => propose::page(page, branch, &path.join("/"), true),
        ["issues"] => issue::list(page),
        ["issues", "new"] => form::page(page),
        // As on GitHub, the path of an issue also leads to a pull request with this number.
        ["issues", number] if !page.is_pull(number) => issue::page(page, numbered(number)?),
        ["issues" | "pull", number] => pull::page(page, numbered(number)?),
        ["pulls"] => pull::list(page),
        ["pull", number, "files"] => pull::files(page, numbered(number)?),
        ["runs", run] => check::page(page, numbered(run)?),
        _ => Err(ApiError::not_found()),
    }
}

/// Performs what a form asks for, and redirects to the page to go on with.
fn submit(hub: &Hub, request: &Request) -> Result<Response, ApiError> {
    let fields = Fields::read(&request.body);
    let path = segments(&request.path);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let to = match path.as_slice() {
        ["-", "person"] => return switched(hub, &fields),
        ["-", "action", number] => {
            start::act(hub, numbered(number)?)?;
            "/".to_owned()
        }
        [owner, name, rest @ ..] => hub.0.change(|state| {
            let by = person(state, request)?;
            let repo = state.repository_named(&format!("{owner}/{name}"))?;
            state.require_role(repo, by, Role::Read)?;
            let name = state.full_name(state.repository(repo)?)?;
            let at = Submission { state, by, repo, name: &name, fields: &fields };
            at.perform(rest)
        })?,
        _ => return Err(ApiError::not_found()),
    };
    Ok(Response::empty(303).with("location", to))
}

impl Submission<'_> {
    fn perform(self, rest: &[&str]) -> Result<String, ApiError> {
        match rest {
            ["edit", branch, path @ ..] => propose::act(self, branch, &path.join("/"), false),
            ["delete", branch, path @ ..] => propose::act(self, branch, &path.join("/"), true),
            ["issues", "new"] => form::act(self),
            ["issues", number, action] => issue::act(self, numbered(number)?, action),
            ["pull", number, action] => pull::act(self, numbered(number)?, action),
            ["comments", comment, "reaction"] => timeline::react(self, numbered(comment)?),
            ["runs", run, "again"] => check::act(self, numbered(run)?),
            _ => Err(ApiError::not_found()),
        }
    }
}

fn switched(hub: &Hub, fields: &Fields) -> Result<Response, ApiError> {
    let login = fields.required("person")?;
    let is_known = people(&hub.0.read()).any(|account| account.login == login);
    if !is_known {
        return Err(ApiError::not_found());
    }
    // Only a path on this server: `//elsewhere` would lead to another one.
    let back = fields.text("back");
    let is_own = back.starts_with('/') && !back.starts_with("//") && !back.contains('\\');
    let cookie = format!("{COOKIE}={login}; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000");
    let response = Response::empty(303).with("location", if is_own { back } else { "/" });
    Ok(response.with("set-cookie", cookie))
}

#[derive(askama::Template)]
#[template(path = "refused.html")]
struct ErrorPage {
    frame: Frame,
    status: u16,
    message: String,
}

fn error_page(hub: &Hub, request: &Request, error: &ApiError) -> Result<String, ApiError> {
    let state = hub.0.read();
    let mut context = PageContext::new(&state, request)?;
    if request.method.as_str() == "POST" {
        context.here = "/".into();
    }
    let because = error.errors.as_ref().and_then(|errors| {
        let first = errors.get(0)?;
        first.as_str().or_else(|| first["message"].as_str()).map(str::to_owned)
    });
    let message = because.unwrap_or_else(|| error.message.clone());
    rendered(&ErrorPage { frame: Frame::new(&context), status: error.status, message })
}
