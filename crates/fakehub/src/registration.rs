//! Registering an app from a manifest: the form that a browser sends, and the code that comes back.
//!
//! There is room for one app: a new one takes the place of the old, and is installed nowhere. Any site
//! may bring a manifest; nothing comes of it before somebody has confirmed it on a page of ours.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use jiff::{Timestamp, ToSpan};
use serde::Deserialize;
use serde_json::Value;

use super::refusal::Refusal;
use super::server::{Ask, Reply};
use super::state::{AccountKind, App, Hook, Level, ManifestCode, random};
use super::world::{World, app_keys};
use super::{Hub, pages};

/// GitHub's own keys; one that it does not know is a mistake of ours.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    name: String,
    #[serde(rename = "url")]
    _url: String,
    hook_attributes: Option<HookAttributes>,
    redirect_url: Option<String>,
    #[serde(default)]
    callback_urls: Vec<String>,
    #[serde(default, rename = "description")]
    _description: String,
    #[serde(default, rename = "public")]
    _public: bool,
    #[serde(default)]
    default_events: BTreeSet<String>,
    #[serde(default)]
    default_permissions: BTreeMap<String, Level>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HookAttributes {
    url: String,
    #[serde(default = "yes")]
    active: bool,
}

fn yes() -> bool {
    true
}

/// What the owner of the app changes on its settings page; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct AppEdit {
    pub permissions: Option<Vec<(String, Level)>>,
    pub events: Option<Vec<String>>,
    pub content_type: Option<String>,
    pub webhook_secret: Option<String>,
    pub callback_urls: Option<Vec<String>>,
}

impl Hub {
    /// Changes the app itself. Installations keep the permissions that they have.
    pub fn edit_app(&self, edit: AppEdit) -> Result<(), Refusal> {
        self.0.change(|world| {
            let app = &mut world.state.app;
            if let Some(permissions) = edit.permissions {
                app.permissions = permissions.into_iter().collect();
            }
            app.events = edit.events.unwrap_or_else(|| app.events.clone());
            let content_type = edit.content_type;
            app.hook.content_type = content_type.unwrap_or_else(|| app.hook.content_type.clone());
            app.webhook_secret = edit.webhook_secret.unwrap_or_else(|| app.webhook_secret.clone());
            if let Some(urls) = edit.callback_urls {
                app.callback_urls = urls;
            }
            Ok(())
        })
    }
}

/// The page on which a person confirms what another site has sent along.
#[derive(Template)]
#[template(
    ext = "html",
    source = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Create GitHub App</title>\
              <h1>Create GitHub App</h1><p>{{ name }}</p>\
              <form method=\"post\" action=\"{{ action }}\">\
              <input type=\"hidden\" name=\"manifest\" value=\"{{ manifest }}\">\
              <input type=\"hidden\" name=\"state\" value=\"{{ state }}\">\
              <button>Create GitHub App</button></form></html>"
)]
struct Confirmation<'a> {
    name: &'a str,
    action: &'a str,
    manifest: &'a str,
    state: &'a str,
}

/// Where a browser brings a manifest.
const NEW: &str = "/settings/apps/new";
/// Where it goes once somebody has confirmed it.
const CONFIRMED: &str = "/settings/apps/confirmed";

/// Whether a request is for a page of registration, of a person or an organisation.
pub fn is_page(ask: &Ask) -> bool {
    let is_one = |page| owner_of(&ask.path, page).is_some();
    ask.method == "POST" && (is_one(NEW) || is_one(CONFIRMED))
}

/// Whose app it will be: an organisation, or (`Some(None)`) whoever is signed in.
fn owner_of<'a>(path: &'a str, page: &str) -> Option<Option<&'a str>> {
    let of = path.strip_suffix(page)?;
    match of.strip_prefix("/organizations/") {
        _ if of.is_empty() => Some(None),
        Some(login) if !login.is_empty() && !login.contains('/') => Some(Some(login)),
        _ => None,
    }
}

/// Asks for confirmation, or registers the app and sends the browser back to where it came from.
pub fn answer(hub: &Hub, ask: &Ask) -> Reply {
    let reply = match owner_of(&ask.path, CONFIRMED) {
        None => confirmation(ask),
        Some(owner) => pages::guard(hub, ask).and_then(|()| registered(hub, ask, owner)),
    };
    // No `form-action`: what is confirmed leads on to another site.
    let policy = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'";
    let reply = reply.unwrap_or_else(|refusal| Reply::refusal(&refusal));
    reply.with("content-security-policy", policy).with("cache-control", "no-store")
}

type Fields = BTreeMap<String, String>;

fn manifest_in(fields: &Fields) -> Result<(&str, Manifest), Refusal> {
    let text = fields.get("manifest").ok_or_else(|| Refusal::missing("manifest"))?;
    let manifest = serde_json::from_str(text)
        .map_err(|error| Refusal::invalid("Integration", "manifest", error.to_string()))?;
    Ok((text, manifest))
}

fn confirmation(ask: &Ask) -> Result<Reply, Refusal> {
    let fields: Fields = form_urlencoded::parse(&ask.body).into_owned().collect();
    let query: Fields = form_urlencoded::parse(ask.query.as_bytes()).into_owned().collect();
    let (manifest, Manifest { name, .. }) = manifest_in(&fields)?;
    let action = ask.path.replace(NEW, CONFIRMED);
    let state = query.get("state").map_or("", String::as_str);
    let page = Confirmation { name: &name, action: &action, manifest, state };
    let page = page.render().map_err(|error| Refusal::new(500, error.to_string()))?;
    let reply = Reply { status: 200, headers: vec![], body: page.into() };
    Ok(reply.with("content-type", "text/html; charset=utf-8"))
}

fn registered(hub: &Hub, ask: &Ask, owner: Option<&str>) -> Result<Reply, Refusal> {
    let fields: Fields = form_urlencoded::parse(&ask.body).into_owned().collect();
    let (_, manifest) = manifest_in(&fields)?;
    let redirect =
        manifest.redirect_url.as_ref().ok_or_else(|| Refusal::missing("redirect_url"))?;
    let code = hub.0.change(|world| world.register_app(owner, &manifest))?;
    let mut answer = form_urlencoded::Serializer::new(String::new());
    answer.append_pair("code", &code);
    if let Some(state) = fields.get("state").filter(|state| !state.is_empty()) {
        answer.append_pair("state", state);
    }
    Ok(Reply::empty(302).with("location", format!("{redirect}?{}", answer.finish())))
}

impl World {
    /// Answers the code that stands for the new app for an hour.
    fn register_app(
        &mut self,
        owner: Option<&str>,
        manifest: &Manifest,
    ) -> Result<String, Refusal> {
        let (private_key_pem, public_key_der) = app_keys()?;
        let slug = slug(&manifest.name);
        if slug.is_empty() {
            return Err(Refusal::invalid("Integration", "name", "Name can't be blank"));
        }
        let owner = match owner {
            Some(login) => self.add_account(login, AccountKind::Organization),
            None => self.state.app.owner,
        };
        let bot = self.add_account(&format!("{slug}[bot]"), AccountKind::Bot);
        let id = self.next_id();
        let hook = manifest.hook_attributes.as_ref().filter(|hook| hook.active);
        self.webhook_url = hook.map(|hook| hook.url.clone());
        self.state.app = App {
            id,
            client_id: format!("Iv23li{}", &random()[..14]),
            client_secret: format!("{}{}", random(), &random()[..8]),
            callback_urls: manifest.callback_urls.clone(),
            slug,
            bot,
            owner,
            private_key_pem,
            public_key_der,
            // GitHub makes a secret only together with a webhook.
            webhook_secret: hook.map_or_else(String::new, |_| random()),
            permissions: manifest.default_permissions.clone(),
            events: manifest.default_events.iter().cloned().collect(),
            hook: Hook::default(),
            created_at: Timestamp::now(),
        };
        // Metadata can always be read, whatever was asked for.
        self.state.app.permissions.entry("metadata".into()).or_insert(Level::Read);
        self.state.installations.clear();
        self.state.tokens.clear();
        let code = random();
        let expires_at = Timestamp::now() + 1.hour();
        self.state.manifest_codes.insert(code.clone(), ManifestCode { app: id, expires_at });
        Ok(code)
    }

    /// The app behind a code with its secrets; the code is good for nothing afterwards.
    pub fn convert_manifest_code(&mut self, code: &str) -> Result<Value, Refusal> {
        let found = self.state.manifest_codes.remove(code).ok_or_else(Refusal::not_found)?;
        if found.expires_at <= Timestamp::now() || found.app != self.state.app.id {
            return Err(Refusal::not_found());
        }
        let app = &self.state.app;
        let mut shown = self.app_json()?;
        shown["client_secret"] = app.client_secret.as_str().into();
        shown["webhook_secret"] = match app.webhook_secret.as_str() {
            "" => Value::Null,
            secret => secret.into(),
        };
        shown["pem"] = app.private_key_pem.as_str().into();
        Ok(shown)
    }
}

/// As it stands in addresses: `My App!` is `my-app`.
fn slug(name: &str) -> String {
    let word = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' };
    let words: String = name.chars().map(word).collect();
    words.split_whitespace().collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn registered() -> (tempfile::TempDir, World, String) {
        let dir = tempfile::tempdir().unwrap();
        let mut world = World::open(dir.path().to_path_buf()).unwrap();
        let manifest = json!({ "name": "My App!", "url": "https://example.org" });
        let manifest: Manifest = serde_json::from_value(manifest).unwrap();
        let code = world.register_app(Some("acme"), &manifest).unwrap();
        (dir, world, code)
    }

    #[test]
    fn a_code_is_good_once() {
        let (_dir, mut world, code) = registered();
        let app = world.convert_manifest_code(&code).unwrap();
        assert_eq!(app["slug"], "my-app");
        assert_eq!(app["webhook_secret"], Value::Null, "there is no webhook");
        assert_eq!(world.convert_manifest_code(&code), Err(Refusal::not_found()));
    }

    #[test]
    fn a_code_is_good_for_an_hour() {
        let (_dir, mut world, code) = registered();
        world.state.manifest_codes.get_mut(&code).unwrap().expires_at = Timestamp::now();
        assert_eq!(world.convert_manifest_code(&code), Err(Refusal::not_found()));
    }

    #[test]
    fn the_page_is_that_of_a_person_or_an_organisation() {
        assert_eq!(owner_of("/settings/apps/new", NEW), Some(None));
        let of_acme = "/organizations/acme/settings/apps/new";
        assert_eq!(owner_of(of_acme, NEW), Some(Some("acme")));
        for path in ["/organizations//settings/apps/new", "/a/b/settings/apps/new", "/settings"] {
            assert_eq!(owner_of(path, NEW), None, "{path}");
        }
    }
}
