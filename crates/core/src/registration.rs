//! The registration of the GitHub App: its permissions, installations and webhooks.
//!
//! `diagnosis` compares it with what Planwright needs.

use std::collections::{BTreeMap, BTreeSet};

use super::actor::AppId;

/// The permissions and events that an App asks for or has been granted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Level by permission, such as `write` for `checks`.
    pub permissions: BTreeMap<String, String>,
    pub events: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    pub id: AppId,
    pub slug: String,
    /// The public page of the App.
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
    /// The login of the organisation or person.
    pub account: String,
    /// The page on which the owner manages the installation.
    pub page: String,
    pub is_suspended: bool,
    pub grants: Grants,
}

/// The webhook settings of the App.
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
    /// GitHub's description, such as `OK` or `timed out`.
    pub status: String,
    /// The HTTP status; 0 if there was no answer.
    pub status_code: u16,
}
