//! The web pages of the local GitHub, for people: what they read and press instead of an API.
//!
//! Whoever opens them on this machine may act as any person who lives here; a cookie says as whom.
//! So they are guarded against other pages in the same browser: the `Host` has to be ours, and a
//! form has to come from a page of ours. Nothing of a repository is ever sent but as escaped text
//! or sanitised Markdown, under a policy that runs only our own script.

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

use crate::api_error::Refusal;
use crate::http::{Ask, Reply};
use crate::hub::Hub;
use crate::pages::context::{
    COOKIE, Deeds, Fields, Place, Visit, numbered, people, person, rendered, segments,
};
use crate::pages::frame::Frame;
use crate::pages::guard::guard;
use crate::state::data::Role;

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/live.js");
const ICON: &str = include_str!("assets/icon.svg");

/// Only our own style, script and pictures; forms and reads only to us; never inside a frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// Whether a request is for a page: it comes without credentials, and is not for the API.
pub fn is_for_people(ask: &Ask) -> bool {
    let has_own_guard = register::is_page(ask) || sign_in::is_exchange(ask);
    let is_anonymous = ask.header("authorization").is_none();
    has_own_guard || (is_anonymous && !ask.path.starts_with("/api/"))
}

pub fn answer(hub: &Hub, ask: &Ask) -> Reply {
    if register::is_page(ask) {
        return register::answer(hub, ask);
    }
    if sign_in::is_exchange(ask) {
        return sign_in::exchange(hub, ask);
    }
    let reply = match guard(hub, ask) {
        Err(refusal) => plain(&refusal),
        Ok(()) => asset(&ask.path).unwrap_or_else(|| performed(hub, ask)),
    };
    let reply = reply
        .with("content-security-policy", POLICY)
        .with("x-content-type-options", "nosniff")
        .with("referrer-policy", "same-origin")
        .with("cross-origin-opener-policy", "same-origin");
    // Pages change all the time, and an older build's style would not fit them.
    reply.with("cache-control", "no-store")
}

fn asset(path: &str) -> Option<Reply> {
    let (kind, text) = match path {
        "/-/style.css" => ("text/css; charset=utf-8", STYLE),
        "/-/live.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "/-/icon.svg" => ("image/svg+xml", ICON),
        _ => return None,
    };
    Some(Reply { status: 200, headers: vec![], body: text.into() }.with("content-type", kind))
}

fn performed(hub: &Hub, ask: &Ask) -> Reply {
    let outcome = match ask.method.as_str() {
        "POST" => done(hub, ask),
        _ if ask.path == sign_in::PAGE => sign_in::authorize(hub, ask),
        _ => shown(hub, ask).map(|page| html(200, page)),
    };
    outcome.unwrap_or_else(|refusal| match refused(hub, ask, &refusal) {
        Ok(page) => html(refusal.status, page),
        Err(_) => plain(&refusal),
    })
}

fn html(status: u16, page: String) -> Reply {
    let reply = Reply { status, headers: vec![], body: page.into() };
    reply.with("content-type", "text/html; charset=utf-8")
}

fn plain(refusal: &Refusal) -> Reply {
    let reply = Reply { status: refusal.status, headers: vec![], body: refusal.to_string().into() };
    reply.with("content-type", "text/plain; charset=utf-8")
}

fn shown(hub: &Hub, ask: &Ask) -> Result<String, Refusal> {
    let path = segments(&ask.path);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let (owner, name, rest) = match path.as_slice() {
        [] => return start::page(hub, ask),
        [owner, name, rest @ ..] => (owner, name, rest),
        _ => return Err(Refusal::not_found()),
    };
    let world = hub.0.read();
    let visit = Visit::of(&world, ask)?;
    let full_name = format!("{owner}/{name}");
    let repo = world.repository_named(&full_name)?;
    world.require_role(repo, visit.by, Role::Read)?;
    let name = world.full_name(world.repository(repo)?)?;
    let place = Place { visit: &visit, repo, name: &name };
    match rest {
        [] => files::folder(place, None, ""),
        ["tree", branch, path @ ..] => files::folder(place, Some(branch), &path.join("/")),
        ["blob", branch, path @ ..] => files::file(place, branch, &path.join("/")),
        ["edit", branch, path @ ..] => propose::page(place, branch, (&path.join("/"), false)),
        ["delete", branch, path @ ..] => propose::page(place, branch, (&path.join("/"), true)),
        ["issues"] => issue::list(place),
        ["issues", "new"] => form::page(place),
        // As on GitHub a number is enough, whatever it is of.
        ["issues", number] if !place.is_pull(number) => issue::page(place, numbered(number)?),
        ["issues" | "pull", number] => pull::page(place, numbered(number)?),
        ["pulls"] => pull::list(place),
        ["pull", number, "files"] => pull::files(place, numbered(number)?),
        ["runs", run] => check::page(place, numbered(run)?),
        _ => Err(Refusal::not_found()),
    }
}

/// Does what a form asks for and answers with the address to go on at.
fn done(hub: &Hub, ask: &Ask) -> Result<Reply, Refusal> {
    let fields = Fields::read(&ask.body);
    let path = segments(&ask.path);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let to = match path.as_slice() {
        ["-", "person"] => return switched(hub, &fields),
        ["-", "deed", number] => {
            start::act(hub, numbered(number)?)?;
            "/".to_owned()
        }
        [owner, name, rest @ ..] => hub.0.change(|world| {
            let by = person(world, ask)?;
            let repo = world.repository_named(&format!("{owner}/{name}"))?;
            world.require_role(repo, by, Role::Read)?;
            let name = world.full_name(world.repository(repo)?)?;
            let at = Deeds { world, by, repo, name: &name, fields: &fields };
            at.perform(rest)
        })?,
        _ => return Err(Refusal::not_found()),
    };
    Ok(Reply::empty(303).with("location", to))
}

impl Deeds<'_> {
    fn perform(self, rest: &[&str]) -> Result<String, Refusal> {
        match rest {
            ["edit", branch, path @ ..] => propose::act(self, branch, (&path.join("/"), false)),
            ["delete", branch, path @ ..] => propose::act(self, branch, (&path.join("/"), true)),
            ["issues", "new"] => form::act(self),
            ["issues", number, deed] => issue::act(self, numbered(number)?, deed),
            ["pull", number, deed] => pull::act(self, numbered(number)?, deed),
            ["comments", comment, "reaction"] => timeline::react(self, numbered(comment)?),
            ["runs", run, "again"] => check::act(self, numbered(run)?),
            _ => Err(Refusal::not_found()),
        }
    }
}

fn switched(hub: &Hub, fields: &Fields) -> Result<Reply, Refusal> {
    let login = fields.required("person")?;
    let is_known = people(&hub.0.read()).any(|account| account.login == login);
    if !is_known {
        return Err(Refusal::not_found());
    }
    // Only an address of ours: `//elsewhere` would lead away.
    let back = fields.text("back");
    let is_own = back.starts_with('/') && !back.starts_with("//") && !back.contains('\\');
    let cookie = format!("{COOKIE}={login}; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000");
    let reply = Reply::empty(303).with("location", if is_own { back } else { "/" });
    Ok(reply.with("set-cookie", cookie))
}

#[derive(askama::Template)]
#[template(path = "refused.html")]
struct Refused {
    frame: Frame,
    status: u16,
    message: String,
}

fn refused(hub: &Hub, ask: &Ask, refusal: &Refusal) -> Result<String, Refusal> {
    let world = hub.0.read();
    let mut visit = Visit::of(&world, ask)?;
    if ask.method.as_str() == "POST" {
        visit.here = "/".into();
    }
    let because = refusal.errors.as_ref().and_then(|errors| {
        let first = errors.get(0)?;
        first.as_str().or_else(|| first["message"].as_str()).map(str::to_owned)
    });
    let message = because.unwrap_or_else(|| refusal.message.clone());
    rendered(&Refused { frame: Frame::new(&visit), status: refusal.status, message })
}
