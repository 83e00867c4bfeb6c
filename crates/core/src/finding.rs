//! What is wrong with a file that a person wrote, and how to mend it.
//!
//! One mistake is one finding. The same value is a line on the terminal, a JSON object under
//! `--json`, and an annotation on the line of the pull request.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

/// A place in a file of the repository; lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Location {
    /// Relative to the root of the repository, with `/`.
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
    /// Stable and searchable, e.g. `unknown_param`.
    pub code: Cow<'static, str>,
    pub severity: Severity,
    #[serde(flatten)]
    pub place: Location,
    /// JSON pointer into the document of that file, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// What is wrong, as a sentence without a full stop.
    pub message: String,
    /// What would be right, when that is a closed set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub did_you_mean: Option<String>,
    /// The command or edit that mends it, as it can be typed.
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
/// Returns whether a finding stands in the way; warnings do not.
pub fn has_error(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}
