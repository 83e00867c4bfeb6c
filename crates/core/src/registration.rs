//! What a GitHub App is at GitHub: what it may do, where it is installed, where its webhooks go.
//!
//! Plain values; `diagnosis` compares them with what Planwright needs.

use std::collections::{BTreeMap, BTreeSet};

use super::actor::AppId;

/// What an App asks for, or was given by an installation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// `checks` → `write`.
    pub permissions: BTreeMap<String, String>,
    pub events: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    pub id: AppId,
    pub slug: String,
    /// For people; the page for installing it is below.
    pub page: String,
    pub grants: Grants,
}

impl Registration {
    pub fn install_page(&self) -> String {
        format!("{}/installations/new", self.page)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Login of the organisation or person.
    pub account: String,
    /// Where its owner looks after it.
    pub page: String,
    pub is_suspended: bool,
    pub grants: Grants,
}

/// How GitHub sends the App's webhooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    pub url: Option<String>,
    /// `json` or `form`.
    pub content_type: String,
    pub checks_certificate: bool,
    pub has_secret: bool,
}

/// One attempt to deliver a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub event: String,
    /// As GitHub words it, e.g. `OK` or `timed out`.
    pub status: String,
    /// 0 where no answer came.
    pub status_code: u16,
}
