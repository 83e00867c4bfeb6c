//! Errors of the engine adapter, worded for the person who has to fix the cause.
//!
//! Text from the engine has secrets removed before it comes here. Nothing is escaped or shortened
//! for GitHub here.

use std::{fmt, io, path::PathBuf, time::Duration};

use semver::Version;
use serde::Serialize;

use planwright_core::finding::Severity;

/// Why a command of the engine has no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "no engine: looked for {looked}. Install OpenTofu (https://opentofu.org/docs/intro/install/) \
         or Terraform 1.9 or newer (https://developer.hashicorp.com/terraform/install), and put it \
         on PATH or name its path in the settings"
    )]
    NotFound { looked: String },
    #[error(
        "{} is version {version}, but the stack needs {wanted}; install a version that fits, and name \
         it with `--engine PATH` or PLANWRIGHT_ENGINE where it is not the first on PATH",
        binary.display()
    )]
    WrongVersion { binary: PathBuf, version: Version, wanted: String },
    #[error("`{command}` took longer than {} s and was ended", limit.as_secs_f64())]
    TimedOut { command: &'static str, limit: Duration },
    #[error("`{command}` was cancelled")]
    Cancelled { command: &'static str },
    #[error("{}", failure(command, diagnostics, tail))]
    Engine { command: &'static str, diagnostics: Vec<Diagnostic>, tail: Vec<String> },
    /// Input for the engine, or output of it, is not as it must be.
    #[error("cannot use {what}: {why}")]
    Unreadable { what: String, why: String },
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
}

impl Error {
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    pub(super) fn unreadable(what: impl Into<String>, why: impl fmt::Display) -> Self {
        Self::Unreadable { what: what.into(), why: why.to_string() }
    }
}

/// One error or warning of the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    pub severity: Severity,
    pub summary: String,
    pub detail: String,
    /// The address of the resource that it is about.
    pub address: Option<String>,
    /// File and line in the rendered tree.
    pub place: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.summary.trim_end_matches('.'))?;
        match (&self.address, &self.place) {
            (Some(address), Some(place)) => write!(f, " ({address}, {place})")?,
            (Some(at), None) | (None, Some(at)) => write!(f, " ({at})")?,
            (None, None) => {}
        }
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        Ok(())
    }
}

fn failure(command: &str, diagnostics: &[Diagnostic], tail: &[String]) -> String {
    let errors: Vec<String> = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .map(|diagnostic| format!("\n- {diagnostic}"))
        .collect();
    match (errors.is_empty(), tail.is_empty()) {
        (false, _) => format!("`{command}` failed:{}", errors.concat()),
        (true, false) => format!("`{command}` failed; its last lines:\n{}", tail.join("\n")),
        (true, true) => format!("`{command}` failed without a word"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnostic(severity: Severity) -> Diagnostic {
        Diagnostic {
            severity,
            summary: "Invalid value for variable.".into(),
            detail: "The name is taken.".into(),
            address: None,
            place: Some("main.tf.json:3".into()),
        }
    }

    #[test]
    fn a_failure_names_each_error_and_no_warning() {
        let diagnostics = vec![diagnostic(Severity::Warning), diagnostic(Severity::Error)];
        let error = Error::Engine { command: "plan", diagnostics, tail: vec!["noise".into()] };
        insta::assert_snapshot!(error, @r"
        `plan` failed:
        - Invalid value for variable (main.tf.json:3): The name is taken.
        ");
    }

    #[test]
    fn a_failure_without_diagnostics_shows_the_last_lines() {
        let tail = vec!["panic: out of luck".to_owned()];
        let error = Error::Engine { command: "plan", diagnostics: vec![], tail };
        insta::assert_snapshot!(error, @r"
        `plan` failed; its last lines:
        panic: out of luck
        ");
    }

    #[test]
    fn a_missing_engine_says_how_to_get_one() {
        let error = Error::NotFound { looked: "`tofu`, then `terraform`, on PATH".into() };
        insta::assert_snapshot!(error, @"no engine: looked for `tofu`, then `terraform`, on PATH. Install OpenTofu (https://opentofu.org/docs/intro/install/) or Terraform 1.9 or newer (https://developer.hashicorp.com/terraform/install), and put it on PATH or name its path in the settings");
    }
}
