//! The App on GitHub: its permissions, its installations and its webhook settings.
//!
//! Calls are made as the App. `core::diagnosis` decides whether anything is wrong.

use std::collections::{BTreeMap, BTreeSet};

use http::{Method, header::DATE};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use planwright_core::{
    actor::AppId,
    registration::{Attempt, Grants, Hook, Installation, Registration},
};

use crate::{GitHub, Result, call::Call};

/// The answer to `GET /app`, and a part of the answer to the conversion of a manifest.
#[derive(Deserialize)]
pub struct AppWire {
    id: AppId,
    slug: String,
    html_url: String,
    permissions: BTreeMap<String, String>,
    events: BTreeSet<String>,
}

impl From<AppWire> for Registration {
    fn from(wire: AppWire) -> Self {
        let grants = Grants { permissions: wire.permissions, events: wire.events };
        Self { id: wire.id, slug: wire.slug, page: wire.html_url, grants }
    }
}

#[derive(Deserialize)]
struct InstallationWire {
    account: Option<Account>,
    html_url: String,
    suspended_at: Option<String>,
    permissions: BTreeMap<String, String>,
    events: BTreeSet<String>,
}

/// The owner of an installation: an account with a login, or an enterprise with a slug.
#[derive(Deserialize)]
struct Account {
    #[serde(alias = "slug")]
    login: String,
}

#[derive(Deserialize)]
struct HookWire {
    url: Option<String>,
    content_type: Option<String>,
    secret: Option<String>,
    insecure_ssl: Option<Value>,
}

#[derive(Deserialize)]
struct AttemptWire {
    event: String,
    status: String,
    status_code: u16,
}

/// Entries per page. Only the first page of a list is read.
const PAGE: usize = 100;

impl GitHub {
    /// Returns the registration of the App. Fails if the key belongs to another App than the
    /// configured one.
    pub async fn registration(&self) -> Result<Registration> {
        let call = Call::read("/app");
        let registration: Registration = self.as_app(&call).await?.json::<AppWire>(&call)?.into();
        if registration.id != self.app_id() {
            return Err(call.unreadable(format!("the key is that of App {}", registration.id)));
        }
        Ok(registration)
    }

    /// Returns the installations of the App, at most a hundred.
    pub async fn installations(&self) -> Result<Vec<Installation>> {
        let call = Call::read(format!("/app/installations?per_page={PAGE}"));
        let all: Vec<InstallationWire> = self.as_app(&call).await?.json(&call)?;
        Ok(all.into_iter().map(installation).collect())
    }

    pub async fn hook(&self) -> Result<Hook> {
        let call = Call::read("/app/hook/config");
        let wire: HookWire = self.as_app(&call).await?.json(&call)?;
        // GitHub sends a string or a number.
        let is_insecure = |value: Value| value == json!("1") || value == json!(1);
        Ok(Hook {
            url: wire.url.filter(|url| !url.is_empty()),
            content_type: wire.content_type.unwrap_or_default(),
            checks_certificate: !wire.insecure_ssl.is_some_and(is_insecure),
            has_secret: wire.secret.is_some_and(|secret| !secret.is_empty()),
        })
    }

    /// Replaces the secret with which GitHub signs webhooks.
    pub async fn set_webhook_secret(&self, secret: &SecretString) -> Result<()> {
        let body = json!({ "secret": secret.expose_secret() });
        self.as_app(&Call::write(Method::PATCH, "/app/hook/config", body)).await.map(drop)
    }

    /// Returns the last attempts to deliver webhooks, the newest first.
    pub async fn attempts(&self) -> Result<Vec<Attempt>> {
        let call = Call::read("/app/hook/deliveries?per_page=30");
        let all: Vec<AttemptWire> = self.as_app(&call).await?.json(&call)?;
        let attempt =
            |AttemptWire { event, status, status_code }| Attempt { event, status, status_code };
        Ok(all.into_iter().map(attempt).collect())
    }

    /// Returns the time by GitHub's clock, in whole seconds, even if GitHub rejects the App's key.
    pub async fn time(&self) -> Result<Timestamp> {
        let call = Call::read("/app").taking_any_status();
        let answer = self.as_app(&call).await?;
        let date = answer.headers.get(DATE).and_then(|date| date.to_str().ok());
        let date = date.ok_or_else(|| call.unreadable("no `Date`"))?;
        let zoned = jiff::fmt::rfc2822::parse(date).map_err(|e| call.unreadable(e))?;
        Ok(zoned.timestamp())
    }
}

fn installation(wire: InstallationWire) -> Installation {
    Installation {
        account: wire.account.map_or_else(|| "somebody".into(), |account| account.login),
        page: wire.html_url,
        is_suspended: wire.suspended_at.is_some(),
        grants: Grants { permissions: wire.permissions, events: wire.events },
    }
}
