//! Registering an app from a manifest: the form that a browser sends, and the code that comes back.
//!
//! There is room for one app: a new one takes the place of the old, and is installed nowhere. The
//! page on which a person confirms the name is passed over.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, ToSpan};
use serde::Deserialize;
use serde_json::Value;

use super::Hub;
use super::refusal::Refusal;
use super::rest::pairs;
use super::server::{Ask, Reply};
use super::state::{AccountKind, App, Hook, Level, ManifestCode};
use super::world::{World, app_keys};

/// How the call log names it, whosever page it is.
pub const OPERATION: &str = "POST /settings/apps/new";

/// GitHub's own keys; one that it does not know is a mistake of ours.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    name: String,
    #[serde(rename = "url")]
    _url: String,
    hook_attributes: Option<HookAttributes>,
    redirect_url: Option<String>,
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
            Ok(())
        })
    }

    /// Installs the app on all repositories of an account that has some.
    pub fn install_app(&self, owner: &str) -> Result<(), Refusal> {
        self.0.change(|world| {
            let owner = world.account_named(owner)?.id;
            let of_owner = |id: &&i64| {
                world.repository(**id).is_ok_and(|repository| repository.owner == owner)
            };
            let repository = world.state.repositories.keys().find(of_owner).copied();
            world.install(owner, repository.ok_or_else(Refusal::not_found)?)
        })
    }
}

/// `/settings/apps/new` of a person, or that of an organisation.
pub fn is_page(ask: &Ask) -> bool {
    ask.method == "POST" && owner_of(&ask.path).is_some()
}

/// Whose app it will be: an organisation, or (`Some(None)`) whoever is signed in.
fn owner_of(path: &str) -> Option<Option<&str>> {
    let of = path.strip_suffix("/settings/apps/new")?;
    match of.strip_prefix("/organizations/") {
        _ if of.is_empty() => Some(None),
        Some(login) if !login.is_empty() && !login.contains('/') => Some(Some(login)),
        _ => None,
    }
}

/// Registers the app and sends the browser back to where the manifest says.
pub fn answer(hub: &Hub, ask: &Ask) -> Result<Reply, Refusal> {
    let owner = owner_of(&ask.path).ok_or_else(Refusal::not_found)?;
    let form = pairs(std::str::from_utf8(&ask.body).unwrap_or_default());
    let text = form.get("manifest").ok_or_else(|| Refusal::missing("manifest"))?;
    let manifest: Manifest = serde_json::from_str(text)
        .map_err(|error| Refusal::invalid("Integration", "manifest", error.to_string()))?;
    let redirect = manifest.redirect_url.clone().ok_or_else(|| Refusal::missing("redirect_url"))?;
    let code = hub.0.change(|world| world.register_app(owner, &manifest))?;
    let state = pairs(&ask.query).get("state").map(|state| format!("&state={state}"));
    let to = format!("{redirect}?code={code}{}", state.unwrap_or_default());
    Ok(Reply::empty(302).with("location", to))
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
        let mut shown = self.app_json()?;
        let app = &self.state.app;
        shown["client_secret"] = format!("{}{}", random(), &random()[..8]).into();
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

fn random() -> String {
    uuid::Uuid::new_v4().simple().to_string()
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
        assert_eq!(owner_of("/settings/apps/new"), Some(None));
        assert_eq!(owner_of("/organizations/acme/settings/apps/new"), Some(Some("acme")));
        for path in ["/organizations//settings/apps/new", "/a/b/settings/apps/new", "/settings"] {
            assert_eq!(owner_of(path), None, "{path}");
        }
    }
}
