//! What is wrong with an installation of Planwright, and how to correct it.
//!
//! A pure function of what `doctor` has read. What could not be read is an `Err` with the reason,
//! and a check that needs it is then unknown or failed.

mod checks;
mod github;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::registration::{Attempt, Grants, Hook, Installation, Registration};

/// The range of engine versions for which Planwright's packages are written.
pub const ENGINE: &str = ">=1.9, <2";

/// Everything that the checks depend on. Errors are sentences without a full stop.
#[derive(Clone, Debug)]
pub struct Inventory {
    pub config: Option<File>,
    /// Whether the settings of the server are valid.
    pub settings: Result<(), String>,
    pub secrets: Vec<File>,
    /// Whether there is at least one valid webhook secret.
    pub webhook_secret: Result<(), String>,
    /// The address of the pages of runs; `None` if they are turned off.
    pub pages: Result<Option<String>, String>,
    /// Whether the key could be parsed. Whether it belongs to the App, only GitHub knows.
    pub private_key: Result<(), String>,
    /// The permissions and events that the App's manifest asks for.
    pub wanted: Grants,
    pub github: Result<GitHub, String>,
    /// Name, version and path of the engine; `None` if this process does not run the engine.
    pub engine: Option<Result<String, String>>,
    /// What the running bot reports about the provider processes that it keeps.
    pub warm: WarmStatus,
    pub database: Result<Tables, String>,
    pub data: Directory,
    pub digest_key: Result<DigestKey, String>,
}

/// The state of provider processes that are kept between plans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WarmStatus {
    /// Turned off by the settings, or this process does not plan.
    Off,
    /// No bot answers at this address.
    Silent(String),
    Running(WarmCounts),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WarmCounts {
    pub processes: u64,
    /// The age of the oldest process, in seconds.
    pub oldest: u64,
    /// The memory of all processes, in bytes.
    pub memory: u64,
    /// The plans made with kept processes since the bot started.
    pub warm: u64,
    /// The plans since then that should have used kept processes and did not.
    pub fallbacks: u64,
}

/// A file that only its owner should read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub path: String,
    /// The permission bits; `None` if they cannot be read.
    pub mode: Option<u32>,
}

/// What GitHub answered.
#[derive(Clone, Debug)]
pub struct GitHub {
    /// GitHub's clock; `ours` is our clock at the same moment.
    pub time: Timestamp,
    pub ours: Timestamp,
    /// `Err` if GitHub does not accept our credentials as those of the App.
    pub app: Result<App, String>,
}

/// What GitHub returned about the App. Each request may fail by itself.
#[derive(Clone, Debug)]
pub struct App {
    pub registration: Registration,
    pub hook: Result<Hook, String>,
    /// `None` if the App has no webhook address.
    pub answered: Option<Result<Answered, String>>,
    pub attempts: Result<Vec<Attempt>, String>,
    pub installations: Result<Vec<Installation>, String>,
}

/// What the webhook address answered: the HTTP status, or why there was no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    pub ready: Result<u16, String>,
    /// The answer to a webhook without a signature.
    pub webhook: Result<u16, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tables {
    /// The database is empty, or does not exist yet.
    None,
    /// They are of an older version; `serve` migrates them when it starts.
    Behind,
    Current,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    pub path: String,
    /// The permission bits; `None` if the directory does not exist yet.
    pub mode: Option<u32>,
    /// Whether a file can be created in it, or in the directory in which it will be created.
    pub write: Result<(), String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DigestKey {
    /// It does not exist yet, and is created at this path when `serve` starts.
    None(String),
    There(File),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Ok,
    /// It works, but something should be improved.
    Warning,
    Failed,
    /// Not known, because something else failed.
    Unknown,
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// A stable name, such as `app-permissions`.
    pub check: &'static str,
    pub status: Status,
    /// What was found: a sentence without a full stop.
    pub found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

impl Check {
    fn new(check: &'static str, status: Status, found: impl Into<String>) -> Self {
        Self { check, status, found: found.into(), mend: None }
    }

    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Status::Ok, found)
    }

    fn unknown(check: &'static str, needs: &str) -> Self {
        Self::new(check, Status::Unknown, format!("not known: it needs `{needs}`"))
    }

    pub fn failed(check: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { mend: Some(mend.into()), ..Self::new(check, Status::Failed, found) }
    }

    fn warning(check: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { mend: Some(mend.into()), ..Self::new(check, Status::Warning, found) }
    }
}

/// Makes all checks, in the order in which problems are best corrected.
pub fn checks(inventory: &Inventory) -> Vec<Check> {
    let mut checks = vec![
        checks::settings(inventory),
        checks::secrets(inventory),
        checks::pages(inventory),
        checks::data(inventory),
        checks::digest_key(inventory),
        checks::database(inventory),
    ];
    checks.extend(checks::engine(inventory));
    checks.push(checks::warm(inventory));
    checks.extend(github::checks(inventory));
    checks
}

/// Returns whether no check failed or is unknown. Warnings are allowed.
pub fn is_healthy(checks: &[Check]) -> bool {
    !checks.iter().any(|check| matches!(check.status, Status::Failed | Status::Unknown))
}

/// Returns sorted names in backticks, for a sentence.
fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: BTreeSet<&str> = names.into_iter().collect();
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
