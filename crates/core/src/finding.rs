//! What is wrong with a file that a person wrote, and how to correct it.
//!
//! Each mistake is one finding. It is shown as a line in the terminal, as a JSON object with
//! `--json`, and as an annotation in the pull request.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

/// A place in a file of the repository. Lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Location {
    /// The path relative to the root of the repository, with `/`.
    pub file: String,
    pub line: u32,
    pub column: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// A stable code, such as `unknown_param`.
    pub code: Cow<'static, str>,
    pub severity: Severity,
    #[serde(flatten)]
    pub place: Location,
    /// The JSON pointer into the document in that file, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// What is wrong: a sentence without a full stop.
    pub message: String,
    /// The allowed values, if they are a closed set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub did_you_mean: Option<String>,
    /// The command or edit that corrects it, as it can be typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Finding {
    pub fn error(code: &'static str, place: Location, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            severity: Severity::Error,
            place,
            pointer: None,
            message: message.into(),
            allowed: Vec::new(),
            did_you_mean: None,
            fix: None,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}[{}]: {}\n  --> {}", self.code, self.message, self.place)?;
        if let Some(pointer) = &self.pointer {
            write!(f, " ({pointer})")?;
        }
        if !self.allowed.is_empty() {
            write!(f, "\n  allowed: {}", self.allowed.join(", "))?;
        }
        if let Some(suggestion) = &self.did_you_mean {
            write!(f, "\n  did you mean `{suggestion}`?")?;
        }
        if let Some(fix) = &self.fix {
            write!(f, "\n  to mend it: {fix}")?;
        }
        Ok(())
    }
}
/// Returns whether any finding is an error and not only a warning.
pub fn has_error(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}
