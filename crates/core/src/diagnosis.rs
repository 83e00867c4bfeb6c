//! What is wrong with an installation of Planwright, and how to mend it.
//!
//! A pure function of what `doctor` has read. What could not be read is an `Err` with the reason, and
//! a check that needs it says so instead of passing.

mod checks;
mod github;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::registration::{Attempt, Grants, Hook, Installation, Registration};

/// The oldest engine that packages of ours may ask for, and the newest.
pub const ENGINE: &str = ">=1.9, <2";

/// Everything that the checks are made on; errors are sentences without a full stop.
#[derive(Clone, Debug)]
pub struct Inventory {
    pub config: Option<File>,
    /// Whether anything would be done under them.
    pub settings: Result<(), String>,
    pub secrets: Vec<File>,
    /// Whether there is one webhook secret, or two.
    pub webhook_secret: Result<(), String>,
    /// Where the pages of runs are; none where there are none.
    pub pages: Result<Option<String>, String>,
    /// Parsed, not yet compared with the App.
    pub private_key: Result<(), String>,
    /// What the manifest asks for.
    pub wanted: Grants,
    pub github: Result<GitHub, String>,
    /// Name, version and place; none where this process starts no engine.
    pub engine: Option<Result<String, String>>,
    /// What the bot that runs says of the providers that it keeps.
    pub warm: WarmStatus,
    pub database: Result<Tables, String>,
    pub data: Directory,
    pub digest_key: Result<DigestKey, String>,
}

/// Providers that are kept between plans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WarmStatus {
    /// The settings say so, or this process plans nothing.
    Off,
    /// No bot answers at this address.
    Silent(String),
    Running(WarmCounts),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WarmCounts {
    pub processes: u64,
    /// Age of the oldest, in seconds.
    pub oldest: u64,
    /// Bytes of all.
    pub memory: u64,
    /// Plans since the start of the bot.
    pub warm: u64,
    /// Those of them that should have been warm and were made cold.
    pub fallbacks: u64,
}

/// A file that only its owner should read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub path: String,
    /// Permission bits; none where it cannot be looked at.
    pub mode: Option<u32>,
}

/// A GitHub that answers.
#[derive(Clone, Debug)]
pub struct GitHub {
    /// By its clock, and by ours at the same moment.
    pub time: Timestamp,
    pub ours: Timestamp,
    /// Errors where it does not take us for the App.
    pub app: Result<App, String>,
}

/// The App that it takes us for, and what it told the App; each by itself, since one may fail alone.
#[derive(Clone, Debug)]
pub struct App {
    pub registration: Registration,
    pub hook: Result<Hook, String>,
    /// None where there is no address to ask.
    pub answered: Option<Result<Answered, String>>,
    pub attempts: Result<Vec<Attempt>, String>,
    pub installations: Result<Vec<Installation>, String>,
}

/// What is answered at the address of the webhook: HTTP status, or why there was none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    pub ready: Result<u16, String>,
    /// To a webhook without a signature.
    pub webhook: Result<u16, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tables {
    /// An empty database, or none yet.
    None,
    /// Of an older version; they are brought up to date at the start.
    Behind,
    Current,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    pub path: String,
    /// Permission bits; none where it is not there yet.
    pub mode: Option<u32>,
    /// Whether a file can be written in it, or in what it will be made in.
    pub write: Result<(), String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DigestKey {
    /// Made at the start.
    None(String),
    There(File),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Ok,
    /// It works, but not as well as it could.
    Warning,
    Failed,
    /// Not known because something else failed.
    Unknown,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Stable and searchable, e.g. `app-permissions`.
    pub check: &'static str,
    pub status: Status,
    /// What was found, as a sentence without a full stop.
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

/// Returns every check, in the order in which things are mended best.
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

/// Returns whether nothing has to be mended before the bot works.
pub fn is_healthy(checks: &[Check]) -> bool {
    !checks.iter().any(|check| matches!(check.status, Status::Failed | Status::Unknown))
}

/// Returns names in backticks, for a sentence.
fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: BTreeSet<&str> = names.into_iter().collect();
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
