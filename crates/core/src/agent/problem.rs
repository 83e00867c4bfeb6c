//! What is wrong with a call, described so that a model can correct it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{escape, finding::Finding};

/// The number of allowed values that are listed.
const MOST: usize = 40;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A stable code, such as `stale_revision`.
    pub code: Cow<'static, str>,
    /// A JSON pointer into the arguments, or into the document of a stack.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub pointer: Box<str>,
    pub message: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub did_you_mean: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<Box<str>>,
}

impl Problem {
    pub fn new(
        code: &'static str,
        pointer: impl Into<Box<str>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code: code.into(),
            pointer: pointer.into(),
            message: message.into(),
            allowed: Vec::new(),
            did_you_mean: None,
            fix: None,
        }
    }

    /// Adds the values that are allowed, and suggests the one nearest to `got` if it is near
    /// enough.
    #[must_use]
    pub fn allowed<'a>(mut self, allowed: impl Iterator<Item = &'a str>, got: &str) -> Self {
        let allowed: Vec<&str> = allowed.collect();
        if got.len() <= 80 {
            let nearest =
                allowed.iter().map(|name| (strsim::damerau_levenshtein(got, name), *name)).min();
            let is_near = |(distance, _): &(usize, &str)| *distance <= got.len() / 2;
            self.did_you_mean = nearest.filter(is_near).map(|(_, name)| name.into());
        }
        self.allowed = allowed.into_iter().take(MOST).map(str::to_owned).collect();
        self
    }

    #[must_use]
    pub fn fix(mut self, fix: impl Into<Box<str>>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

impl From<&Finding> for Problem {
    fn from(finding: &Finding) -> Self {
        Self {
            code: finding.code.clone(),
            pointer: finding.pointer.clone().unwrap_or_default().into(),
            message: escape::shortened(&finding.message, 400),
            allowed: finding.allowed.iter().take(MOST).cloned().collect(),
            did_you_mean: finding.did_you_mean.as_deref().map(Into::into),
            fix: finding.fix.as_deref().map(Into::into),
        }
    }
}
