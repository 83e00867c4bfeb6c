//! Registers an app from a manifest, exchanges the code for it, and changes the app.
//!
//! fakehub has one app: a new one replaces the old one, and is installed nowhere yet.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, ToSpan};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    api_error::ApiError,
    state::{
        State, app_keys,
        data::{AccountKind, App, Hook, Level, ManifestCode, random},
    },
};

/// An app manifest with those of GitHub's keys that the bot uses. Any other key is an error, so
/// that a test notices it.
///
/// See <https://docs.github.com/apps/sharing-github-apps/registering-a-github-app-from-a-manifest>.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub name: String,
    #[serde(rename = "url")]
    _url: String,
    hook_attributes: Option<HookAttributes>,
    pub redirect_url: Option<String>,
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

/// The settings of the app that its owner changes; `None` leaves a setting unchanged.
#[derive(Clone, Debug, Default)]
pub struct AppEdit {
    pub permissions: Option<Vec<(String, Level)>>,
    pub events: Option<Vec<String>>,
    pub content_type: Option<String>,
    pub webhook_secret: Option<String>,
    pub callback_urls: Option<Vec<String>>,
}

impl State {
    /// Changes the app. Existing installations keep their permissions.
    pub fn edit_app(&mut self, edit: AppEdit) {
        let app = &mut self.data.app;
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
    }

    /// Replaces the app by a new one, and returns a code that can be exchanged for its secrets
    /// within an hour.
    pub fn register_app(
        &mut self,
        owner: Option<&str>,
        manifest: &Manifest,
    ) -> Result<String, ApiError> {
        let (private_key_pem, public_key_der) = app_keys()?;
        let slug = slug(&manifest.name);
        if slug.is_empty() {
            return Err(ApiError::invalid("Integration", "name", "Name can't be blank"));
        }
        let owner = match owner {
            Some(login) => self.add_account(login, AccountKind::Organization),
            None => self.data.app.owner,
        };
        let bot = self.add_account(&format!("{slug}[bot]"), AccountKind::Bot);
        let id = self.next_id();
        let hook = manifest.hook_attributes.as_ref().filter(|hook| hook.active);
        self.webhook_url = hook.map(|hook| hook.url.clone());
        self.data.app = App {
            id,
            client_id: format!("Iv23li{}", &random()[..14]),
            client_secret: format!("{}{}", random(), &random()[..8]),
            callback_urls: manifest.callback_urls.clone(),
            slug,
            bot,
            owner,
            private_key_pem,
            public_key_der,
            // GitHub generates a secret only if the app has a webhook.
            webhook_secret: hook.map_or_else(String::new, |_| random()),
            permissions: manifest.default_permissions.clone(),
            events: manifest.default_events.iter().cloned().collect(),
            hook: Hook::default(),
            created_at: Timestamp::now(),
        };
        // GitHub grants this to every app.
        self.data.app.permissions.entry("metadata".into()).or_insert(Level::Read);
        self.data.installations.clear();
        self.data.tokens.clear();
        let code = random();
        let expires_at = Timestamp::now() + 1.hour();
        self.data.manifest_codes.insert(code.clone(), ManifestCode { app: id, expires_at });
        Ok(code)
    }

    /// Returns the app of a code, with its secrets, and uses up the code. Fails with 404 if the
    /// code is unknown, used or expired.
    pub fn convert_manifest_code(&mut self, code: &str) -> Result<Value, ApiError> {
        let found = self.data.manifest_codes.remove(code).ok_or_else(ApiError::not_found)?;
        if found.expires_at <= Timestamp::now() || found.app != self.data.app.id {
            return Err(ApiError::not_found());
        }
        let app = &self.data.app;
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

/// Returns a name as GitHub writes it in URLs: `My App!` becomes `my-app`.
fn slug(name: &str) -> String {
    let word = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' };
    let words: String = name.chars().map(word).collect();
    words.split_whitespace().collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn registered() -> (tempfile::TempDir, State, String) {
        let dir = tempfile::tempdir().unwrap();
        let mut state = State::open(dir.path().to_path_buf()).unwrap();
        let manifest = json!({ "name": "My App!", "url": "https://example.org" });
        let manifest: Manifest = serde_json::from_value(manifest).unwrap();
        let code = state.register_app(Some("acme"), &manifest).unwrap();
        (dir, state, code)
    }

    #[test]
    fn a_code_is_good_once() {
        let (_dir, mut state, code) = registered();
        let app = state.convert_manifest_code(&code).unwrap();
        assert_eq!(app["slug"], "my-app");
        assert_eq!(app["webhook_secret"], Value::Null, "there is no webhook");
        assert_eq!(state.convert_manifest_code(&code), Err(ApiError::not_found()));
    }

    #[test]
    fn a_code_is_good_for_an_hour() {
        let (_dir, mut state, code) = registered();
        state.data.manifest_codes.get_mut(&code).unwrap().expires_at = Timestamp::now();
        assert_eq!(state.convert_manifest_code(&code), Err(ApiError::not_found()));
    }
}
