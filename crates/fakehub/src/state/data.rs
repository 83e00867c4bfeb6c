//! Everything that fakehub stores, as plain data that is written to one file and read back.
//!
//! Commits, trees and branches are in bare repositories instead; `refs` says only which moves of
//! branches have been announced. GitHub's rules are in `actions`.

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
    /// Codes from the registration of an app that have not been exchanged yet.
    #[serde(default)]
    pub manifest_codes: BTreeMap<String, ManifestCode>,
    /// Sign-ins whose code has not been exchanged yet, by the code.
    #[serde(default)]
    pub sign_ins: BTreeMap<String, SignIn>,
    /// The accounts of people who have signed in to the app, by their tokens.
    #[serde(default)]
    pub user_tokens: BTreeMap<String, i64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ManifestCode {
    pub app: i64,
    pub expires_at: Timestamp,
}

/// A sign-in to the app, for which a code stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignIn {
    pub account: i64,
    pub redirect_uri: String,
    /// The `code_challenge` of the request, by the method S256.
    pub challenge: String,
    pub expires_at: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct App {
    pub id: i64,
    pub slug: String,
    pub client_id: String,
    /// The secret with which the app exchanges the codes of people who sign in.
    #[serde(default = "random")]
    pub client_secret: String,
    /// The URLs to which people who sign in may be redirected.
    #[serde(default)]
    pub callback_urls: Vec<String>,
    /// The account `<slug>[bot]`, the author of what the app writes.
    pub bot: i64,
    pub owner: i64,
    pub private_key_pem: String,
    /// The public key in PKCS #1 DER, as base64.
    pub public_key_der: String,
    pub webhook_secret: String,
    pub permissions: BTreeMap<String, Level>,
    pub events: Vec<String>,
    #[serde(default)]
    pub hook: Hook,
    pub created_at: Timestamp,
}

/// How webhooks are sent, except for their URL and secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hook {
    pub content_type: String,
    /// `"1"` if the receiver's certificate is not checked, otherwise `"0"`.
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
    /// The token for the API and git; organisations have none.
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
    /// The repositories that the token reaches, or `None` for all of the installation.
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
    /// The heads of branches, as last announced by a push event.
    pub refs: BTreeMap<String, String>,
    /// Issues and pull requests, which share their numbers.
    pub issues: BTreeMap<i64, Issue>,
    pub comments: BTreeMap<i64, Comment>,
    pub check_runs: BTreeMap<i64, CheckRun>,
    #[serde(default)]
    pub statuses: Vec<Status>,
    /// The moves of branches, oldest first.
    #[serde(default)]
    pub activity: Vec<Activity>,
    pub created_at: Timestamp,
    pub pushed_at: Timestamp,
}

/// A move of a branch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Activity {
    pub branch: String,
    /// `None` if the branch is new.
    pub before: Option<String>,
    /// `None` if the branch was deleted.
    pub after: Option<String>,
    /// GitHub's word for it, such as `push`.
    pub kind: String,
    pub by: i64,
    pub at: Timestamp,
}

/// Who did something. `via_app` says that the app did it, by its JWT or an installation token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct By {
    pub account: i64,
    pub via_app: bool,
}

/// An issue or pull request, by its repository and its number.
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
    /// The account that changed the text last.
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
    /// The last time that it was reopened.
    #[serde(default)]
    pub reopened_at: Option<Timestamp>,
    pub pull: Option<Pull>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pull {
    pub id: i64,
    pub head_repo: i64,
    pub head_ref: String,
    pub head_sha: String,
    pub base_ref: String,
    /// The head of the base when the pull request was last opened, pushed to or retargeted.
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
    #[serde(default)]
    pub via_email: bool,
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
    #[serde(default)]
    pub via_email: bool,
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

/// A commit status, which anybody with a permission reports, not only an app.
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

/// One attempt to deliver an event to the app's webhook.
#[derive(Debug, Serialize, Deserialize)]
pub struct Delivery {
    pub id: i64,
    /// The same for all attempts to deliver one event.
    pub guid: String,
    pub event: String,
    pub action: Option<String>,
    pub installation: i64,
    pub repository: Option<i64>,
    pub payload: Box<RawValue>,
    pub redelivery: bool,
    /// `None` until the delivery is sent.
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

/// Returns 32 random hexadecimal digits, which nobody can guess.
pub fn random() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
