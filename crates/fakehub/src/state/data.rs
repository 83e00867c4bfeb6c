//! All that fakehub remembers, as plain data: it is written to one file and read back.
//!
//! Commits, trees and branches are not here but in bare repositories; `refs` only says which of
//! their movements have been announced. No rule of GitHub's is here either.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use crate::state::clock::Clock;

#[derive(Debug, Serialize, Deserialize)]
pub struct Data {
    pub clock: Clock,
    pub last_id: i64,
    pub app: App,
    pub accounts: BTreeMap<i64, Account>,
    pub installations: BTreeMap<i64, Installation>,
    pub tokens: BTreeMap<String, InstallationToken>,
    pub repositories: BTreeMap<i64, Repository>,
    pub deliveries: Vec<Delivery>,
    /// Codes that stand for the app that a manifest made, until somebody exchanges them.
    #[serde(default)]
    pub manifest_codes: BTreeMap<String, ManifestCode>,
    /// By the code that the browser brings back.
    #[serde(default)]
    pub sign_ins: BTreeMap<String, SignIn>,
    /// Tokens of people who have signed in to the app, and whose they are.
    #[serde(default)]
    pub user_tokens: BTreeMap<String, i64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ManifestCode {
    pub app: i64,
    pub expires_at: Timestamp,
}

/// What a code stands for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignIn {
    pub account: i64,
    pub redirect_uri: String,
    /// `code_challenge`, of the method S256.
    pub challenge: String,
    pub expires_at: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct App {
    pub id: i64,
    pub slug: String,
    pub client_id: String,
    /// With which the app exchanges the codes of people who sign in.
    #[serde(default = "random")]
    pub client_secret: String,
    /// Where people who sign in may be sent back to.
    #[serde(default)]
    pub callback_urls: Vec<String>,
    /// The account `<slug>[bot]`, which is the author of what the app writes.
    pub bot: i64,
    pub owner: i64,
    pub private_key_pem: String,
    /// PKCS #1, base64.
    pub public_key_der: String,
    pub webhook_secret: String,
    pub permissions: BTreeMap<String, Level>,
    pub events: Vec<String>,
    #[serde(default)]
    pub hook: Hook,
    pub created_at: Timestamp,
}

/// How webhooks are sent, beside where to and the secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hook {
    pub content_type: String,
    /// `"1"` where the receiver's certificate is not checked.
    pub insecure_ssl: String,
}

impl Default for Hook {
    fn default() -> Self {
        Self { content_type: "json".into(), insecure_ssl: "0".into() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Read,
    Write,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountKind {
    User,
    Bot,
    Organization,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account {
    pub id: i64,
    pub login: String,
    pub kind: AccountKind,
    /// What a person signs in to the API and to git with.
    pub token: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Installation {
    pub id: i64,
    pub account: i64,
    pub permissions: BTreeMap<String, Level>,
    pub created_at: Timestamp,
    pub suspended_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InstallationToken {
    pub installation: i64,
    pub permissions: BTreeMap<String, Level>,
    /// None is every repository of the installation.
    pub repositories: Option<BTreeSet<i64>>,
    pub expires_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Read,
    Triage,
    Write,
    Maintain,
    Admin,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Repository {
    pub id: i64,
    pub owner: i64,
    pub name: String,
    pub private: bool,
    pub archived: bool,
    pub default_branch: String,
    pub fork_of: Option<i64>,
    pub collaborators: BTreeMap<i64, Role>,
    /// Branches as last announced by a push event.
    pub refs: BTreeMap<String, String>,
    /// Issues and pull requests share their numbers.
    pub issues: BTreeMap<i64, Issue>,
    pub comments: BTreeMap<i64, Comment>,
    pub check_runs: BTreeMap<i64, CheckRun>,
    #[serde(default)]
    pub statuses: Vec<Status>,
    pub created_at: Timestamp,
    pub pushed_at: Timestamp,
}

/// Who did something; `via_app` when it was done with an installation token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct By {
    pub account: i64,
    pub via_app: bool,
}

/// An issue or pull request of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssueRef {
    pub repo: i64,
    pub number: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Issue {
    pub id: i64,
    pub number: i64,
    pub title: String,
    pub body: Option<String>,
    pub by: By,
    /// Who changed the text last.
    #[serde(default)]
    pub edited_by: Option<i64>,
    pub labels: Vec<String>,
    #[serde(default)]
    pub reactions: Vec<Reaction>,
    pub open: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    pub closed_by: Option<i64>,
    pub pull: Option<Pull>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pull {
    pub id: i64,
    pub head_repo: i64,
    pub head_ref: String,
    pub head_sha: String,
    pub base_ref: String,
    /// Where the base was when the pull request was opened, pushed to or retargeted.
    pub base_sha: String,
    pub draft: bool,
    pub merged: Option<Merged>,
    pub reviews: Vec<Review>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Merged {
    pub by: i64,
    pub at: Timestamp,
    pub sha: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReviewState {
    Approved,
    ChangesRequested,
    Commented,
    Dismissed,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Review {
    pub id: i64,
    pub by: By,
    pub state: ReviewState,
    pub body: String,
    pub commit_id: String,
    pub submitted_at: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Comment {
    pub id: i64,
    pub issue: i64,
    pub by: By,
    pub body: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub reactions: Vec<Reaction>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reaction {
    pub id: i64,
    pub by: i64,
    pub content: String,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CheckRun {
    pub id: i64,
    pub suite: i64,
    pub name: String,
    pub head_sha: String,
    pub status: String,
    pub conclusion: Option<String>,
    pub external_id: Option<String>,
    pub details_url: Option<String>,
    pub started_at: Timestamp,
    pub completed_at: Option<Timestamp>,
    pub title: Option<String>,
    pub summary: Option<String>,
    pub text: Option<String>,
    pub annotations: Vec<Value>,
    pub actions: Vec<Value>,
}

/// What somebody other than an app says of a commit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    pub id: i64,
    pub sha: String,
    pub state: String,
    pub context: String,
    pub description: Option<String>,
    pub target_url: Option<String>,
    pub by: By,
    pub created_at: Timestamp,
}

/// One attempt to hand an event to the app's webhook.
#[derive(Debug, Serialize, Deserialize)]
pub struct Delivery {
    pub id: i64,
    /// The same for every attempt of one event.
    pub guid: String,
    pub event: String,
    pub action: Option<String>,
    pub installation: i64,
    pub repository: Option<i64>,
    pub payload: Box<RawValue>,
    pub redelivery: bool,
    /// None while it waits to be sent.
    pub answer: Option<DeliveryAnswer>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeliveryAnswer {
    pub delivered_at: Timestamp,
    pub seconds: f64,
    pub status: String,
    pub status_code: u16,
    pub body: String,
}

/// Returns what nobody guesses.
pub fn random() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
