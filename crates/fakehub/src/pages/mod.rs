//! The web pages of the local GitHub, for people: what they read and press instead of an API.
//!
//! Whoever opens them on this machine may act as any person who lives here; a cookie says as whom.
//! So they are guarded against other pages in the same browser: the `Host` has to be ours, and a
//! form has to come from a page of ours. Nothing of a repository is ever sent but as escaped text
//! or sanitised Markdown, under a policy that runs only our own script.

mod check;
mod files;
mod form;
mod frame;
mod guide;
mod issue;
mod markdown;
mod propose;
mod pull;
mod timeline;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::Hub;
use super::refusal::Refusal;
use super::server::{Ask, Reply};
use super::sign_in;
use super::state::{By, Role};
use super::world::World;
use frame::Frame;

pub use guide::{Deed, Guide, Step, Teller};

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/live.js");
const ICON: &str = include_str!("assets/icon.svg");

/// Only our own style, script and pictures; forms and reads only to us; never inside a frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

const COOKIE: &str = "fakehub_person";

/// Whether a request is for a page: it comes without credentials, and is neither for the API nor git.
pub fn is_for_people(ask: &Ask) -> bool {
    ask.header("authorization").is_none()
        && !ask.path.starts_with("/api/")
        && !super::git_http::is_git(&ask.path)
}

pub fn answer(hub: &Hub, ask: &Ask) -> Reply {
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

/// Refuses what another page or another name for this address sends through the browser.
pub fn guard(hub: &Hub, ask: &Ask) -> Result<(), Refusal> {
    let port = hub.url().rsplit(':').next().unwrap_or_default();
    let host = ask.header("host").unwrap_or_default();
    if host != format!("127.0.0.1:{port}") && host != format!("localhost:{port}") {
        let message = format!("this server is {} only, not `{host}`", hub.url());
        return Err(Refusal::new(421, message));
    }
    match ask.method.as_str() {
        "GET" | "HEAD" => return Ok(()),
        "POST" => {}
        method => return Err(Refusal::new(405, format!("pages do not take {method}"))),
    }
    let is_ours = match (ask.header("sec-fetch-site"), ask.header("origin")) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => origin == format!("http://{host}"),
        (None, None) => false,
    };
    let kind = ask.header("content-type").unwrap_or_default();
    match is_ours && kind.starts_with("application/x-www-form-urlencoded") {
        true => Ok(()),
        false => Err(Refusal::new(403, "a form has to be sent from a page of this very server")),
    }
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
        _ if ask.path == sign_in::PAGE => hub.0.change(|world| {
            let by = person(world, ask)?;
            sign_in::authorized(world, by, &ask.query)
        }),
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

/// What was filled into a form, or stands behind the `?` of an address.
#[derive(Debug, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    fn read(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// The value of a field; nothing is empty.
    pub fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(other, _)| other == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// A field that has to have a value. Errors with 422.
    pub fn required(&self, name: &str) -> Result<&str, Refusal> {
        match self.text(name).trim() {
            "" => Err(Refusal::new(422, format!("The field `{name}` is empty"))),
            text => Ok(text),
        }
    }
}

/// One person looking at one address.
pub struct Visit<'a> {
    pub world: &'a World,
    pub by: By,
    pub fields: Fields,
    /// The address, to come back to.
    pub here: String,
}

/// A repository as its pages know it.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub visit: &'a Visit<'a>,
    pub repo: i64,
    pub name: &'a str,
}

impl<'a> Visit<'a> {
    fn of(world: &'a World, ask: &Ask) -> Result<Self, Refusal> {
        let here = match ask.query.as_str() {
            "" => ask.path.clone(),
            query => format!("{}?{query}", ask.path),
        };
        let fields = Fields::read(ask.query.as_bytes());
        Ok(Self { world, by: person(world, ask)?, fields, here })
    }
}

impl Place<'_> {
    pub fn may(&self, role: Role) -> bool {
        self.visit.world.require_role(self.repo, self.visit.by, role).is_ok()
    }
}

/// Whom the cookie names, or the first who lives here.
fn person(world: &World, ask: &Ask) -> Result<By, Refusal> {
    let cookies = ask.header("cookie").unwrap_or_default().split(';');
    let named = cookies.filter_map(|pair| pair.trim().split_once('='));
    let named = named.filter(|(name, _)| *name == COOKIE).find_map(|(_, login)| {
        frame::people(world).find(|account| account.login == login).map(|account| account.id)
    });
    let found = named.or_else(|| frame::people(world).next().map(|account| account.id));
    let account =
        found.ok_or_else(|| Refusal::new(404, "nobody lives in this local GitHub yet"))?;
    Ok(By { account, via_app: false })
}

fn segments(path: &str) -> Vec<String> {
    let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    path.split('/').filter(|part| !part.is_empty()).map(decoded).collect()
}

/// `text` as one segment of a path.
pub fn segment(text: &str) -> String {
    const ESCAPED: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'@');
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// `path` with each of its segments encoded.
pub fn segments_of(path: &str) -> String {
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

fn shown(hub: &Hub, ask: &Ask) -> Result<String, Refusal> {
    let path = segments(&ask.path);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let (owner, name, rest) = match path.as_slice() {
        [] => return guide::page(hub, ask),
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
        ["issues", number] => issue::page(place, numbered(number)?),
        ["pulls"] => pull::list(place),
        ["pull", number] => pull::page(place, numbered(number)?),
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
            guide::act(hub, numbered(number)?)?;
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

/// A form of a repository on its way.
pub struct Deeds<'a> {
    pub world: &'a mut World,
    pub by: By,
    pub repo: i64,
    pub name: &'a str,
    pub fields: &'a Fields,
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
    let is_known = frame::people(&hub.0.read()).any(|account| account.login == login);
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

fn numbered(text: &str) -> Result<i64, Refusal> {
    text.parse().map_err(|_| Refusal::not_found())
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

pub fn rendered(page: &impl askama::Template) -> Result<String, Refusal> {
    page.render().map_err(|error| Refusal::new(500, format!("a page could not be made: {error}")))
}
